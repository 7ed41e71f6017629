/**
 * Batches whose workers are killed, put to sleep, want the same box, and run into a full disk, torn files and a failing
 * server, against undisturbed ones. `FFN_FAULTS` runs some of the cases: `FFN_FAULTS=kills,torn`. What SLURM does to a
 * batch is in `slurm_batch`.
 */
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { listSegmentations } from "../../engine/segmentation/subvolume_paths.ts";
import { type BatchRun, batchRun, otherFiles, readBatch } from "../support/batch_run.ts";
import { failingFolder } from "../support/failing_folder.ts";
import { seededRandom } from "../support/random.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "batches under 20 random kill -9, races for one box, sleeping lease holders, a full disk, torn files, a server that fails, and a pipeline killed anywhere: equal to undisturbed runs";

const HERE = ["--threads", "1", "--kernel-process", "off", "--backend", "wasm"];
const TILING = ["--subvolume-size", "32", "--subvolume-overlap", "16"];
const SIZE = [48, 64, 48] as const;
const KILLS = 20;
const NAPS = 4;

export async function run(context: AcceptanceContext): Promise<void> {
  const { check } = context;
  await using run = await batchRun(SIZE);
  await end(context, "alone", batch(await run.write("alone")));
  const expected = await readBatch(run.of("alone"));
  check("boxes", Object.keys(expected).length, ">= 8", Object.keys(expected).length >= 8);
  const compare = async (what: string, dir: string) => {
    const same = isDeepStrictEqual(await readBatch(run.of(dir)), expected);
    check(`${what} equals the undisturbed run`, `${same}`, "true", same);
    const left = (await otherFiles(run.of(dir))).filter((path) =>
      !/failures|prepared|clocks|review/.test(path)
    ).join();
    check(
      `${what} leaves`,
      left,
      ".batch/batch.json,counters.txt",
      left === ".batch/batch.json,counters.txt",
    );
  };
  for (const workers of [2, 4]) {
    const request = await run.write(`workers${workers}`);
    await end(context, `${workers} workers`, [...batch(request), "--workers", `${workers}`]);
    await compare(`${workers} workers`, `workers${workers}`);
  }
  const cases = {
    kills: () => killWorkers(context, run, compare),
    race: () => raceForOneBox(context, run, expected),
    sleep: () => sleepPastLease(context, run, compare),
    disk: () => fillDisk(context, run, compare),
    torn: () => tearFiles(context, run, compare),
    server: () => failingServer(context, run, compare),
    pipeline: () => killPipeline(context, run),
  };
  const names = Deno.env.get("FFN_FAULTS")?.split(",") ?? Object.keys(cases);
  for (const [name, test] of Object.entries(cases)) {
    if (names.includes(name)) await test();
  }
}

type Compare = (what: string, dir: string) => Promise<void>;

function batch(request: string): string[] {
  return ["run-batch-inference", "--inference-requests", request, ...TILING, ...HERE];
}

function start({ root }: AcceptanceContext, args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, "cli.ts"), ...args],
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function end(context: AcceptanceContext, what: string, args: string[]): Promise<void> {
  const { code } = await start(context, args).status;
  context.check(`exit code, ${what}`, code, "0", code === 0);
}

function leased(run: BatchRun, dir: string): string[] {
  const folder = run.of(dir, ".batch", "leases");
  return existsSync(folder) ? [...Deno.readDirSync(folder)].map(({ name }) => name) : [];
}

/** Two workers, one of which is killed again and again; each time another takes its place. */
async function killWorkers(context: AcceptanceContext, run: BatchRun, compare: Compare) {
  const random = seededRandom(Date.now() >>> 0);
  let kills = 0;
  for (let round = 0; kills < KILLS; round++) {
    const dir = `killed${round}`;
    const args = [...batch(await run.write(dir)), "--lease-seconds", "1"];
    const workers = [start(context, args), start(context, args)];
    for (let here = 0; here < 5 && kills < KILLS; here++) {
      // Somewhere in a box, or in giving it back.
      while (leased(run, dir).length === 0 && here === 0) await setTimeout(20);
      await setTimeout(200 + 600 * random());
      const victim = workers.shift()!;
      const isRunning = await Promise.race([victim.status.then(() => false), setTimeout(0, true)]);
      if (isRunning) {
        victim.kill("SIGKILL");
        kills++;
      }
      await victim.status;
      workers.push(start(context, args));
    }
    for (const worker of workers) await worker.status;
    await compare(`round ${round} of kills`, dir);
  }
  context.check("kills", kills, `${KILLS}`, kills === KILLS);
}

/** Workers that all want the same box at the same time: one segments it, and the others find nothing to do. */
async function raceForOneBox(
  { root, check }: AcceptanceContext,
  run: BatchRun,
  expected: Record<string, unknown>,
) {
  let winners = 0;
  const rounds = 3;
  for (let round = 0; round < rounds; round++) {
    const dir = `race${round}`;
    const share = `${round}/${Object.keys(expected).length}`;
    const args = [...batch(await run.write(dir)), "--shard", share, "--leave-leased"];
    const ends = await Promise.all(Array.from({ length: 4 }, async () => {
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", join(root, "cli.ts"), ...args],
        stderr: "null",
      }).output();
      return { code, text: new TextDecoder().decode(stdout) };
    }));
    winners += ends.filter(({ text }) => /\.npz: \d+ objects/.test(text)).length;
    const results = Object.entries(await readBatch(run.of(dir)));
    const isRight = results.length === 1 && ends.every(({ code }) => code === 0) &&
      isDeepStrictEqual(results[0][1], expected[results[0][0]]);
    check(`race ${round} of 4 workers for one box`, `${isRight}`, "true", isRight);
  }
  check("winners of the races", winners, `${rounds}`, winners === rounds);
}

/** Both workers sleep in turn past their leases, while the other takes over, and wake again. */
async function sleepPastLease(context: AcceptanceContext, run: BatchRun, compare: Compare) {
  let naps = 0;
  // On idle cores a batch is over after a nap or two.
  for (let round = 0; naps < NAPS && round < NAPS; round++) {
    const dir = `asleep${round}`;
    const args = [...batch(await run.write(dir)), "--lease-seconds", "0.5"];
    const workers = [start(context, args), start(context, args)];
    while (leased(run, dir).length === 0) await setTimeout(20);
    const all = Promise.all(workers.map((worker) => worker.status));
    for (let i = 0; !await Promise.race([all.then(() => true), setTimeout(100, false)]); i++) {
      const sleeper = workers[i % 2];
      const isRunning = await Promise.race([
        sleeper.status.then(() => false),
        setTimeout(0, true),
      ]);
      if (!isRunning) continue;
      sleeper.kill("SIGSTOP");
      await setTimeout(1500);
      sleeper.kill("SIGCONT");
      naps++;
    }
    await compare(`round ${round} of sleeping holders`, dir);
  }
  context.check("naps of three leases", naps, `>= ${NAPS}`, naps >= NAPS);
}

/** No file may grow beyond some blocks: what a full disk is to whoever writes. */
async function fillDisk(context: AcceptanceContext, run: BatchRun, compare: Compare) {
  const { root, check } = context;
  const args = batch(await run.write("full"));
  const command = [Deno.execPath(), "run", "-A", join(root, "cli.ts"), ...args];
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-c", `trap '' XFSZ; ulimit -f 1; exec "$@"`, "bash", ...command],
  }).output();
  const text = new TextDecoder().decode(stderr).trim().split("\n").at(-1) ?? "";
  check(
    "a full disk stops the worker",
    `${code}: ${text}`,
    "1: Cannot write",
    code === 1 && /Cannot write/.test(text),
  );
  const done = Object.keys(await readBatch(run.of("full"))).length;
  const failed = existsSync(run.of("full", ".batch", "failures"));
  check("boxes finished or blamed", `${done}, ${failed}`, "0, false", done === 0 && !failed);
  await end(context, "after making room", args);
  await compare("a full disk", "full");
}

/** Files that were cut short, zeroed or deleted before a batch, in the midst of it, and after it. */
async function tearFiles(context: AcceptanceContext, run: BatchRun, compare: Compare) {
  const random = seededRandom(Date.now() >>> 0);
  const args = [...batch(await run.write("torn")), "--lease-seconds", "1"];
  const sources = await listSegmentations(run.of("alone"));
  let torn = 0;
  const tear = async ({ path }: { path: string }, dir: string) => {
    const suffix = random() < 0.7 ? "npz" : "prob";
    const from = path.replace(/npz$/, suffix);
    const to = join(run.of(dir), relative(run.of("alone"), from));
    const whole = await Deno.readFile(from);
    const bytes = random() < 0.5
      ? whole.subarray(0, whole.length * random())
      : whole.fill(0, 0, 64 + whole.length * random());
    await Deno.mkdir(dirname(to), { recursive: true });
    // A torn map of probabilities beside a whole segmentation, by which the box looks finished.
    if (suffix === "prob") await Deno.copyFile(path, to.replace(/prob$/, "npz"));
    await Deno.writeFile(to, bytes);
    torn++;
  };
  for (const source of sources.slice(0, 3)) await tear(source, "torn");
  const workers = [start(context, args), start(context, args)];
  while ((await listSegmentations(run.of("torn"))).length < 5) await setTimeout(20);
  for (const source of sources.slice(-2)) await tear(source, "torn");
  for (const worker of workers) {
    const { code } = await worker.status;
    context.check("exit code of a worker among torn files", code, "0", code === 0);
  }
  await Deno.remove(join(run.of("torn"), relative(run.of("alone"), sources[4].path)));
  for (const source of [sources[2], sources[5]]) await tear(source, "torn");
  await end(context, "after tearing", args);
  for await (const path of damagedFiles(run.of("torn"))) await Deno.remove(path);
  context.check("files torn or zeroed", torn, "7", torn === 7);
  await compare("torn files", "torn");
}

/** What was moved aside below a folder. */
async function* damagedFiles(folder: string): AsyncGenerator<string> {
  for (const path of await otherFiles(folder)) {
    if (path.endsWith(".damaged")) yield join(folder, path);
  }
}

/** A web server that answers 503, cuts answers short, and takes its time. */
async function failingServer(context: AcceptanceContext, run: BatchRun, compare: Compare) {
  await end(context, "convert", [
    "convert",
    `${run.of("em.npz")}:raw`,
    run.of("em.zarr"),
    "--levels",
    "1",
    "--chunk-size",
    "16,16,16",
  ]);
  await using server = failingFolder(run.path);
  const image =
    `image { tensorstore: '{"driver": "zarr3", "kvstore": "${server.url}/em.zarr/0"}' }`;
  const request = await run.write("served", { image });
  await end(context, "failing server", [...batch(request), "--workers", "2"]);
  const { unavailable, slow, truncated } = server.faults;
  context.check(
    `503, slow and truncated answers of ${server.requests}`,
    `${unavailable}, ${slow}, ${truncated}`,
    "each >= 1",
    Math.min(unavailable, slow, truncated) >= 1,
  );
  await compare("a failing server", "served");
}

/** `ffn segment-volume`, killed at moments that come later and later. */
async function killPipeline(context: AcceptanceContext, run: BatchRun) {
  const configure = async (name: string) => {
    await run.write(`${name}-inference`);
    await Deno.writeTextFile(
      run.of(`${name}.yaml`),
      `output: ${name}
compute: {threads: 1, backend: wasm, kernel_process: "off"}
inference: {requests: ${name}-inference.pbtxt, subvolume_size: 32, subvolume_overlap: 16, lease_seconds: 0.5}
consensus: {min_ffn_size: 20, min_out_size: 30, assembly: paste}
resegmentation: {radius: 7, max_distance: 3}
automerge: {threshold: 0.01}
export: [${name}/merged.npy]
`,
    );
    return ["segment-volume", run.of(`${name}.yaml`)];
  };
  await end(context, "the pipeline alone", await configure("whole"));
  const args = await configure("stopped");
  let kills = 0;
  for (let delayMs = 800;; delayMs += 400) {
    const child = start(context, args);
    const status = await Promise.race([child.status, setTimeout(delayMs, null)]);
    if (status !== null) {
      context.check("exit code of the killed pipeline", status.code, "0", status.code === 0);
      break;
    }
    child.kill("SIGKILL");
    await child.status;
    kills++;
  }
  context.check("kills of the pipeline", kills, ">= 3", kills >= 3);
  for (const name of ["merged.npy", "affinities.csv", "consensus.h5"]) {
    const [one, two] = await Promise.all(
      ["whole", "stopped"].map((dir) => Deno.readFile(run.of(dir, name))),
    );
    // HDF5 files name their sources, which differ.
    const same = name.endsWith("h5")
      ? one.length > 0 && two.length > 0
      : isDeepStrictEqual(one, two);
    context.check(`${name} of the killed pipeline`, `${same}`, "equal", same);
  }
}
