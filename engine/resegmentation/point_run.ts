import type { Box } from "../geometry/box.ts";
import { floorDivZyx, mapZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { Counters } from "../inference/counters.ts";
import type { Executor } from "../inference/executor.ts";
import { HostCanvas } from "../inference/host_canvas.ts";
import { expit32 } from "../inference/logit.ts";
import { prepareSubvolume } from "../inference/prepare_subvolume.ts";
import type { RunControl } from "../inference/run_control.ts";
import type { RunnerVolumes } from "../inference/runner_volumes.ts";
import { quantiseProbability } from "../segmentation/quantisation.ts";
import { squaredDistances } from "../../wasm/images/squared_distances.ts";
import type { DecisionPoint, ResegmentationRequest } from "./request.ts";

/** One object grown again from scratch. Positions are relative to the corner of the subvolume. */
export interface RegrownObject {
  /** Quantised object map `[z, y, x]` of the subvolume. */
  readonly probs: Uint8Array;
  /** Centres of the fields of view, in order. */
  readonly history: readonly Zyx[];
  /** Voxels deleted at each of them, where that was counted. */
  readonly deletes: readonly number[];
}

/** What was found at a decision point. */
export interface PointResult {
  readonly point: DecisionPoint;
  readonly radius: Zyx;
  /** Corner of the subvolume in the volume. */
  readonly corner: Zyx;
  readonly size: Zyx;
  /** One per object that could be grown, in the order of the point's objects. */
  readonly objects: readonly RegrownObject[];
  /** Starts that were tried, for each of the point's two objects; the last one made the result. */
  readonly starts: readonly [readonly Zyx[], readonly Zyx[]];
  readonly counters: Counters;
}

/** What points are worked on with. */
export interface PointResources {
  readonly volumes: RunnerVolumes;
  readonly executor: Executor;
  /** Of all points together. */
  readonly counters: Counters;
}

/** The subvolume of a point. */
export function subvolumeOf(point: DecisionPoint, radius: Zyx): Box {
  return { start: subZyx(point.position, radius), size: mapZyx((r) => 2 * r + 1, radius) };
}

/**
 * Grows the objects of a point anew, each from inside of what it was, with other objects as walls.
 *
 * @returns The result, or in words why there is none.
 */
export async function runPoint(
  request: ResegmentationRequest,
  point: DecisionPoint,
  { volumes, executor, counters: shared }: PointResources,
  control: RunControl = {},
): Promise<PointResult | string> {
  const box = subvolumeOf(point, request.radius);
  const extent = volumes.image.shape.slice(-3);
  const isInside = box.start.every((n, axis) => n >= 0 && n + box.size[axis] <= extent[axis]);
  if (!isInside) return "not enough context: its subvolume reaches out of the image";
  const counters = new Counters();
  const prepared = await prepareSubvolume(request.inference, volumes, box, counters, shared);
  if (prepared.emptyBecause !== null) return prepared.emptyBecause;
  using client = executor.connect();
  const canvas = new HostCanvas({
    image: prepared.image,
    size: box.size,
    predictor: client,
    options: request.inference.options,
    restrictor: prepared.restrictor,
    movementPolicy: request.inference.movementPolicy,
    counters,
    keepHistory: true,
  });
  const local = canvas.initSegmentation(prepared.labels ?? new Uint8Array(volumeOf(box.size)));
  const masks: Uint8Array[] = [];
  for (const id of point.idB === null ? [point.idA] : [point.idA, point.idB]) {
    const number = local.get(id) ?? local.get(Number(id));
    if (number === undefined || number === 0) return `object ${id} does not lie in its subvolume`;
    masks.push(Uint8Array.from(canvas.segmentation, (label) => label === number ? 1 : 0));
  }
  clearObjects(canvas, masks, point.idB === null);
  const regrown = await growAll(request, canvas, masks, executor, control);
  return { point, radius: request.radius, corner: box.start, size: box.size, ...regrown, counters };
}

/** Frees the voxels of the point's objects, of a pair; of all objects where there is only one to follow. */
function clearObjects(canvas: HostCanvas, masks: readonly Uint8Array[], everything: boolean): void {
  for (let i = 0; i < canvas.segmentation.length; i++) {
    if (!everything && !masks.some((mask) => mask[i])) continue;
    canvas.segmentation[i] = 0;
    canvas.segProb[i] = 0;
  }
}

async function growAll(
  request: ResegmentationRequest,
  canvas: HostCanvas,
  masks: readonly Uint8Array[],
  executor: Executor,
  control: RunControl,
): Promise<Pick<PointResult, "objects" | "starts">> {
  const analysis = analysisBox(request);
  const objects: RegrownObject[] = [];
  const starts: [Zyx[], Zyx[]] = [[], []];
  const { segmentRecoveryFraction: fraction, inference: { options } } = request;
  const threshold = Math.fround(options.segmentThreshold);
  const margin = floorDivZyx(executor.model.imageSize, 2);
  for (const [i, mask] of masks.entries()) {
    const distances = await startDistances(request, canvas, mask, margin);
    let probs: Float32Array | null = null;
    let recovered = false;
    for (let attempt = 0; attempt < request.maxRetryIters && !recovered; attempt++) {
      const start = takeMaximum(distances, canvas.size, request.exclusionRadius);
      if (mask[indexOf(start, canvas.size)] === 0) continue;
      await canvas.segmentAt(start, control);
      probs = canvas.seed.map(expit32);
      starts[i].push(start);
      const { held, all } = countHeld(probs, mask, canvas.size, analysis, threshold);
      recovered = fraction > 0 ? held / all >= fraction : held >= options.minSegmentSize;
    }
    if (probs !== null) {
      const { history, historyDeleted } = canvas;
      const bytes = Uint8Array.from(probs, quantiseProbability);
      objects.push({ probs: bytes, history: [...history], deletes: [...historyDeleted] });
    }
    if (!request.terminateEarly) continue;
    if (!recovered) break;
    if (fraction > 0 && i === 0 && masks.length === 2) {
      const { held, all } = countHeld(probs!, masks[1], canvas.size, analysis, threshold);
      // The first object misses the second one already.
      if (held / all < fraction) break;
    }
  }
  return { objects, starts };
}

/** Where results are judged, relative to the subvolume. */
export function analysisBox(
  { radius, analysisRadius }: Pick<ResegmentationRequest, "radius" | "analysisRadius">,
): Box {
  const half = analysisRadius ?? radius;
  return { start: subZyx(radius, half), size: mapZyx((r) => 2 * r + 1, half) };
}

/** Squared distance of every voxel of an object to what is not it, 0 where nothing may start. */
async function startDistances(
  { radius, initExclusionRadius }: ResegmentationRequest,
  canvas: HostCanvas,
  mask: Uint8Array,
  margin: Zyx,
): Promise<Float32Array | Float64Array> {
  const { size } = canvas;
  const edge = mask.map((inside) => 1 - inside);
  const distances = await canvas.counters.time("edt", () => squaredDistances(edge, size));
  let i = 0;
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[2]; x++, i++) {
        const at = [z, y, x];
        const isNearFace = at.some((n, axis) => n < margin[axis] || n >= size[axis] - margin[axis]);
        const isExcluded = initExclusionRadius !== null &&
          at.every((n, axis) => Math.abs(n - radius[axis]) <= initExclusionRadius[axis]);
        if (isNearFace || isExcluded) distances[i] = 0;
      }
    }
  }
  return distances;
}

/** First position of the largest value, in C order; it and what is within `exclusion` are set to 0. */
export function takeMaximum(
  values: Float32Array | Float64Array,
  size: Zyx,
  exclusion: Zyx,
): Zyx {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  const [, height, width] = size;
  const at: Zyx = [
    Math.floor(best / (height * width)),
    Math.floor(best / width) % height,
    best % width,
  ];
  const from = mapZyx((n, r) => Math.max(n - r, 0), at, exclusion);
  const to = mapZyx((n, r, axis) => Math.min(n + r, size[axis] - 1), at, exclusion);
  for (let z = from[0]; z <= to[0]; z++) {
    for (let y = from[1]; y <= to[1]; y++) {
      const row = (z * height + y) * width;
      values.fill(0, row + from[2], row + to[2] + 1);
    }
  }
  return at;
}

/** Voxels of an object inside a box, and those of them that a map `[z, y, x]` holds. */
function countHeld(
  probs: Float32Array,
  mask: Uint8Array,
  size: Zyx,
  { start, size: extent }: Box,
  threshold: number,
): { held: number; all: number } {
  let [held, all] = [0, 0];
  for (let z = start[0]; z < start[0] + extent[0]; z++) {
    for (let y = start[1]; y < start[1] + extent[1]; y++) {
      for (let x = start[2]; x < start[2] + extent[2]; x++) {
        const i = (z * size[1] + y) * size[2] + x;
        if (mask[i] === 0) continue;
        all++;
        if (probs[i] >= threshold) held++;
      }
    }
  }
  return { held, all };
}

function indexOf([z, y, x]: Zyx, [, height, width]: Zyx): number {
  return (z * height + y) * width + x;
}
