import type { TypedArray } from "../formats/nd_array.ts";
import { type Box, endOf } from "../geometry/box.ts";
import { mapZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { dequantiseProbability } from "../segmentation/quantisation.ts";
import { squaredDistances } from "../../wasm/images/squared_distances.ts";
import type { PointResult, RegrownObject } from "./point_run.ts";

/** From this probability on a voxel belongs to a regrown object. */
const THRESHOLD = 0.5;

/** What became of one object of a pair, inside the analysis box. */
export interface ObjectEvaluation {
  /** Where it was started, in the volume. */
  readonly origin: Zyx;
  readonly voxels: number;
  /** Voxels that were taken into the object and given up again by fields of view centred in the box. */
  readonly deletedVoxels: number;
  /** Share of the original object A (B) that it holds. */
  readonly consistencyA: number;
  readonly consistencyB: number;
  /** Largest distance of a voxel of it to what is not it; to the border of the box where it fills the box. */
  readonly maxDistance: number;
}

/** Whether two objects, grown anew from either, come out as one. */
export interface PairEvaluation {
  readonly idA: bigint;
  readonly idB: bigint;
  readonly position: Zyx;
  /** Intersection over union of the two regrown objects; NaN where both are empty. */
  readonly iou: number;
  readonly fromA: ObjectEvaluation;
  readonly fromB: ObjectEvaluation;
  /** Of the original objects in the box. */
  readonly voxelsA: number;
  readonly voxelsB: number;
  readonly maxDistanceA: number;
  readonly maxDistanceB: number;
}

/**
 * Judges the result of a pair.
 *
 * @param labels Original labels `[z, y, x]` of the box `point ± analysisRadius`.
 * @returns The evaluation, or in words why there is none.
 */
export async function evaluatePair(
  result: PointResult,
  labels: TypedArray,
  analysisRadius: Zyx,
): Promise<PairEvaluation | string> {
  const { point: { idA, idB, position }, objects, radius } = result;
  if (idB === null) return "it is an endpoint, not a pair";
  if (objects.length !== 2) return `incomplete: ${objects.length} of 2 objects were grown`;
  const size = mapZyx((a) => 2 * a + 1, analysisRadius);
  const box: Box = { start: subZyx(radius, analysisRadius), size };
  const originals = [idA, idB].map((id) => maskOf(labels, id));
  const [voxelsA, voxelsB] = originals.map(count);
  if (voxelsA === 0 || voxelsB === 0) {
    return `object ${voxelsA === 0 ? idA : idB} does not lie in the analysis box`;
  }
  const grown = objects.map((object) => grownMask(object, result.size, box));
  let [both, either] = [0, 0];
  grown[0].forEach((inside, i) => {
    both += inside & grown[1][i];
    either += inside | grown[1][i];
  });
  const evaluations: ObjectEvaluation[] = [];
  for (const [k, object] of objects.entries()) {
    const start = result.starts[k].at(-1)!;
    evaluations.push({
      origin: mapZyx((a, b) => a + b, start, result.corner),
      voxels: count(grown[k]),
      deletedVoxels: deletedIn(object, box),
      consistencyA: overlap(grown[k], originals[0]) / voxelsA,
      consistencyB: overlap(grown[k], originals[1]) / voxelsB,
      maxDistance: await maxDistance(grown[k], size),
    });
  }
  return {
    ...{ idA, idB, position, iou: both / either },
    ...{ fromA: evaluations[0], fromB: evaluations[1], voxelsA, voxelsB },
    maxDistanceA: await maxDistance(originals[0], size),
    maxDistanceB: await maxDistance(originals[1], size),
  };
}

function maskOf(labels: TypedArray, id: bigint): Uint8Array {
  const wanted = typeof labels[0] === "bigint" ? id : Number(id);
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) mask[i] = labels[i] === wanted ? 1 : 0;
  return mask;
}

/** Voxels `[z, y, x]` of a box of the subvolume that a regrown object holds. */
function grownMask({ probs }: RegrownObject, [, height, width]: Zyx, box: Box): Uint8Array {
  const mask = new Uint8Array(volumeOf(box.size));
  const [z0, y0, x0] = box.start;
  let at = 0;
  for (let z = z0; z < z0 + box.size[0]; z++) {
    for (let y = y0; y < y0 + box.size[1]; y++) {
      const row = (z * height + y) * width + x0;
      for (let x = 0; x < box.size[2]; x++) {
        mask[at++] = dequantiseProbability(probs[row + x]) >= THRESHOLD ? 1 : 0;
      }
    }
  }
  return mask;
}

/** Voxels deleted by the fields of view whose centre lies in the box. */
export function deletedIn({ history, deletes }: RegrownObject, box: Box): number {
  const end = endOf(box);
  const inside = (p: Zyx) => p.every((n, axis) => n >= box.start[axis] && n < end[axis]);
  return deletes.reduce((sum, deleted, i) => sum + (inside(history[i]) ? deleted : 0), 0);
}

/** Largest distance of a voxel `[z, y, x]` to the nearest that is not set; to the border where all are. */
async function maxDistance(mask: Uint8Array, size: Zyx): Promise<number> {
  const edge = mask.map((inside) => 1 - inside);
  if (!edge.includes(1)) return Math.ceil(Math.min(...size) / 2);
  const squared = await squaredDistances(edge, size);
  let largest = 0;
  for (const value of squared) largest = Math.max(largest, value);
  return Math.sqrt(largest);
}

function count(mask: Uint8Array): number {
  return mask.reduce((sum, inside) => sum + inside, 0);
}

function overlap(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, inside, i) => sum + (inside & b[i]), 0);
}
