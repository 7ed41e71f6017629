/** One canvas run twice, on the host and on a device, for tests that compare the two. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { TypedArray } from "../../engine/formats/nd_array.ts";
import { floorDivZyx, type Zyx } from "../../engine/geometry/vectors.ts";
import type { Canvas, FovPredictor, PositionRestrictor } from "../../engine/inference/canvas.ts";
import type { CanvasOptions } from "../../engine/inference/canvas_options.ts";
import { DeviceCanvas } from "../../engine/inference/device/device_canvas.ts";
import type { DevicePredictor } from "../../engine/inference/device/device_predictor.ts";
import { type FloodSettings, openFlood } from "../../engine/inference/device/open_flood.ts";
import { ResidentCanvas } from "../../engine/inference/device/resident_canvas.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import { ListedSeeds } from "./bars_volume.ts";

/** A canvas, its seeds and its options. */
export interface Flood {
  readonly image: Float32Array;
  readonly size: Zyx;
  readonly seeds: readonly Zyx[];
  readonly options: CanvasOptions;
  readonly restrictor?: PositionRestrictor;
  readonly labels?: TypedArray;
  readonly movementPolicy?: FloodSettings["movementPolicy"];
}

/** Everything that two runs must have in common. */
export interface FloodOutcome {
  readonly canvas: Canvas;
  readonly positions: readonly Zyx[];
  readonly segmentation: Int32Array;
  readonly segProb: Uint8Array;
  readonly objects: readonly (readonly [id: number, start: Zyx, iters: number])[];
  readonly overlaps: readonly unknown[];
  readonly objectMap: Float32Array;
  readonly counters: Readonly<Record<string, number>>;
}

/** Counters that say what was done, as opposed to how long it took. */
const COMPARED = [
  ...["update_at-calls", "segment_at-loop-calls", "seed-policy-calls"],
  ...["skip_threshold", "skip_invalid_pos", "skip_restriced_pos", "seed_got_too_weak"],
  ...["voxels-segmented", "voxels-overlapping"],
];

/** Runs a flood on any canvas. */
export async function runFlood(canvas: Canvas, flood: Flood, margin: Zyx): Promise<FloodOutcome> {
  if (flood.labels) canvas.initSegmentation(flood.labels);
  const positions: Zyx[] = [];
  await canvas.segmentAll(new ListedSeeds(flood.seeds, flood.size, margin), {
    onStep: (position) => positions.push(position),
  });
  const { segmentation, segProb, origins, overlaps } = await canvas.result();
  return {
    canvas,
    positions,
    segmentation,
    segProb,
    objects: [...origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters] as const),
    overlaps: [...overlaps],
    objectMap: await canvas.objectMap(),
    counters: Object.fromEntries(COMPARED.map((name) => [name, canvas.counters.get(name)])),
  };
}

/** Runs a flood on the host. */
export function onHost(flood: Flood, predictor: FovPredictor): Promise<FloodOutcome> {
  const canvas = new HostCanvas({ ...flood, predictor });
  return runFlood(canvas, flood, floorDivZyx(predictor.model.imageSize, 2));
}

/** Runs floods with common options at once on a device. */
export async function onDevice(
  floods: readonly Flood[],
  backend: WebGpuBackend,
  predictor: DevicePredictor,
  tuning?: FloodSettings["tuning"],
): Promise<FloodOutcome[]> {
  const largest = (axis: number) => Math.max(...floods.map((f) => f.size[axis]));
  const { options, movementPolicy } = floods[0];
  const flood = await openFlood(backend, {
    predictor,
    options,
    movementPolicy,
    canvasSize: [largest(0), largest(1), largest(2)],
    tuning,
  });
  const margin = floorDivZyx(predictor.model.imageSize, 2);
  const outcomes = await Promise.all(
    floods.map((f, slot) => runFlood(new DeviceCanvas(flood, slot, f), f, margin)),
  );
  flood.dispose();
  return outcomes;
}

/** Runs a flood with image, object map and network on a device and everything else on the host. */
export async function onResident(
  flood: Flood,
  backend: WebGpuBackend,
  predictor: DevicePredictor,
  tuning?: FloodSettings["tuning"],
): Promise<FloodOutcome> {
  const { options, movementPolicy, size: canvasSize } = flood;
  const settings = { predictor, options, movementPolicy, canvasSize, slots: 1, tuning };
  const deviceFlood = await openFlood(backend, settings);
  const canvas = await ResidentCanvas.open(deviceFlood, flood);
  const outcome = await runFlood(canvas, flood, floorDivZyx(predictor.model.imageSize, 2));
  canvas[Symbol.dispose]();
  deviceFlood.dispose();
  return outcome;
}

/** Asserts that two runs did the same; logits may differ by `tolerance`. */
export function sameOutcome(actual: FloodOutcome, expected: FloodOutcome, tolerance = 0): void {
  deepStrictEqual(actual.positions, expected.positions, "positions");
  deepStrictEqual(actual.counters, expected.counters, "counters");
  deepStrictEqual(actual.objects, expected.objects, "objects");
  deepStrictEqual(actual.overlaps, expected.overlaps, "overlaps");
  deepStrictEqual(actual.segmentation, expected.segmentation, "segmentation");
  const off = actual.segProb.findIndex((q, i) =>
    Math.abs(q - expected.segProb[i]) > (tolerance > 0 ? 1 : 0)
  );
  strictEqual(off, -1, "segProb");
  const differs = actual.objectMap.findIndex((v, i) => {
    const w = expected.objectMap[i];
    return !(Object.is(v, w) || Math.abs(v - w) <= tolerance);
  });
  strictEqual(differs, -1, "object map");
}
