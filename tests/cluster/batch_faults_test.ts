/** Workers that die, stop and come back: the batch is what one undisturbed process makes of it. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { listSegmentations } from "../../engine/segmentation/subvolume_paths.ts";
import {
  type BatchRun,
  batchRun,
  BOXES,
  otherFiles,
  readBatch,
  TILING,
} from "../support/batch_run.ts";
import { ffn } from "../support/cli.ts";
import { failingFolder } from "../support/failing_folder.ts";
import { seededRandom } from "../support/random.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const ARGS = [...TILING, "--threads", "1", "--kernel-process", "off", "--backend", "wasm"];

function startWorker(request: string, leaseSeconds: number): Deno.ChildProcess {
  const lease = ["--lease-seconds", `${leaseSeconds}`];
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      CLI,
      "run-batch-inference",
      "--inference-requests",
      request,
      ...ARGS,
      ...lease,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

/** What one process makes of the batch. */
async function undisturbed(run: BatchRun) {
  const request = await run.write("whole");
  const { code, stderr } = await ffn(
    "run-batch-inference",
    "--inference-requests",
    request,
    ...ARGS,
  );
  strictEqual(code, 0, stderr);
  return await readBatch(run.of("whole"));
}

/** Names of the boxes that are held. */
function leased(run: BatchRun, name = "results"): string[] {
  try {
    return [...Deno.readDirSync(run.of(name, ".batch", "leases"))].map(({ name }) => name);
  } catch {
    return [];
  }
}

/** Whether no worker has anything left to do. */
async function isOver(run: BatchRun, name = "results"): Promise<boolean> {
  return (await listSegmentations(run.of(name))).length === BOXES;
}

/** Kills a worker; false when it had ended by itself. */
async function kill(worker: Deno.ChildProcess): Promise<boolean> {
  try {
    worker.kill("SIGKILL");
  } catch {
    return false;
  }
  return (await worker.status).signal === "SIGKILL";
}

Deno.test("run-batch-inference loses nothing to workers that are killed at random moments", async () => {
  await using run = await batchRun();
  const expected = await undisturbed(run);
  const random = seededRandom(5);
  let kills = 0;
  // On a busy machine a batch may be over before anybody was killed in it.
  for (let round = 0; round < 5 && kills < 3; round++) {
    const name = `results${round}`;
    const request = await run.write(name);
    const workers = [startWorker(request, 1), startWorker(request, 1)];
    for (let i = 0; i < 4; i++) {
      while (leased(run, name).length === 0 && !await isOver(run, name)) await setTimeout(5);
      await setTimeout(100 * random());
      if (await isOver(run, name)) break;
      if (await kill(workers.shift()!)) kills++;
      workers.push(startWorker(request, 1));
    }
    for (const worker of workers) strictEqual((await worker.status).code, 0);
    deepStrictEqual(await readBatch(run.of(name)), expected);
    const left = (await otherFiles(run.of(name))).filter((path) =>
      !/\/(failures|prepared|clocks|review)\//.test(path)
    );
    deepStrictEqual(left, [".batch/batch.json", "counters.txt"]);
  }
  ok(kills > 0);
});

Deno.test("run-batch-inference lets no worker that slept past its lease touch a finished box", async () => {
  await using run = await batchRun();
  const expected = await undisturbed(run);
  const request = await run.write("results");
  const sleeper = startWorker(request, 0.3);
  // Stopped in the middle of a box.
  for (;;) {
    while (leased(run).length === 0) await setTimeout(5);
    ok(!await isOver(run), "the batch is too small to stop anybody in it");
    sleeper.kill("SIGSTOP");
    await setTimeout(50);
    if (leased(run).length > 0) break;
    sleeper.kill("SIGCONT");
  }
  const [box] = leased(run);
  const [x, y] = box.split("_");
  const other = await ffn(
    "run-batch-inference",
    "--inference-requests",
    request,
    ...ARGS,
    "--lease-seconds",
    "0.3",
  );
  strictEqual(other.code, 0, other.stderr);
  const result = join(run.of("results", x, y), `seg-${box}.npz`);
  const before = await Deno.stat(result);
  sleeper.kill("SIGCONT");
  strictEqual((await sleeper.status).code, 0);
  const after = await Deno.stat(result);
  deepStrictEqual([after.ino, after.mtime], [before.ino, before.mtime]);
  deepStrictEqual(await readBatch(run.of("results")), expected);
  ok(!(await otherFiles(run.of("results"))).some((path) => /scratch|leases|dropped/.test(path)));
});

Deno.test("run-batch-inference segments anew what is torn or gone, whatever was noted about it", async () => {
  await using run = await batchRun();
  const expected = await undisturbed(run);
  const request = await run.write("results");
  const again = async () => {
    const args = ["run-batch-inference", "--inference-requests", request, ...ARGS];
    return await ffn(...args);
  };
  // Somebody else's copy was cut short before the batch began: the first result that a worker comes across.
  const first = run.of("results", "0", "0", "seg-0_0_0.npz");
  await Deno.mkdir(dirname(first), { recursive: true });
  const whole = await Deno.readFile(run.of("whole", "0", "0", "seg-0_0_0.npz"));
  await Deno.writeFile(first, whole.subarray(0, whole.length / 2));
  const begun = await again();
  strictEqual(begun.code, 0, begun.stderr);
  match(begun.stderr, /0_0_0 failed: its result was moved aside: Cannot open ".*seg-0_0_0\.npz"/);
  deepStrictEqual(await readBatch(run.of("results")), expected);
  strictEqual((await Deno.stat(`${first}.damaged`)).size, Math.floor(whole.length / 2));

  // A finished batch, in which files are torn and deleted afterwards.
  await Deno.truncate(run.of("results", "8", "16", "seg-8_16_8.prob"), 40);
  await Deno.writeFile(run.of("results", "0", "8", "seg-0_8_0.npz"), new Uint8Array(1000));
  await Deno.remove(run.of("results", "8", "0", "seg-8_0_8.npz"));
  const mended = await again();
  strictEqual(mended.code, 0, mended.stderr);
  match(mended.stdout, /12 of 12 subvolumes finished/);
  deepStrictEqual(await readBatch(run.of("results")), expected);
});

Deno.test("run-batch-inference ends at a full disk, blames no box for it, and goes on with room", async () => {
  await using run = await batchRun([16, 24, 16]);
  const request = await run.write("results");
  const args = ["run-batch-inference", "--inference-requests", request, ...ARGS];
  // No file may grow beyond a block: what a full disk is to whoever writes.
  const { code, stderr } = await new Deno.Command("bash", {
    args: [
      ...["-c", `trap '' XFSZ; ulimit -f 1; exec "$@"`, "bash"],
      ...[Deno.execPath(), "run", "-A", CLI, ...args],
    ],
  }).output();
  strictEqual(code, 1);
  match(new TextDecoder().decode(stderr), /Cannot write ".*": .*\(os error 27\)\s*$/);
  deepStrictEqual(await readBatch(run.of("results")), {});
  ok(!existsSync(run.of("results", ".batch", "failures")));
  const again = await ffn(...args);
  strictEqual(again.code, 0, again.stderr);
  const other = await run.write("whole");
  await ffn("run-batch-inference", "--inference-requests", other, ...ARGS);
  deepStrictEqual(await readBatch(run.of("results")), await readBatch(run.of("whole")));
  deepStrictEqual(
    (await otherFiles(run.of("results"))).filter((path) => !/prepared|clocks|review/.test(path)),
    [".batch/batch.json", "counters.txt"],
  );
});

Deno.test("run-batch-inference reads through a server that answers 503, late, or in part", async () => {
  await using run = await batchRun([24, 32, 16]);
  const expected = await undisturbed(run);
  const [from, to] = [`${run.of("em.npz")}:raw`, run.of("em.zarr")];
  const made = await ffn("convert", from, to, "--levels", "1", "--chunk-size", "16,16,16");
  strictEqual(made.code, 0, made.stderr);
  await using server = failingFolder(run.path);
  const image =
    `image { tensorstore: '{"driver": "zarr3", "kvstore": "${server.url}/em.zarr/0"}' }`;
  const request = await run.write("served", { image });
  const served = await ffn("run-batch-inference", "--inference-requests", request, ...ARGS);
  strictEqual(served.code, 0, served.stderr);
  ok(Math.min(...Object.values(server.faults)) >= 1, JSON.stringify(server.faults));
  deepStrictEqual(await readBatch(run.of("served")), expected);
});
