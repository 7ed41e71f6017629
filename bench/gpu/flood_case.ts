import { deepEqual } from "node:assert/strict";
import type { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { DeviceCanvas } from "../../engine/inference/device/device_canvas.ts";
import { openDeviceNetwork } from "../../engine/inference/device/device_predictor.ts";
import { openFlood } from "../../engine/inference/device/open_flood.ts";
import { ResidentCanvas } from "../../engine/inference/device/resident_canvas.ts";
import type { RunControl } from "../../engine/inference/run_control.ts";
import { ListedSeeds } from "../../tests/support/bars_volume.ts";
import { onDevice, onHost } from "../../tests/support/device_floods.ts";
import { randomFloats, randomVariables, smallModel } from "../../tests/support/small_networks.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { openNetwork } from "../../engine/models/network.ts";

/** The size of the recorded run `segment_aniso`. */
const SIZE: Zyx = [80, 90, 100];
/** Field of view 9³, depth 2, 8 features. */
const MODEL = smallModel([9, 9, 9], [4, 4, 4]);
const VARIABLES = randomVariables(MODEL, 13);
const OPTIONS = {
  initActivation: 0.95,
  padValue: 0.4,
  moveThreshold: 0.5,
  segmentThreshold: 0.5,
  minSegmentSize: 10,
  minBoundaryDist: [1, 1, 1],
} as const;

/** Objects begun per canvas. */
const OBJECTS = 40;

/** A whole flood of one or several canvases at once. */
export interface FloodFigures {
  readonly canvases: number;
  /** Fields of view of all canvases. */
  readonly steps: number;
  readonly msPerStep: number;
  /** Time that recording and submitting took on the host. */
  readonly hostCpuMsPerStep: number;
  readonly dispatchesPerStep: number;
  /** Submissions followed by a read of the states. */
  readonly readsPerStep: number;
}

/** A flood whose every step the host drives. */
export interface ResidentFigures {
  readonly steps: number;
  readonly msPerStep: number;
}

function seeds(count: number, size: Zyx): Zyx[] {
  const random = randomFloats(3 * count, 77);
  return Array.from({ length: count }, (_, i) => {
    const at = (axis: number) => Math.floor((random[3 * i + axis] + 1) / 2 * (size[axis] - 8)) + 4;
    return [at(0), at(1), at(2)];
  });
}

/** A short flood with the network on the device against the one on the host. */
export async function checkFlood(backend: WebGpuBackend): Promise<void> {
  const size: Zyx = [16, 18, 20];
  const image = randomFloats(volumeOf(size), 5);
  const flood = { image, size, options: OPTIONS, seeds: [[8, 8, 8], [5, 12, 10]] as Zyx[] };
  await using cpu = await openWasmBackend({ threads: 1 });
  await using network = await openNetwork(MODEL, VARIABLES, cpu, 1);
  const predictor = await openDeviceNetwork(MODEL, VARIABLES, backend, 1);
  const [actual] = await onDevice([flood], backend, predictor);
  const expected = await onHost(flood, network);
  deepEqual(actual.positions.slice(0, 20), expected.positions.slice(0, 20));
  predictor.dispose();
}

/**
 * Floods `canvases` canvases at once, as long ones as the network makes of noise, or until one of them has taken
 * `enoughSteps`.
 */
export async function timeFlood(
  backend: WebGpuBackend,
  canvases: number,
  size = SIZE,
  enoughSteps = Infinity,
): Promise<FloodFigures> {
  const stop = new AbortController();
  const control: RunControl = {
    signal: stop.signal,
    progress: { report: ({ steps }) => steps >= enoughSteps && stop.abort() },
  };
  const predictor = await openDeviceNetwork(MODEL, VARIABLES, backend, canvases);
  const flood = await openFlood(backend, { predictor, options: OPTIONS, canvasSize: size });
  const image = randomFloats(volumeOf(size), 9);
  const list = Array.from(
    { length: canvases },
    (_, slot) => new DeviceCanvas(flood, slot, { image, size }),
  );
  const startedMs = performance.now();
  await Promise.all(list.map((canvas) => {
    const listed = new ListedSeeds(seeds(OBJECTS, size), size, [4, 4, 4]);
    return canvas.segmentAll(listed, control).catch((error) => {
      if (error !== stop.signal.reason) throw error;
    });
  }));
  const elapsedMs = performance.now() - startedMs;
  const steps = list.reduce((n, canvas) => n + canvas.counters.get("update_at-calls"), 0);
  const { statistics, dispatches } = flood;
  flood.dispose();
  predictor.dispose();
  return {
    canvases,
    steps,
    msPerStep: elapsedMs / steps,
    hostCpuMsPerStep: statistics.encodeMs / steps,
    dispatchesPerStep: dispatches.step + dispatches.turnover,
    readsPerStep: statistics.reads / steps,
  };
}

/** Floods one canvas as `timeFlood` does, with the host driving every step over image and object map on the device. */
export async function timeResidentFlood(
  backend: WebGpuBackend,
  size = SIZE,
): Promise<ResidentFigures> {
  const predictor = await openDeviceNetwork(MODEL, VARIABLES, backend, 1);
  const flood = await openFlood(backend, { predictor, options: OPTIONS, canvasSize: size });
  const image = randomFloats(volumeOf(size), 9);
  const canvas = await ResidentCanvas.open(flood, { image, size, options: OPTIONS });
  const startedMs = performance.now();
  await canvas.segmentAll(new ListedSeeds(seeds(OBJECTS, size), size, [4, 4, 4]));
  const elapsedMs = performance.now() - startedMs;
  const steps = canvas.counters.get("update_at-calls");
  canvas[Symbol.dispose]();
  flood.dispose();
  predictor.dispose();
  return { steps, msPerStep: elapsedMs / steps };
}
