/** Random canvases in batches on a device against the host canvas, which is fuzzed against a plain implementation. */
import { ok } from "node:assert/strict";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { mapZyx, volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import type { CanvasOptions } from "../../../engine/inference/canvas_options.ts";
import { StandInNetwork } from "../../support/bars_volume.ts";
import {
  type Flood,
  onDevice,
  onHost,
  onResident,
  sameOutcome,
} from "../../support/device_floods.ts";
import { openDeviceStandIn } from "../../support/device_stand_in.ts";
import { seededRandom } from "../../support/random.ts";
import { testWith } from "../../support/resources.ts";

/** Canvases in all; at least, the last batch may be larger. */
const CANVASES = 200;
/** A power of two, so that the stand-in's sum rounds the same everywhere. */
const GAIN = 4;

const random = seededRandom(4711);
const below = (n: number) => Math.floor(random() * n);
const pick = <T>(...values: T[]): T => values[below(values.length)];

/** Words of a slab; few values, because each is compiled into the kernels. */
const SLAB_WORDS = [250, 500, 1000, 2000, 4000];

/** Bytes of a binding that cuts the canvases of some batches into 3 or 4 slabs, wherever fields of view may lie. */
function bindingBytes(floods: readonly Flood[]): number | undefined {
  const largest = (axis: number) => Math.max(...floods.map((f) => f.size[axis]));
  const voxels = 4 * Math.ceil(largest(0) * largest(1) * largest(2) / 4);
  const all = floods.length * voxels;
  const words = SLAB_WORDS.find((w) => w < voxels && all > 2 * w && all <= 4 * w);
  return words === undefined ? undefined : 4 * words;
}

const SIZES: readonly (readonly [fov: Zyx, deltas: Zyx])[] = [
  [[5, 5, 5], [2, 2, 2]],
  [[3, 3, 3], [1, 1, 1]],
  [[3, 7, 5], [1, 3, 2]],
  [[1, 5, 5], [0, 2, 1]],
  [[7, 3, 5], [2, 1, 0]],
  [[4, 5, 6], [1, 2, 2]],
];

/** Blobs over noise, so that floods differ in length, stop at walls and meet each other. */
function randomImage(size: Zyx): Float32Array {
  const image = Float32Array.from({ length: volumeOf(size) }, () => random() * 0.8 - 1.2);
  for (let blob = 0; blob < 4; blob++) {
    const low = mapZyx((n) => below(n), size);
    const high = mapZyx((n, p) => Math.min(n, p + 3 + below(10)), size, low);
    const level = 0.5 + random();
    for (let z = low[0]; z < high[0]; z++) {
      for (let y = low[1]; y < high[1]; y++) {
        for (let x = low[2]; x < high[2]; x++) {
          image[(z * size[1] + y) * size[2] + x] += level + 0.3 * random();
        }
      }
    }
  }
  return image;
}

function randomFlood(fov: Zyx, options: CanvasOptions): Flood {
  const size = mapZyx((n) => n + 4 + below(10), fov);
  const voxels = volumeOf(size);
  const share = pick(0, 0, 0.02, 0.1);
  const [mask, seedMask] = [0, 1].map(() =>
    Uint8Array.from({ length: voxels }, () => Number(random() < share))
  );
  const at = (p: Zyx) => (p[0] * size[1] + p[1]) * size[2] + p[2];
  const labels = new Int32Array(voxels);
  if (random() < 0.3) labels.fill(3, 0, 1 + below(voxels / 3)).fill(9, voxels - 40);
  return {
    image: randomImage(size),
    size,
    options,
    labels,
    restrictor: share === 0 ? undefined : {
      isValidPosition: (p) => mask[at(p)] === 0,
      isValidSeed: (p) => seedMask[at(p)] === 0,
    },
    seeds: Array.from({ length: 3 + below(80) }, () => mapZyx((n) => below(n), size)),
  };
}

testWith("gpu", `${CANVASES} random canvases on a device end as they do on the host`, async () => {
  await using backend = await WebGpuBackend.open();
  let steps = 0;
  let cut = 0;
  for (let canvases = 0; canvases < CANVASES;) {
    const [fov, deltas] = pick(...SIZES);
    const options: CanvasOptions = {
      initActivation: 0.95,
      padValue: pick(0.05, 0.5),
      moveThreshold: pick(0.9, 0.6),
      segmentThreshold: pick(0.6, 0.5),
      minSegmentSize: pick(0, 5, 30),
      minBoundaryDist: [below(3), below(3), below(3)],
      discoSeedThreshold: pick(-1, 0, 0.2, 0.6),
    };
    const batchSize = 1 + below(8);
    const floods = Array.from({ length: batchSize }, () => randomFlood(fov, options));
    const predictor = await openDeviceStandIn(backend, fov, deltas, fov, { batchSize, gain: GAIN });
    const tuning = {
      queue: pick(8, 16, 4096),
      seeds: pick(7, 4096),
      stepsPerRound: pick(5, 32, 64),
      turnoverEvery: pick(1, 1, 4),
      bindingBytes: bindingBytes(floods),
    };
    if (tuning.bindingBytes !== undefined) cut += batchSize;
    const actual = await onDevice(floods, backend, predictor, tuning);
    const single = await openDeviceStandIn(backend, fov, deltas, fov, { gain: GAIN });
    const resident = await onResident(floods[0], backend, single);
    single.dispose();
    for (const [i, flood] of floods.entries()) {
      const expected = await onHost(flood, new StandInNetwork(fov, deltas, fov, 1, GAIN));
      sameOutcome(actual[i], expected);
      if (i === 0) sameOutcome(resident, expected);
      steps += expected.positions.length;
    }
    predictor.dispose();
    canvases += batchSize;
  }
  ok(steps > 20 * CANVASES, `only ${steps} steps`);
  ok(cut > 20, `only ${cut} canvases in slabs`);
});
