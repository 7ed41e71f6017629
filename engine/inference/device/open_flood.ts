import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import { UnsupportedError } from "../../errors/errors.ts";
import { mapZyx, volumeOf, type Zyx } from "../../geometry/vectors.ts";
import type { FovModel } from "../canvas.ts";
import { type CanvasOptions, resolveThresholds } from "../canvas_options.ts";
import { createMovementPolicy } from "../movement_policy.ts";
import { DeviceFlood, type FloodTuning } from "./device_flood.ts";
import type { DevicePredictor } from "./device_predictor.ts";
import { planLayout } from "./flood_layout.ts";
import { countAbove, leastFloatFrom, probabilityQuantiles } from "./flood_thresholds.ts";

/** Entries of the ring of queued positions to begin with; it grows. */
const FIRST_QUEUE = 1 << 14;
/** Seeds on the device at a time; longer lists follow in parts. */
const MOST_SEEDS = 1 << 16;

/** What the canvases of a flood have in common. */
export interface FloodSettings {
  readonly predictor: DevicePredictor;
  readonly options: CanvasOptions;
  readonly movementPolicy?: {
    readonly name?: string;
    readonly args?: Readonly<Record<string, unknown>>;
  };
  /** Largest extent of a canvas on each axis. */
  readonly canvasSize: Zyx;
  /** Count the voxels that each prediction deletes. */
  readonly keepHistory?: boolean;
  /** Canvases at once; as many as the predictor takes and the binding limit allows unless given. */
  readonly slots?: number;
  readonly tuning?: FloodTuning & {
    readonly queue?: number;
    readonly seeds?: number;
    /** Bytes that one binding may span: less than the device's, so that small canvases are cut into slabs. */
    readonly bindingBytes?: number;
  };
}

/**
 * Why canvases with these settings must be flooded by the host, or null when a device can do it.
 *
 * @param model Sizes of the network.
 */
export function reasonForHost(
  backend: WebGpuBackend,
  model: FovModel,
  options: CanvasOptions,
  canvasSize: Zyx,
): string | null {
  const { consistency, init, move } = resolveThresholds(options);
  if (consistency > 0) return "consistency_threshold repeats predictions";
  if (init < move) return "init_activation is below move_threshold";
  if (!planLayout(backend.device, volumeOf(canvasSize), 1)) {
    const bytes = 4 * volumeOf(canvasSize);
    const { maxStorageBufferBindingSize } = backend.device.limits;
    return `a canvas of ${bytes} bytes is over what bindings of ${maxStorageBufferBindingSize} bytes hold`;
  }
  // The box of an object is the box of its positions and half a prediction: it must hold all that was written.
  const centred = mapZyx(
    (s, p) => Math.floor(s / 2) - Math.floor((s - p) / 2) - Math.floor(p / 2),
    model.seedSize,
    model.predSize,
  );
  return centred.every((d) => d === 0) ? null : "the prediction is not centred in the seed";
}

/**
 * Prepares a device for canvases: as many at once as the predictor takes and the binding limit allows.
 *
 * @throws {UnsupportedError} when `reasonForHost` gives a reason.
 * @throws {OutOfMemoryError} when the device has no room; fewer fields of view at once may fit.
 */
export async function openFlood(
  backend: WebGpuBackend,
  settings: FloodSettings,
): Promise<DeviceFlood> {
  const { predictor, options, canvasSize, movementPolicy, tuning } = settings;
  const { model } = predictor;
  const reason = reasonForHost(backend, model, options, canvasSize);
  if (reason) throw new UnsupportedError(`Cannot flood on the device: ${reason}`);
  const thresholds = resolveThresholds(options);
  const args = movementPolicy?.args ?? {};
  // Checks the arguments; the device does what FaceMaxMovementPolicy does.
  createMovementPolicy(movementPolicy?.name ?? "", args, {
    canvasSize,
    predSize: model.predSize,
    deltas: model.deltas,
    scoreThreshold: thresholds.score,
    isValidPosition: () => true,
  });
  const deltas = (args.deltas ?? model.deltas) as Zyx;
  const edge = mapZyx((d) => Math.max(d, 1), deltas);
  const cells = volumeOf(mapZyx((n, e) => Math.ceil(n / e) + 2, canvasSize, edge));
  const wanted = settings.slots ?? predictor.batchSize;
  const layout = planLayout(backend.device, volumeOf(canvasSize), wanted, tuning?.bindingBytes);
  if (!layout) {
    throw new UnsupportedError("Cannot flood on the device: no canvas fits its bindings");
  }
  return await DeviceFlood.open(backend, predictor, layout, {
    quantiles: probabilityQuantiles(),
    imageSize: model.imageSize,
    seedSize: model.seedSize,
    predSize: model.predSize,
    deltas,
    near: thresholds.minBoundaryDist,
    init: thresholds.init,
    pad: thresholds.pad,
    move: thresholds.move,
    segment: thresholds.segment,
    score: leastFloatFrom((args.score_threshold ?? thresholds.score) as number),
    discoCut: countAbove(thresholds.disco, volumeOf(model.predSize)),
    minSize: thresholds.minSegmentSize,
    countDeleted: (settings.keepHistory ?? false) && thresholds.disco >= 0,
  }, {
    queue: tuning?.queue ?? Math.min(FIRST_QUEUE, 5 * cells + 8),
    cells,
    seeds: tuning?.seeds ?? MOST_SEEDS,
    labels: 1 << 12,
    overlaps: 1 << 12,
  }, tuning);
}
