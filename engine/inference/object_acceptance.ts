import type { Overlap } from "../formats/overlaps.ts";
import { type Box, endOf } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { quantiseProbability } from "../segmentation/quantisation.ts";
import { expit32 } from "./logit.ts";

/** The canvas arrays that an object is accepted into, all `[z, y, x]` of `size`. */
export interface LabelledCanvas {
  readonly size: Zyx;
  /** Object map in logits; NaN where never predicted. */
  readonly seed: Float32Array;
  readonly segmentation: Int32Array;
  readonly segProb: Uint8Array;
}

/** What an object map holds inside a box. */
export interface ObjectMeasure {
  /** Voxels that belong to the object and to no earlier one. */
  readonly voxels: number;
  /** Voxels that belong to the object and to an earlier one. */
  readonly overlapping: number;
  readonly overlap: Overlap;
}

/** Counts the voxels of `box` whose logit is at least `threshold`, apart from those of earlier objects. */
export function measureObject(canvas: LabelledCanvas, box: Box, threshold: number): ObjectMeasure {
  const { seed, segmentation, size } = canvas;
  const end = endOf(box);
  const shared = new Map<number, number>();
  let voxels = 0;
  let overlapping = 0;
  for (let z = box.start[0]; z < end[0]; z++) {
    for (let y = box.start[1]; y < end[1]; y++) {
      const row = (z * size[1] + y) * size[2];
      for (let i = row + box.start[2]; i < row + end[2]; i++) {
        if (!(seed[i] >= threshold)) continue;
        const label = segmentation[i];
        if (label <= 0) {
          voxels++;
        } else {
          overlapping++;
          shared.set(label, (shared.get(label) ?? 0) + 1);
        }
      }
    }
  }
  const ids = [...shared.keys()].sort((a, b) => a - b);
  return { voxels, overlapping, overlap: { ids, counts: ids.map((id) => shared.get(id)!) } };
}

/** Gives the voxels that `measureObject` counts as `voxels` the label `id` and their quantised probabilities. */
export function writeObject(
  canvas: LabelledCanvas,
  box: Box,
  threshold: number,
  id: number,
): void {
  const { seed, segmentation, segProb, size } = canvas;
  const end = endOf(box);
  for (let z = box.start[0]; z < end[0]; z++) {
    for (let y = box.start[1]; y < end[1]; y++) {
      const row = (z * size[1] + y) * size[2];
      for (let i = row + box.start[2]; i < row + end[2]; i++) {
        if (!(seed[i] >= threshold) || segmentation[i] > 0) continue;
        segmentation[i] = id;
        segProb[i] = quantiseProbability(expit32(seed[i]));
      }
    }
  }
}

/** Whether any voxel within `distance` of `position` has a positive label; the box is clipped to the canvas. */
export function touchesObject(canvas: LabelledCanvas, position: Zyx, distance: Zyx): boolean {
  const { segmentation, size } = canvas;
  const low = position.map((p, axis) => Math.max(p - distance[axis], 0));
  const high = position.map((p, axis) => Math.min(p + distance[axis] + 1, size[axis]));
  for (let z = low[0]; z < high[0]; z++) {
    for (let y = low[1]; y < high[1]; y++) {
      const row = (z * size[1] + y) * size[2];
      for (let i = row + low[2]; i < row + high[2]; i++) {
        if (segmentation[i] > 0) return true;
      }
    }
  }
  return false;
}
