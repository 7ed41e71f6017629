/** Random small canvases against the plainest possible implementation of the same text. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { mapZyx, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import type { FovModel, FovPredictor } from "../../engine/inference/canvas.ts";
import { Executor } from "../../engine/inference/executor.ts";
import { logit32 } from "../../engine/inference/logit.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import { ListedSeeds } from "../support/bars_volume.ts";
import { type NaiveOutcome, naiveSegmentAll, type NaiveSetup } from "../support/naive_canvas.ts";
import { seededRandom } from "../support/random.ts";

const CASES = 300;
const random = seededRandom(2020);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(...values: T[]): T => values[below(values.length)];
const vector = (f: () => number): Zyx => [f(), f(), f()];

/** Blobs over noise, so that floods differ in length, stop at walls and meet each other. */
function randomImage(size: Zyx): Float32Array {
  const image = Float32Array.from({ length: volumeOf(size) }, () => random() * 0.8 - 1.2);
  for (let blob = 0; blob < 4; blob++) {
    const from = mapZyx((n) => below(n), size);
    const extent = vector(() => 3 + below(10));
    const level = 0.3 + random();
    for (let z = from[0]; z < Math.min(size[0], from[0] + extent[0]); z++) {
      for (let y = from[1]; y < Math.min(size[1], from[1] + extent[1]); y++) {
        for (let x = from[2]; x < Math.min(size[2], from[2] + extent[2]); x++) {
          image[(z * size[1] + y) * size[2] + x] += level + 0.3 * random();
        }
      }
    }
  }
  return image;
}

function randomSetup(): NaiveSetup {
  const seedSize = vector(() => pick(1, 3, 3, 4, 5, 5, 6, 7));
  const shrink = random() < 0.25;
  const predSize = mapZyx((n) => shrink ? Math.max(n - 2, 1) : n, seedSize);
  const imageSize = mapZyx((n) => n + pick(0, 0, 2), seedSize);
  // Faces at centre ± delta must exist in the prediction, also on the shorter upper side of even sizes.
  const deltas = mapZyx((n) => below(n - Math.floor(n / 2)), predSize);
  if (deltas.every((d) => d === 0)) return randomSetup();
  const size = mapZyx((n) => n + 6 + below(10), imageSize);
  const gain = pick(2, 5, 5);
  const memory = pick(0.5, 0.25, 0.75);
  // Makes fields of view disagree about a voxel, so that objects also shrink.
  const tilt = pick(0, 1, 4);
  // Logits exactly at the thresholds, where >= and > part.
  const move = pick(0.9, 0.6);
  const snaps = random() < 0.3 ? [0, logit32(move)] : [];
  const snap = (logit: number) => snaps.find((t) => Math.abs(logit - t) < 0.4) ?? logit;
  const offset = predSize.map((n, axis) => Math.floor((seedSize[axis] - n) / 2));
  const shift = mapZyx((n, s) => Math.floor(n / 2) - Math.floor(s / 2), imageSize, seedSize);
  const image = randomImage(size);
  const initial = new Int32Array(volumeOf(size));
  if (random() < 0.3) {
    initial.fill(1, 0, 1 + below(initial.length / 3)).fill(2, initial.length - 40);
  }
  const maskShare = pick(0, 0, 0.02, 0.1);
  const blocked = () => Uint8Array.from(initial, () => random() < maskShare ? 1 : 0);
  return {
    image,
    size,
    imageSize,
    seedSize,
    predSize,
    deltas,
    network(image, seed) {
      const logits: number[] = [];
      for (let z = 0; z < predSize[0]; z++) {
        for (let y = 0; y < predSize[1]; y++) {
          for (let x = 0; x < predSize[2]; x++) {
            const [sz, sy, sx] = [z + offset[0], y + offset[1], x + offset[2]];
            const i = ((sz + shift[0]) * imageSize[1] + sy + shift[1]) * imageSize[2] + sx +
              shift[2];
            logits.push(
              snap(
                Math.fround(memory * seed[(sz * seedSize[1] + sy) * seedSize[2] + sx]) +
                  Math.fround(gain * image[i] + tilt * image[0]),
              ),
            );
          }
        }
      }
      return Float32Array.from(logits);
    },
    init: 0.95,
    pad: pick(0.05, 0.5),
    move,
    segment: pick(0.6, 0.5),
    minSize: pick(0, 5, 30),
    mbd: vector(() => below(3)),
    disco: pick(-1, 0, 0.2, 0.6),
    consistency: !shrink && random() < 0.15 ? 0.05 : 0,
    mask: blocked(),
    seedMask: blocked(),
    initial,
    seeds: randomSeeds(image, size, 16),
  };
}

/** Positions anywhere, most of them bright. */
function randomSeeds(image: Float32Array, size: Zyx, count: number): Zyx[] {
  const seeds: Zyx[] = [];
  while (seeds.length < count) {
    const seed = mapZyx((n) => below(n), size);
    const bright = image[(seed[0] * size[1] + seed[1]) * size[2] + seed[2]] > 0;
    if (bright || random() < 0.05) seeds.push(seed);
  }
  return seeds;
}

interface Outcome extends NaiveOutcome {
  seed: Float32Array;
}

/** The engine's canvas on the same setup; `predictor` answers as `setup.network` does. */
async function engineSegmentAll(setup: NaiveSetup, predictor: FovPredictor): Promise<Outcome> {
  const at = (p: Zyx) => (p[0] * setup.size[1] + p[1]) * setup.size[2] + p[2];
  const canvas = new HostCanvas({
    image: setup.image,
    size: setup.size,
    predictor,
    options: {
      initActivation: setup.init,
      padValue: setup.pad,
      moveThreshold: setup.move,
      segmentThreshold: setup.segment,
      minSegmentSize: setup.minSize,
      minBoundaryDist: setup.mbd,
      discoSeedThreshold: setup.disco,
      consistencyThreshold: setup.consistency,
    },
    restrictor: {
      isValidPosition: (p) => setup.mask[at(p)] === 0,
      isValidSeed: (p) => setup.seedMask[at(p)] === 0,
    },
    keepHistory: true,
  });
  if (setup.initial.some((v) => v > 0)) canvas.initSegmentation(setup.initial);
  const positions: Zyx[] = [];
  const margin = mapZyx((n) => Math.floor(n / 2), setup.imageSize);
  await canvas.segmentAll(new ListedSeeds(setup.seeds, setup.size, margin), {
    onStep: (position) => positions.push(position),
  });
  const { segmentation, segProb, history, historyDeleted, counters } = canvas;
  const names = [
    "skip_threshold",
    "skip_invalid_pos",
    "skip_restriced_pos",
    "seed_got_too_weak",
    "voxels-segmented",
    "voxels-overlapping",
  ];
  return {
    segmentation,
    segProb,
    seed: await canvas.objectMap(),
    positions,
    history: [...history],
    historyDeleted: [...historyDeleted],
    origins: Object.fromEntries(
      [...canvas.origins].map(([id, o]) => [id, { start: o.startZyx, iters: o.iters }]),
    ),
    overlaps: Object.fromEntries(canvas.overlaps),
    counters: {
      ...Object.fromEntries(names.map((name) => [name, counters.get(name)])),
      predictions: counters.get("inference-calls"),
    },
  };
}

/** A network of the setup's sizes for `batchSize` fields of view. */
function networkOf(setup: NaiveSetup, batchSize: number): FovPredictor & { batchSize: number } {
  const { imageSize, seedSize, predSize, deltas } = setup;
  const model: FovModel = { name: "random", imageSize, seedSize, predSize, deltas };
  return {
    model,
    batchSize,
    async predict(image, seed, logits) {
      await null;
      const n = image.length / volumeOf(imageSize);
      for (let i = 0; i < n; i++) {
        const part = (a: Float32Array, size: Zyx) =>
          a.subarray(i * volumeOf(size), (i + 1) * volumeOf(size));
        part(logits, predSize).set(setup.network(part(image, imageSize), part(seed, seedSize)));
      }
    },
  };
}

Deno.test(`HostCanvas does what plain loops do on ${CASES} random canvases`, async () => {
  let steps = 0;
  let objects = 0;
  const seen = new Set<string>();
  for (let i = 0; i < CASES; i++) {
    const setup = randomSetup();
    const expected = naiveSegmentAll(setup);
    const actual = await engineSegmentAll(setup, networkOf(setup, 1));
    deepStrictEqual(actual, expected, `case ${i}`);
    steps += expected.positions.length;
    objects += Object.keys(expected.origins).length;
    for (const [name, value] of Object.entries(expected.counters)) if (value > 0) seen.add(name);
  }
  // The cases must reach every branch, or equality says little.
  ok(steps > 4000 && objects > 300, `${steps} steps, ${objects} objects`);
  strictEqual(seen.size, 7, [...seen].join());
});

Deno.test("HostCanvas does the same when canvases share batches of an executor", async () => {
  for (let i = 0; i < 15; i++) {
    const setup = randomSetup();
    const batchSize = 1 + below(4);
    // Equal sizes and network, different images and seeds.
    const setups = Array.from({ length: 1 + below(5) }, () => {
      const image = randomImage(setup.size);
      return { ...setup, image, seeds: randomSeeds(image, setup.size, 8) };
    });
    await using executor = new Executor(networkOf(setup, batchSize));
    const outcomes = await Promise.all(setups.map(async (one) => {
      using client = executor.connect();
      return await engineSegmentAll(one, client);
    }));
    deepStrictEqual(outcomes, setups.map(naiveSegmentAll), `case ${i}`);
  }
});
