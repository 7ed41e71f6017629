import type { TypedArray } from "../formats/nd_array.ts";
import { distinctLabels, type LabelId } from "./distinct_labels.ts";

/** Result of `makeLabelsContiguous`. */
export interface ContiguousLabels {
  /** New labels, same shape as the input. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** `[old, new]` of every distinct label, ascending in both. */
  readonly mapping: [LabelId, number][];
}

/**
 * Replaces the distinct labels of an array of any shape, in ascending order, by 0, 1, 2…
 *
 * Without a 0 in the data the smallest label becomes 0, as in the reference code, which makes background of an object
 * where the segmentation is dense; `keepZero` counts 0 as present, so that only background becomes 0.
 *
 * @throws {TypeError} when `labels` holds floats.
 */
export function makeLabelsContiguous(
  labels: TypedArray,
  options: { keepZero?: boolean } = {},
): ContiguousLabels {
  const { index, ids, counts } = distinctLabels(labels);
  const present = ids.map((_, i) => i).filter((i) => counts[i] > 0 || options.keepZero);
  present.sort((a, b) => (ids[a] < ids[b] ? -1 : 1));
  const rank = new Uint32Array(ids.length);
  present.forEach((old, i) => rank[old] = i);
  for (let i = 0; i < index.length; i++) index[i] = rank[index[i]];
  return { labels: index, mapping: present.map((old, i) => [ids[old], i]) };
}
