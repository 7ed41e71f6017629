import type { TypedArray } from "../formats/nd_array.ts";
import { assertLabels, distinctLabels } from "./distinct_labels.ts";

/**
 * Sets labels with fewer than `minSize` voxels to 0, in place, in an array of any shape.
 *
 * @returns how many labels vanished.
 * @throws {TypeError} when `labels` holds floats.
 */
export function clearDust(labels: TypedArray, minSize = 10): number {
  assertLabels("clear dust", labels);
  const { index, counts } = distinctLabels(labels);
  const isDust = counts.map((count, i) => i > 0 && count < minSize);
  const vanished = isDust.filter(Boolean).length;
  if (vanished === 0) return 0;
  const isWide = labels instanceof BigUint64Array || labels instanceof BigInt64Array;
  for (let i = 0; i < index.length; i++) {
    if (!isDust[index[i]]) continue;
    if (isWide) labels[i] = 0n;
    else labels[i] = 0;
  }
  return vanished;
}
