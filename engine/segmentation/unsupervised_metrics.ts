import type { TypedArray } from "../formats/nd_array.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { splitDisconnectedComponents } from "./components.ts";
import { distinctLabels } from "./distinct_labels.ts";
import { clearDust } from "./dust.ts";

/** Objects of a labelling; sizes in voxels, NaN where there is no object. */
export interface ObjectStatistics {
  readonly nsegs: number;
  readonly minSize: number;
  readonly meanSize: number;
  readonly medianSize: number;
  readonly maxSize: number;
  /** Objects that reach the interior, `margin` voxels from every face. */
  readonly nIslands: number;
}

/** What can be said of a segmentation without truth. */
export interface UnsupervisedMetrics {
  /** Share of voxels with a label. */
  readonly density: number;
  readonly objects: ObjectStatistics;
  /** Of the 6-connected components. */
  readonly split: ObjectStatistics;
  /** Of the objects of 10 voxels and more. */
  readonly decrumbed: ObjectStatistics & { readonly density: number };
}

const CRUMB_VOXELS = 10;

/**
 * Sizes of objects, components, and of objects without crumbs.
 *
 * @param labels `[z, y, x]`, of any integer type; not changed.
 */
export async function unsupervisedMetrics(
  labels: TypedArray,
  size: Zyx,
  margin = 24,
): Promise<UnsupervisedMetrics> {
  const decrumbed = labels.slice();
  clearDust(decrumbed, CRUMB_VOXELS);
  const { labels: components } = await splitDisconnectedComponents(labels, size);
  return {
    density: densityOf(labels),
    objects: statisticsOf(labels, size, margin),
    split: statisticsOf(components, size, margin),
    decrumbed: { ...statisticsOf(decrumbed, size, margin), density: densityOf(decrumbed) },
  };
}

function densityOf(labels: TypedArray): number {
  let count = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] != 0) count++;
  return count / labels.length;
}

function statisticsOf(labels: TypedArray, size: Zyx, margin: number): ObjectStatistics {
  const { index, counts } = distinctLabels(labels);
  const sizes = counts.slice(1).sort((a, b) => a - b);
  const count = sizes.length;
  return {
    nsegs: count,
    minSize: sizes[0] ?? NaN,
    meanSize: sizes.reduce((a, b) => a + b, 0) / count,
    medianSize: count === 0 ? NaN : (sizes[(count - 1) >> 1] + sizes[count >> 1]) / 2,
    maxSize: sizes[count - 1] ?? NaN,
    nIslands: countInside(index, size, margin),
  };
}

/** Distinct numbers above 0 in `[margin : -margin]` of every axis; none for margin 0, as in Python. */
function countInside(numbers: Uint32Array, [depth, height, width]: Zyx, margin: number): number {
  const found = new Set<number>();
  if (margin === 0) return 0;
  for (let z = margin; z < depth - margin; z++) {
    for (let y = margin; y < height - margin; y++) {
      const row = (z * height + y) * width;
      for (let x = margin; x < width - margin; x++) found.add(numbers[row + x]);
    }
  }
  found.delete(0);
  return found.size;
}
