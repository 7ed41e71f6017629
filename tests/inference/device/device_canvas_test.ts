/** V11 and V13 of `spec/inference.md` on a device: equal to the host canvas, which is checked against the reference. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import type { CanvasOptions } from "../../../engine/inference/canvas_options.ts";
import { DeviceCanvas } from "../../../engine/inference/device/device_canvas.ts";
import { openFlood } from "../../../engine/inference/device/open_flood.ts";
import { h16 } from "../../support/array_hash.ts";
import {
  BARS_SIZE,
  barsImage,
  barsRaw,
  ListedSeeds,
  StandInNetwork,
} from "../../support/bars_volume.ts";
import { openDeviceStandIn } from "../../support/device_stand_in.ts";
import {
  type Flood,
  onDevice,
  onHost,
  onResident,
  sameOutcome,
} from "../../support/device_floods.ts";
import { testWith } from "../../support/resources.ts";

const OPTIONS: CanvasOptions = {
  initActivation: 0.95,
  padValue: 0.05,
  moveThreshold: 0.9,
  segmentThreshold: 0.6,
  minSegmentSize: 10,
  minBoundaryDist: [1, 1, 1],
};

const SEEDS_A: Zyx[] = [
  ...([[6, 6, 6], [6, 6, 10], [13, 7, 8], [5, 13, 13], [10, 2, 2]] as Zyx[]),
  ...([[1, 1, 1], [13, 12, 8], [2, 17, 20], [6, 6, 20]] as Zyx[]),
];

interface Vector extends Partial<Omit<Flood, "options">> {
  readonly options?: Partial<CanvasOptions>;
  readonly sizes?: [fov: Zyx, deltas: Zyx, pred?: Zyx];
  /** H16 of the segmentation. */
  readonly hash: string;
}

function labelled(): BigInt64Array {
  const labels = new BigInt64Array(volumeOf(BARS_SIZE));
  for (let z = 0; z < 9; z++) {
    for (let y = 0; y < 9; y++) {
      for (let x = 0; x < 14; x++) {
        const at = (z * BARS_SIZE[1] + y) * BARS_SIZE[2] + x;
        if (z < 2 && y < 2 && x < 2) labels[at] = 5n;
        if (z >= 4 && y >= 4 && x >= 12) labels[at] = 900000000000n;
      }
    }
  }
  return labels;
}

const masked = (isMasked: (p: Zyx) => boolean) => ({
  isValidPosition: (p: Zyx) => !isMasked(p),
  isValidSeed: () => true,
});

const VECTORS: Readonly<Record<string, Vector>> = {
  "a: nine seeds": { seeds: SEEDS_A, hash: "f909af81b7e9c0f7" },
  "b: one seed, 50 positions": { hash: "8f95879775fd1907" },
  "c: disco off": { options: { discoSeedThreshold: -1 }, hash: "8f95879775fd1907" },
  "c: disco 0": { hash: "8f95879775fd1907" },
  "c: disco 0.5": { options: { discoSeedThreshold: 0.5 }, hash: "8f95879775fd1907" },
  "d: small, crowded and weak seeds": {
    seeds: [[5, 13, 13], [6, 6, 6], [6, 6, 10], [10, 6, 6], [9, 6, 6]],
    options: { minSegmentSize: 13 },
    hash: "b1d6951dbee88540",
  },
  "e: clearance clipped at the canvas": {
    seeds: [[6, 6, 6], [2, 2, 3]],
    options: { minBoundaryDist: [4, 4, 4] },
    hash: "",
  },
  "f: earlier labels": { labels: labelled(), hash: "b996c82bf8f0bb7d" },
  "i: mask": {
    seeds: [[6, 6, 6], [6, 6, 14]],
    restrictor: masked(([, , x]) => x >= 12),
    hash: "a9d10d04e2237b87",
  },
  "j: seed mask": {
    seeds: [[6, 6, 6], [6, 6, 7]],
    restrictor: {
      isValidPosition: () => true,
      isValidSeed: (p: Zyx) => `${p}` !== "6,6,6",
    },
    hash: "",
  },
  "k: shift mask": {
    // The box of the field of view, halved in y and x, holds the shifted voxel (z 6, y 2, x 8).
    restrictor: masked(([z, y, x]) => {
      const [y0, y1] = [Math.max(y - 2, 0) >> 1, (y + 2) >> 1];
      const [x0, x1] = [Math.max(x - 2, 0) >> 1, (x + 2) >> 1];
      return z === 6 && y0 <= 2 && 2 <= y1 && x0 <= 8 && 8 <= x1;
    }),
    hash: "2f434d74a360df89",
  },
  "l: 2-d field of view": {
    sizes: [[1, 5, 5], [0, 1, 2]],
    options: { minSegmentSize: 5 },
    hash: "a207ab1ec8831090",
  },
  "V13: predictions smaller than the seed": {
    image: Float32Array.from(barsRaw(), (v) => (v - 128) / 32),
    seeds: [[6, 6, 6], [5, 13, 13]],
    sizes: [[5, 5, 5], [1, 1, 1], [3, 3, 3]],
    hash: "2ba9b0759c4d38ff",
  },
};

function floodOf(vector: Vector): Flood {
  return {
    image: barsImage(),
    size: BARS_SIZE,
    seeds: [[6, 6, 6]],
    ...vector,
    options: { ...OPTIONS, ...vector.options },
  };
}

/** A slab is a little more than a quarter of the canvas: objects and fields of view lie across. */
const FOUR_SLABS = { bindingBytes: 4 * Math.ceil(0.26 * volumeOf(BARS_SIZE)) };

testWith(
  "gpu",
  "DeviceCanvas and ResidentCanvas do what HostCanvas does on V11 and V13, in slabs too",
  async (t) => {
    await using backend = await WebGpuBackend.open();
    for (const [name, vector] of Object.entries(VECTORS)) {
      await t.step(name, async () => {
        const sizes = vector.sizes ?? [[5, 5, 5], [2, 2, 2]];
        const flood = floodOf(vector);
        const expected = await onHost(flood, new StandInNetwork(...sizes));
        const predictor = await openDeviceStandIn(backend, ...sizes);
        const [actual] = await onDevice([flood], backend, predictor);
        sameOutcome(actual, expected);
        if (vector.hash) strictEqual(await h16(actual.segmentation), vector.hash);
        const [inSlabs] = await onDevice([flood], backend, predictor, FOUR_SLABS);
        sameOutcome(inSlabs, expected);
        sameOutcome(await onResident(flood, backend, predictor), expected);
        sameOutcome(await onResident(flood, backend, predictor, FOUR_SLABS), expected);
        predictor.dispose();
      });
    }
  },
);

testWith("gpu", "DeviceCanvas gives the same with any number of steps per round", async (t) => {
  await using backend = await WebGpuBackend.open();
  const flood = floodOf(VECTORS["a: nine seeds"]);
  const expected = await onHost(flood, new StandInNetwork());
  const predictor = await openDeviceStandIn(backend);
  for (
    const tuning of [{ stepsPerRound: 1 }, { stepsPerRound: 7, turnoverEvery: 3 }, { queue: 8 }, {
      seeds: 2,
    }]
  ) {
    await t.step(JSON.stringify(tuning), async () => {
      const [actual] = await onDevice([flood], backend, predictor, tuning);
      sameOutcome(actual, expected);
    });
  }
  predictor.dispose();
});

testWith("gpu", "DeviceCanvas.segmentAt() grows one object and holds it", async () => {
  await using backend = await WebGpuBackend.open();
  const predictor = await openDeviceStandIn(backend);
  const settings = { predictor, options: OPTIONS, canvasSize: BARS_SIZE, keepHistory: true };
  const flood = await openFlood(backend, settings);
  const canvas = new DeviceCanvas(flood, 0, {
    image: barsImage(),
    size: BARS_SIZE,
    keepHistory: true,
  });
  strictEqual(await canvas.segmentAt([13, 7, 8]), 28);
  strictEqual(await canvas.segmentAt([6, 6, 6]), 50);
  strictEqual(canvas.history.positions.length, 50);
  deepStrictEqual(canvas.history.positions[1], [8, 8, 5]);
  const map = await canvas.objectMap();
  strictEqual(map[(6 * BARS_SIZE[1] + 6) * BARS_SIZE[2] + 6], 11.562368392944336);
  strictEqual((await canvas.result()).segmentation.findIndex((v) => v !== 0), -1);
  await rejects(canvas.segmentAt([6, 6, 24]), /^RangeError: Cannot start an object/);
  flood.dispose();
});

testWith("gpu", "DeviceCanvas names the place of a logit that is not finite", async () => {
  await using backend = await WebGpuBackend.open();
  const image = barsImage();
  image[(6 * BARS_SIZE[1] + 6) * BARS_SIZE[2] + 12] = -777;
  const predictor = await openDeviceStandIn(backend, [5, 5, 5], [2, 2, 2], [5, 5, 5], {
    poison: -777,
  });
  const flood = await openFlood(backend, { predictor, options: OPTIONS, canvasSize: BARS_SIZE });
  const canvas = new DeviceCanvas(flood, 0, { image, size: BARS_SIZE });
  await rejects(
    canvas.segmentAll(new ListedSeeds([[6, 6, 6]], BARS_SIZE, [2, 2, 2])),
    /Cannot continue the object at voxel .*not finite/,
  );
  flood.dispose();
});

testWith("gpu", "openFlood() refuses what a device cannot do", async () => {
  await using backend = await WebGpuBackend.open();
  const predictor = await openDeviceStandIn(backend);
  const open = (options: Partial<CanvasOptions>, canvasSize = BARS_SIZE) =>
    openFlood(backend, { predictor, options: { ...OPTIONS, ...options }, canvasSize });
  await rejects(open({ consistencyThreshold: 0.1 }), /consistency_threshold repeats predictions/);
  await rejects(open({ initActivation: 0.6 }), /init_activation is below move_threshold/);
  await rejects(open({}, [2000, 2000, 2000]), /over what bindings/);
});
