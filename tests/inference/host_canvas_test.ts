/** What the vectors do not reach: refusals, shared object maps, progress. */
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { FovPredictor } from "../../engine/inference/canvas.ts";
import type { CanvasInput } from "../../engine/inference/canvas_input.ts";
import type { CanvasOptions } from "../../engine/inference/canvas_options.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import type { ProgressReport } from "../../engine/inference/run_control.ts";
import { normaliseImage } from "../../engine/inference/subvolume_image.ts";
import {
  BARS_SIZE,
  barsImage,
  ListedSeeds,
  modelOf,
  StandInNetwork,
} from "../support/bars_volume.ts";

const OPTIONS: CanvasOptions = {
  initActivation: 0.95,
  padValue: 0.05,
  moveThreshold: 0.9,
  segmentThreshold: 0.6,
};

function canvasOf(more: Partial<CanvasInput> = {}, options: Partial<CanvasOptions> = {}) {
  return new HostCanvas({
    image: barsImage(),
    size: BARS_SIZE,
    predictor: new StandInNetwork(),
    ...more,
    options: { ...OPTIONS, ...options },
  });
}

Deno.test("HostCanvas refuses options that are no probabilities or sizes", () => {
  throws(
    () => canvasOf({}, { segmentThreshold: 0 }),
    /segment_threshold 0: a probability strictly between 0 and 1/,
  );
  throws(() => canvasOf({}, { moveThreshold: 1 }), /move_threshold 1/);
  throws(() => canvasOf({}, { padValue: NaN }), /pad_value NaN/);
  throws(() => canvasOf({}, { minSegmentSize: -1 }), /min_segment_size -1: must be >= 0/);
  throws(() => canvasOf({}, { minBoundaryDist: [0, -1, 0] }), /\(0, -1, 0\) \(zyx\): must be >= 0/);
});

Deno.test("HostCanvas refuses images and models that do not fit", () => {
  throws(
    () => canvasOf({ image: new Float32Array(7) }),
    /the image must have 9600 voxels, current number is 7/,
  );
  throws(() => canvasOf({ size: [0, 20, 24] }), /each axis must be at least 1/);
  throws(() => canvasOf({ size: [2048, 2048, 2048] }), /use smaller subvolumes/);
  const predictorOf = (imageSize: Zyx, seedSize: Zyx, predSize: Zyx): FovPredictor => ({
    model: { ...modelOf(seedSize, [1, 1, 1], predSize), imageSize },
    predict: () => Promise.resolve(),
  });
  throws(
    () => canvasOf({ predictor: predictorOf([5, 5, 5], [7, 5, 5], [5, 5, 5]) }),
    /predicted, seed and image size must not decrease/,
  );
  throws(
    () => canvasOf({ predictor: predictorOf([5, 5, 5], [5, 5, 5], [1, 1, 1]) }),
    /Cannot move with deltas \[1,1,1\]/,
  );
});

Deno.test("HostCanvas.segmentAt() refuses starts outside and logits that are not finite", async () => {
  await rejects(canvasOf().segmentAt([20, 0, 0]), /Cannot start an object at \(20, 0, 0\)/);
  await rejects(canvasOf().segmentAt([1.5, NaN, 0]), RangeError);
  for (const bad of [NaN, Infinity, -Infinity]) {
    const predictor: FovPredictor = {
      model: modelOf([5, 5, 5], [2, 2, 2]),
      predict: (_image, _seed, logits) => {
        logits.fill(1);
        logits[123] = bad;
        return Promise.resolve();
      },
    };
    await rejects(
      canvasOf({ predictor }).segmentAt([6, 6, 6]),
      /a logit that is not finite at position \(6, 6, 6\) \(zyx\); check image_mean/,
    );
  }
});

Deno.test("HostCanvas.segmentAt() predicts nothing where a field of view does not fit", async () => {
  strictEqual(await canvasOf().segmentAt([1, 6, 6]), 0);
});

Deno.test("objects share one map where resetSeedPerSegment is cleared", async () => {
  const canvas = canvasOf({ resetSeedPerSegment: false });
  ok(await canvas.segmentAt([6, 6, 6]) > 0);
  const visited = canvas.seed.filter((v) => !Number.isNaN(v)).length;
  await canvas.segmentAt([13, 7, 8]);
  ok(canvas.seed.filter((v) => !Number.isNaN(v)).length > visited);
  const own = canvasOf();
  await own.segmentAt([6, 6, 6]);
  await own.segmentAt([13, 7, 8]);
  const index = (6 * 20 + 6) * 24 + 6;
  ok(canvas.seed[index] > 0);
  ok(Number.isNaN(own.seed[index]));
});

Deno.test("segmentAll() reports how far it has come", async () => {
  const reports: ProgressReport[] = [];
  const network = new StandInNetwork();
  const canvas = canvasOf({
    predictor: {
      model: network.model,
      async predict(image, seed, logits) {
        await setTimeout(5);
        await network.predict(image, seed, logits);
      },
    },
  }, { minSegmentSize: 10 });
  const seeds = new ListedSeeds([[6, 6, 6], [13, 7, 8], [5, 13, 13]], BARS_SIZE, [2, 2, 2]);
  await canvas.segmentAll(seeds, { progress: { report: (report) => void reports.push(report) } });
  ok(reports.length >= 3, `${reports.length} reports`);
  deepStrictEqual(reports.at(-1), {
    steps: 79,
    voxelsSegmented: 737,
    canvasVoxels: 9600,
    objects: 3,
    seedsDone: 3,
    seedsTotal: 3,
    current: null,
  });
  const first = reports[0];
  deepStrictEqual([first.seedsDone, first.objects, first.current?.start], [0, 0, [6, 6, 6]]);
  strictEqual(first.current?.steps, first.steps);
});

Deno.test("segmentAll() lets timers run, so that a run can be stopped from outside", async () => {
  const controller = new AbortController();
  const timer = setTimeout(150).then(() => controller.abort());
  const seeds = {
    // Never ends by itself, and never leaves the microtask queue.
    next: () => Promise.resolve([10, 10, 10] as const),
    state: () => ({ coords: Int32Array.of(10, 10, 10), index: 1 }),
    restore: () => {},
  };
  await rejects(canvasOf().segmentAll(seeds, { signal: controller.signal }), {
    name: "AbortError",
  });
  await timer;
});

Deno.test("normaliseImage() rounds every step to float32", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const expected = Float32Array.from(
    bytes,
    (v) => Math.fround(Math.fround(v - Math.fround(128.3)) / Math.fround(33.7)),
  );
  deepStrictEqual(normaliseImage(bytes, 128.3, 33.7), expected);
  deepStrictEqual(normaliseImage(Uint16Array.from(bytes), 128.3, 33.7), expected);
  deepStrictEqual(
    normaliseImage(BigUint64Array.from(bytes, BigInt), 128.3, 33.7),
    expected,
  );
});
