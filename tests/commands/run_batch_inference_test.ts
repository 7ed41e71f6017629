import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { batchRun, BOXES, otherFiles, readBatch, TILING } from "../support/batch_run.ts";
import { ffn } from "../support/cli.ts";

const HERE = ["--threads", "1", "--kernel-process", "off", "--backend", "wasm"];
const batch = (...args: string[]) => ffn("run_batch_inference", ...args, ...HERE);

Deno.test("ffn run-batch-inference gives what single runs of its boxes give", async () => {
  await using run = await batchRun();
  const request = await run.write("results");
  const { code, stdout, stderr } = await batch("--inference-requests", request, ...TILING);
  strictEqual(code, 0, stderr);
  match(stdout, new RegExp(`${BOXES} of ${BOXES} subvolumes finished\n$`));
  const results = await readBatch(run.of("results"));
  strictEqual(Object.keys(results).length, BOXES);
  deepStrictEqual(await otherFiles(run.of("results")), [".batch/batch.json", "counters.txt"]);

  const alone = await run.write("alone");
  const box = "start { x: 8 y: 16 z: 8 } size { x: 16 y: 16 z: 16 }";
  await ffn("run-inference", "--request", alone, "--bounding-box", box, ...HERE);
  const [[corner, result]] = Object.entries(await readBatch(run.of("alone")));
  strictEqual(corner, "8,16,8");
  deepStrictEqual(results[corner], result);

  const again = await batch("--inference-requests", request, ...TILING);
  strictEqual(again.code, 0, again.stderr);
  deepStrictEqual(await readBatch(run.of("results")), results);
});

Deno.test("ffn run-batch-inference divides boxes among shards and processes", async () => {
  await using run = await batchRun();
  const whole = await run.write("whole");
  const pieces = await run.write("pieces");
  await batch("--inference-requests", whole, ...TILING);
  const first = await batch("--inference-requests", pieces, ...TILING, "--shard", "0/3");
  match(first.stdout, /4 of 12 subvolumes finished/);
  const second = await batch("--inference-requests", pieces, ...TILING, "--rank=1", "--nworkers=3");
  match(second.stdout, /8 of 12 subvolumes finished/);
  const rest = await batch("--inference-requests", pieces, ...TILING, "--workers", "2");
  strictEqual(rest.code, 0, rest.stderr);
  match(rest.stdout, /12 of 12 subvolumes finished/);
  deepStrictEqual(await readBatch(run.of("pieces")), await readBatch(run.of("whole")));
});

Deno.test("ffn run-batch-inference takes a box through all requests in order", async () => {
  await using run = await batchRun();
  const forward = await run.write("forward");
  const args = JSON.stringify(JSON.stringify({ segmentation_dir: run.of("forward") }));
  const seeds = `seed_policy: "PolicyInvertOrigins" seed_policy_args: ${args}`;
  const reverse = await run.write("reverse", { seeds });
  const { code, stderr } = await batch("--inference_requests", `${forward} ${reverse}`, ...TILING);
  strictEqual(code, 0, stderr);
  const [one, two] = [await readBatch(run.of("forward")), await readBatch(run.of("reverse"))];
  deepStrictEqual(Object.keys(one), Object.keys(two));
  deepStrictEqual(await otherFiles(run.of("reverse")), ["counters.txt"]);
});

Deno.test("ffn run-batch-inference converts boxes to zyx and cuts as the reference does", async () => {
  await using run = await batchRun();
  const request = await run.write("results");
  await Deno.writeTextFile(run.of("box.pbtxt"), "start { x: 2 y: 1 } size { x: 22 y: 20 z: 12 }");
  const asked = (...args: string[]) =>
    batch(
      "--inference-requests",
      request,
      "--bounding-box",
      run.of("box.pbtxt"),
      "--advise",
      ...args,
    );
  // Of the box zyx (12, 20, 22), only y and x are longer than 14.
  const count = async (...args: string[]) => (await asked(...args)).stdout;
  strictEqual(
    await count("--subvolume-size", "14", "--subvolume-overlap", "8"),
    "num subvols=6.\n",
  );
  strictEqual(
    await count("--subvolume-size", "-1,-1,14", "--subvolume-overlap", "8", "--include-small"),
    "num subvols=4.\n",
  );
  strictEqual(await count(), "num subvols=1.\n");
  strictEqual(
    await count("--subvolume-size=-1,10,-1", "--subvolume-overlap=0"),
    "num subvols=2.\n",
  );
});

Deno.test("ffn run-batch-inference shifts boxes back to full size", async () => {
  await using run = await batchRun();
  const request = await run.write("results");
  const tiling = ["--subvolume-size", "-1,-1,16", "--subvolume-overlap", "4", "--back-shift"];
  const { code, stderr } = await batch("--inference-requests", request, ...tiling);
  strictEqual(code, 0, stderr);
  deepStrictEqual(Object.keys(await readBatch(run.of("results"))), ["0,0,0", "0,0,8"]);
});

Deno.test("ffn run-batch-inference keeps errors of poisoned boxes and finishes the others", async () => {
  await using run = await batchRun();
  const request = await run.write("results");
  // A checkpoint that cannot be read spoils one attempt, a folder in the place of a result spoils all.
  await Deno.mkdir(run.of("results", "0", "0"), { recursive: true });
  await Deno.writeTextFile(run.of("results", "0", "0", "seg-0_0_0.cpoint"), "torn");
  await Deno.mkdir(run.of("results", "8", "16", "seg-8_16_0.prob", "in the way"), {
    recursive: true,
  });
  const { code, stdout, stderr } = await batch("--inference-requests", request, ...TILING);
  strictEqual(code, 1);
  match(stdout, /11 of 12 subvolumes finished/);
  match(stderr, /0_0_0 failed: Cannot/);
  match(stderr, /Cannot finish ".*results": 1 subvolumes failed 3 times, the first is 8_16_0: /);

  await Deno.remove(run.of("results", "8", "16", "seg-8_16_0.prob"), { recursive: true });
  strictEqual((await batch("--inference-requests", request, ...TILING)).code, 1);
  const retried = await batch("--inference-requests", request, ...TILING, "--retry-failed");
  strictEqual(retried.code, 0, retried.stderr);
  await batch("--inference-requests", await run.write("whole"), ...TILING);
  deepStrictEqual(await readBatch(run.of("results")), await readBatch(run.of("whole")));
});

Deno.test("ffn run-batch-inference refuses what does not fit, before any work", async () => {
  await using run = await batchRun();
  const request = await run.write("results");
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { code, stderr } = await batch(...args);
    strictEqual(code, 2, stderr);
    match(stderr, pattern);
  };
  const on = ["--inference-requests", request];
  await refused(/give --inference-requests/);
  await refused(/--shard "3\/3": it must be I\/N/, ...on, "--shard", "3/3");
  await refused(/--rank must go from 0/, ...on, "--rank", "2", "--nworkers", "2");
  await refused(/--subvolume-size "8,8": it must be one integer/, ...on, "--subvolume-size", "8,8");
  await refused(/would coincide/, ...on, "--include-small", "--back-shift");
  await refused(/into ".*results": each needs/, ...on, request);
  const other = await run.write("other", { more: "batch_size: 4" });
  await refused(/batchSize must be the same, current are 1 and 4/, ...on, other);
  await batch(...on, ...TILING, "--shard", "0/12");
  await refused(
    /it holds a batch of other boxes/,
    ...on,
    "--subvolume-size",
    "30",
    "--subvolume-overlap",
    "8",
  );
  ok((await Deno.stat(run.of("results"))).isDirectory);
});

Deno.test({
  name: "ffn run-batch-inference --gpus shows every process the card of its number, from outside",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using run = await batchRun();
    const request = await run.write("results");
    const shown = new Map<string, string>();
    const running = batch(
      ...["--inference-requests", request, ...TILING, "--gpus", "3", "--owner", "here"],
      ...["--gpu-env", "CUDA_VISIBLE_DEVICES={i} STAND_IN=card-{i}-of-3"],
    );
    let isOver = false;
    running.then(() => isOver = true);
    while (!isOver) {
      for (const { owner, environment } of workersOf(request)) {
        const { CUDA_VISIBLE_DEVICES, STAND_IN } = environment;
        shown.set(owner, `${CUDA_VISIBLE_DEVICES} ${STAND_IN}`);
      }
      await setTimeout(20);
    }
    const { code, stderr } = await running;
    strictEqual(code, 0, stderr);
    deepStrictEqual([...shown].sort(), [
      ["here.gpu0.0", "0 card-0-of-3"],
      ["here.gpu1.1", "1 card-1-of-3"],
      ["here.gpu2.2", "2 card-2-of-3"],
    ]);
    strictEqual(Deno.env.get("STAND_IN"), undefined);
    strictEqual(Object.keys(await readBatch(run.of("results"))).length, BOXES);
  },
});

/** Processes of this machine that work on a request, with what they were given. */
function* workersOf(request: string) {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      const owner = words[words.indexOf("--owner") + 1];
      if (!words.includes(request) || !words.includes("--owner")) continue;
      const pairs = Deno.readTextFileSync(`/proc/${name}/environ`).split("\0");
      yield { owner, environment: Object.fromEntries(pairs.map((pair) => pair.split("="))) };
    } catch {
      // It has just ended.
    }
  }
}
