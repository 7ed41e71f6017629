import type { TypedArray } from "../formats/nd_array.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { type Connectivity, splitDisconnectedComponents } from "./components.ts";
import { assertLabels, distinctLabels, type LabelArray, type LabelId } from "./distinct_labels.ts";
import { clearDust } from "./dust.ts";

/** What `cleanUp` does. */
export interface CleanUpOptions {
  /** Give disconnected parts of a label numbers of their own; true unless said otherwise. */
  splitCc?: boolean;
  /** Remove labels (after the split) with fewer voxels; 0 keeps all. */
  minSize?: number;
  connectivity?: Connectivity;
}

/** Result of `cleanUp`. */
export interface CleanLabels {
  /** `[z, y, x]`: component numbers from 1 (not renumbered after dust removal), or a copy where nothing was split. */
  readonly labels: LabelArray;
  /** Old label of every new one that is left, and 0 → 0. */
  readonly newToOld: Map<LabelId, LabelId>;
  /** Voxels of every label in `newToOld`, 0 included. */
  readonly counts: Map<LabelId, number>;
}

/**
 * Splits labels into connected components, then removes dust.
 *
 * @param labels `[z, y, x]`, of any integer type; not changed.
 * @throws {TypeError} when `labels` holds floats.
 * @throws {RangeError} when `labels` does not have as many elements as `size` says.
 */
export async function cleanUp(
  labels: TypedArray,
  size: Zyx,
  { splitCc = true, minSize = 0, connectivity = 6 }: CleanUpOptions = {},
): Promise<CleanLabels> {
  assertLabels("clean up labels", labels);
  const clean: LabelArray = splitCc
    ? (await splitDisconnectedComponents(labels, size, connectivity)).labels
    : labels.slice();
  if (minSize > 0) clearDust(clean, minSize);

  const zeroOf = (a: LabelArray): LabelId => typeof a[0] === "bigint" ? 0n : 0;
  const { index, ids, counts } = distinctLabels(clean);
  const newToOld = new Map<LabelId, LabelId>([[zeroOf(clean), zeroOf(labels)]]);
  // The old label of a component is that of any of its voxels, so the first one seen.
  for (let i = 0; newToOld.size < ids.length; i++) {
    if (index[i] === newToOld.size) newToOld.set(ids[index[i]], labels[i]);
  }
  return { labels: clean, newToOld, counts: new Map(ids.map((id, i) => [id, counts[i]])) };
}
