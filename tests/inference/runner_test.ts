/** Runs from request to files: V12 of `spec/inference.md`, and what surrounds it. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { encodeNpz, openNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins } from "../../engine/formats/origins.ts";
import type { Box } from "../../engine/geometry/box.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { CanvasInput } from "../../engine/inference/canvas_input.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import { Executor } from "../../engine/inference/executor.ts";
import type { InferenceRequest } from "../../engine/inference/request.ts";
import { Runner, type RunnerControl, type SubvolumeResult } from "../../engine/inference/runner.ts";
import { h16 } from "../support/array_hash.ts";
import { BARS_BOX, barsRequest, outputDir, writeBarsVolume } from "../support/bars_request.ts";
import { StandInNetwork } from "../support/bars_volume.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

async function withRunner<T>(
  request: InferenceRequest,
  work: (runner: Runner, executor: Executor) => Promise<T>,
  createCanvas?: (input: CanvasInput) => HostCanvas,
): Promise<T> {
  const network = new StandInNetwork([5, 5, 5], [2, 2, 2], [5, 5, 5], request.batchSize);
  await using executor = new Executor(network);
  await using runner = await Runner.start(request, { executor, createCanvas });
  return await work(runner, executor);
}

const runOnce = (request: InferenceRequest, box: Box = BARS_BOX, control: RunnerControl = {}) =>
  withRunner(request, (runner) => runner.run(box, control));

/** Names of all files below a folder. */
function filesIn(dir: string, under = ""): string[] {
  try {
    return [...Deno.readDirSync(join(dir, under))].flatMap((entry) =>
      entry.isDirectory ? filesIn(dir, join(under, entry.name)) : [join(under, entry.name)]
    ).sort();
  } catch {
    return [];
  }
}

async function readMember(path: string, name: string) {
  return await (await openNpz(await Deno.readFile(path), path)).readArray(name);
}

/** `[id, start, iters]` of the origins that a segmentation file holds. */
async function storedOrigins(path: string): Promise<[number, Zyx, number][]> {
  const archive = await openNpz(await Deno.readFile(path), path);
  return [...decodeOrigins(await archive.readObject("origins"))]
    .map(([id, { startZyx, iters }]) => [id, startZyx, iters]);
}

Deno.test("Runner.run() segments forward and backward as V12", async () => {
  await using dir = await temporaryFolder();
  const image = await writeBarsVolume(dir.path);
  const forward = barsRequest(dir.path, image, "");
  const result = await runOnce(forward);
  const path = join(dir.path, "results", "2", "0", "seg-2_0_1.npz");
  strictEqual(result?.path, path);
  const segmentation = await readMember(path, "segmentation");
  strictEqual(segmentation.dtype, "uint8");
  strictEqual(await h16(segmentation.data), "c3e799b166383d26");
  deepStrictEqual(await storedOrigins(path), [[1, [6, 6, 2], 46], [2, [10, 6, 6], 32]]);
  const prob = path.replace(/npz$/, "prob");
  strictEqual(await h16((await readMember(prob, "qprob")).data), "f3ee395c7229ea36");
  const archive = await openNpz(await Deno.readFile(path), path);
  const counters = JSON.parse(await archive.readText("counters"));
  deepStrictEqual({
    "seed-policy-calls": counters["seed-policy-calls"],
    "segment_at-loop-calls": counters["segment_at-loop-calls"],
    "update_at-calls": counters["update_at-calls"],
    seed_got_too_weak: counters.seed_got_too_weak,
    skip_invalid_pos: counters.skip_invalid_pos,
    "load-image-calls": counters["load-image-calls"],
  }, {
    "seed-policy-calls": 161,
    "segment_at-loop-calls": 108,
    "update_at-calls": 184,
    seed_got_too_weak: 25,
    skip_invalid_pos: 105,
    "load-image-calls": 1,
  });
  strictEqual(await runOnce(forward), null);
  deepStrictEqual(filesIn(dir.of("results")), ["2/0/seg-2_0_1.npz", "2/0/seg-2_0_1.prob"]);

  const args = JSON.stringify(JSON.stringify({ segmentation_dir: dir.of("results") }));
  const backward = barsRequest(
    dir.path,
    image,
    `${outputDir(dir.of("reverse"))} seed_policy: "PolicyInvertOrigins" seed_policy_args: ${args}`,
  );
  const reversed = await runOnce(backward);
  deepStrictEqual((await storedOrigins(reversed!.path)).map(([id, start]) => [id, start]), [
    [1, [10, 6, 6]],
    [2, [6, 6, 2]],
  ]);
  const labels = await readMember(reversed!.path, "segmentation");
  strictEqual(await h16(labels.data), "aec44b055f0915bd");
  const reversedProb = await readMember(reversed!.path.replace(/npz$/, "prob"), "qprob");
  strictEqual(await h16(reversedProb.data), "f3ee395c7229ea36");
});

Deno.test("Runner.run() keeps the size of a box that reaches out of the volume (V12)", async () => {
  await using dir = await temporaryFolder();
  const request = barsRequest(dir.path, await writeBarsVolume(dir.path), "");
  let image = new Float32Array();
  const result = await withRunner(
    request,
    (runner) => runner.run({ start: [10, 10, 10], size: [20, 20, 20] }),
    (input) => {
      image = input.image as Float32Array<ArrayBuffer>;
      return new HostCanvas(input);
    },
  );
  strictEqual(result?.segmentation.length, 8000);
  image.forEach((v, i) => {
    const [z, y, x] = [Math.floor(i / 400), Math.floor(i / 20) % 20, i % 20];
    if (z >= 10 || y >= 10 || x >= 14) strictEqual(v, -4);
    else ok(v >= -1);
  });
  const negative = await runOnce(request, { start: [-3, 0, 0], size: [10, 20, 24] });
  strictEqual(negative?.path, dir.of("results", "0", "0", "seg-0_0_-3.npz"));
});

Deno.test("Runner refuses boxes beside the volume before anything is written", async () => {
  await using dir = await temporaryFolder();
  const request = barsRequest(dir.path, await writeBarsVolume(dir.path), "");
  await rejects(runOnce(request, { start: [20, 0, 0], size: [5, 5, 5] }), {
    name: "RangeError",
    message:
      /Cannot use bounding box start zyx \(20, 0, 0\).* must overlap ".*bars.npz:raw".*\(20, 20, 24\)/,
  });
  deepStrictEqual(filesIn(dir.of("results")), []);
});

Deno.test("Runner.run() stops with a checkpoint and goes on from it to the same result", async () => {
  await using dir = await temporaryFolder();
  const image = await writeBarsVolume(dir.path);
  const whole = await runOnce(barsRequest(dir.path, image, outputDir(dir.of("whole"))));
  const request = barsRequest(dir.path, image, "checkpoint_interval: 3600");
  const cpoint = dir.of("results", "2", "0", "seg-2_0_1.cpoint");
  let resumed = null;
  let stops = 0;
  while (resumed === null) {
    const stop = new AbortController();
    let left = 37;
    const control = {
      signal: stop.signal,
      onStep: () => void (left-- === 0 && stop.abort()),
    };
    try {
      resumed = await runOnce(request, BARS_BOX, control);
    } catch (error) {
      strictEqual(error, stop.signal.reason);
      ok(Deno.statSync(cpoint).isFile);
      stops++;
    }
  }
  strictEqual(stops, 4);
  deepStrictEqual(resumed.segmentation, whole!.segmentation);
  deepStrictEqual(resumed.segProb, whole!.segProb);
  deepStrictEqual(resumed.overlaps, whole!.overlaps);
  deepStrictEqual(await storedOrigins(resumed.path), await storedOrigins(whole!.path));
  deepStrictEqual(filesIn(dir.of("results")), ["2/0/seg-2_0_1.npz", "2/0/seg-2_0_1.prob"]);
});

Deno.test("Runner refuses the folder and the checkpoints of another request", async () => {
  await using dir = await temporaryFolder();
  const image = await writeBarsVolume(dir.path);
  await runOnce(barsRequest(dir.path, image, ""));
  const other = barsRequest(dir.path, image, 'movement_policy_args: "{\\"deltas\\": [1, 1, 1]}"');
  await rejects(runOnce(other), {
    message: /Cannot write to ".*results": it belongs to another request, whose result is ".*npz"/,
  });
  await rejects(runOnce(other, { start: [0, 0, 0], size: [20, 20, 20] }), /another request/);
  // How a run is scheduled and where it goes is not part of what it asks for.
  const moved = barsRequest(dir.path, image, "batch_size: 4 checkpoint_interval: 7");
  strictEqual(await runOnce(moved), null);

  const stop = new AbortController();
  const elsewhere = outputDir(dir.of("elsewhere"));
  await rejects(
    runOnce(barsRequest(dir.path, image, elsewhere), BARS_BOX, {
      signal: stop.signal,
      onStep: () => stop.abort(),
    }),
    { name: "AbortError" },
  );
  await rejects(
    runOnce(
      barsRequest(
        dir.path,
        image,
        `${elsewhere} movement_policy_args: "{\\"deltas\\": [1, 1, 1]}"`,
      ),
    ),
    /Cannot resume from ".*seg-2_0_1.cpoint": it belongs to another request/,
  );
});

Deno.test("Runner.run() applies masks, saves the image and starts from labels", async () => {
  await using dir = await temporaryFolder();
  const image = await writeBarsVolume(dir.path);
  const labels = new Uint8Array(9600);
  for (let z = 4; z < 9; z++) labels.fill(7, (z * 20 + 4) * 24 + 12, (z * 20 + 4) * 24 + 14);
  const labelsPath = dir.of("labels.npz");
  await Deno.writeFile(
    labelsPath,
    await encodeNpz([{
      name: "ids",
      value: { dtype: "uint8", shape: [20, 20, 24], data: labels },
    }]),
  );
  const result = await runOnce(barsRequest(
    dir.path,
    image,
    `masks { coordinate_expression { expression: "z > 10" } }
     seed_masks { image { channels { min_value: 0 max_value: 100 } } }
     init_segmentation { hdf5: ${JSON.stringify(`${labelsPath}:ids`)} }
     alignment_options { save_raw: true }`,
  ));
  // Label 1 is the old 7, which cuts bar A in two. Masks count in the volume's coordinates: bar B begins at z = 11.
  deepStrictEqual([...result!.origins.keys()], [2, 3]);
  ok([...result!.origins.values()].every(({ startZyx }) => startZyx[0] + BARS_BOX.start[0] <= 10));
  strictEqual(result!.segmentation.filter((v) => v === 1).length, 10);
  strictEqual(result!.counters.get("seed_got_too_weak"), 0);
  const align = await readMember(dir.of("results", "2", "0", "seg-2_0_1.align"), "im");
  strictEqual(align.dtype, "float32");
  deepStrictEqual(align.shape, [18, 20, 20]);
  strictEqual(align.data[0], -1);
});

Deno.test("Runner.run() stores an empty result where everything is masked", async () => {
  await using dir = await temporaryFolder();
  const request = barsRequest(
    dir.path,
    await writeBarsVolume(dir.path),
    `masks { coordinate_expression { expression: "x > -1" } }`,
  );
  await withRunner(request, async (runner) => {
    const result = await runner.run(BARS_BOX);
    strictEqual(result?.emptyBecause, "it is masked entirely");
    const stored = await readMember(result.path, "segmentation");
    ok(stored.data.every((v) => Number(v) === 0));
    deepStrictEqual(filesIn(dir.of("results")), ["2/0/seg-2_0_1.npz", "2/0/seg-2_0_1.prob"]);
    strictEqual(runner.counters.get("load-mask-calls"), 1);
    strictEqual(await runner.run(BARS_BOX), null);
  });
});

Deno.test("Runner.run() matches histograms, and stores an empty result where it cannot", async () => {
  await using dir = await temporaryFolder();
  const lutPath = dir.of("lut.npz");
  const lut = Uint8Array.from({ length: 256 }, (_, i) => i / 2);
  await Deno.writeFile(
    lutPath,
    await encodeNpz([{ name: "lut", value: { dtype: "uint8", shape: [256], data: lut } }]),
  );
  const image = await writeBarsVolume(dir.path);
  const more = `reference_histogram: ${JSON.stringify(lutPath)}`;
  let matched = new Float32Array();
  const result = await withRunner(
    barsRequest(dir.path, image, more),
    // Away from the flat sections at both ends.
    (runner) => runner.run({ start: [4, 0, 0], size: [5, 20, 24] }),
    (input) => {
      matched = input.image as Float32Array<ArrayBuffer>;
      return new HostCanvas(input);
    },
  );
  strictEqual(result?.emptyBecause, null);
  ok(matched.every((v) => v <= Math.fround(-1 / 32)), "the reference has no value above 127");
  const flat = await runOnce(barsRequest(dir.path, image, `${more} ${outputDir(dir.of("flat"))}`));
  ok(/histogram cannot be matched/.test(flat!.emptyBecause!), flat!.emptyBecause!);
});

Deno.test("Runner.start() refuses a network of other sizes, and volumes that do not exist", async () => {
  await using dir = await temporaryFolder();
  const image = await writeBarsVolume(dir.path);
  await using executor = new Executor(new StandInNetwork([5, 5, 5], [1, 1, 1]));
  await rejects(
    Runner.start(barsRequest(dir.path, image, ""), { executor }),
    /deltas must be \(2, 2, 2\), current is \(1, 1, 1\) \(zyx\)/,
  );
  for (
    const more of [
      `init_segmentation { hdf5: "missing.h5:a" }`,
      `masks { volume { mask { hdf5: "missing.h5:a" } channels { channel: 0 } } }`,
      `reference_histogram: "missing.npz"`,
      `shift_mask { hdf5: "missing.h5:a" } shift_mask_scale: 1 shift_mask_threshold: 4`,
    ]
  ) {
    await rejects(runOnce(barsRequest(dir.path, image, more)), { name: "NotFoundError" }, more);
  }
  deepStrictEqual(filesIn(dir.of("results")), []);
});

Deno.test("Runner.run() of several boxes at once shares batches and gives what single runs give", async () => {
  await using dir = await temporaryFolder();
  const image = await writeBarsVolume(dir.path);
  const boxes: Box[] = [0, 4, 8].map((z) => ({ start: [z, 0, 0], size: [12, 20, 24] }));
  const alone: (SubvolumeResult | null)[] = [];
  for (const box of boxes) {
    alone.push(await runOnce(barsRequest(dir.path, image, outputDir(dir.of("alone"))), box));
  }
  await withRunner(barsRequest(dir.path, image, "batch_size: 2"), async (runner, executor) => {
    const together = await Promise.all(boxes.map((box) => runner.run(box)));
    deepStrictEqual(together.map((r) => r!.segmentation), alone.map((r) => r!.segmentation));
    const steps = alone.reduce((n, r) => n + r!.counters.get("update_at-calls"), 0);
    ok(executor.counters.get("executor-inference-calls") < steps);
  });
});
