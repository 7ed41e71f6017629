import { makeLabelsContiguous } from "./contiguous.ts";
import { KeyIndex } from "./distinct_labels.ts";

/**
 * Cuts the objects of one segmentation by those of another, in place: of each object the part that shares most voxels
 * with one label of `by` (its background included) keeps the number, every other part gets a new one, and parts of
 * fewer than `minSize` voxels vanish. Parts are not split into components, and background stays background. Arrays
 * have any, the same, shape.
 *
 * @throws {TypeError} when they are not uint64.
 * @throws {RangeError} when the lengths differ.
 */
export function splitByIntersection(
  labels: BigUint64Array,
  by: BigUint64Array,
  minSize = 0,
): void {
  if (!(labels instanceof BigUint64Array && by instanceof BigUint64Array)) {
    throw new TypeError(
      `Cannot split a segmentation by another: both must be uint64, current types are ${
        (labels as object).constructor.name
      } and ${(by as object).constructor.name}`,
    );
  }
  if (labels.length !== by.length) {
    throw new RangeError(
      `Cannot split a segmentation by another: both need the same shape, current lengths are ` +
        `${labels.length} and ${by.length}`,
    );
  }
  const a = makeLabelsContiguous(labels, { keepZero: true });
  const b = makeLabelsContiguous(by, { keepZero: true });
  const { partOf, parts, counts } = countParts(a.labels, b.labels);
  const ids = a.mapping.map(([id]) => BigInt(id));
  const numbers = numberParts(parts, counts, ids, minSize);
  for (let i = 0; i < labels.length; i++) labels[i] = numbers[partOf[i]];
}

/** The distinct pairs of two arrays of one length, with the pair of each element. */
function countParts(a: Uint32Array, b: Uint32Array) {
  const parts = new KeyIndex();
  const counts: number[] = [];
  const partOf = new Uint32Array(a.length);
  let part = 0;
  for (let i = 0; i < a.length; i++) {
    if (i === 0 || a[i] !== a[i - 1] || b[i] !== b[i - 1]) part = parts.indexOf(a[i], b[i]);
    if (part === counts.length) counts.push(0);
    counts[part]++;
    partOf[i] = part;
  }
  return { partOf, parts: parts.words.subarray(0, 2 * parts.size), counts };
}

/**
 * The number of every part.
 *
 * @param parts Rank in `a` and rank in `b` of part i at `2 * i` and behind it.
 * @param ids Labels of `a` by rank, ascending; the first is 0.
 */
function numberParts(
  parts: Uint32Array,
  counts: readonly number[],
  ids: readonly bigint[],
  minSize: number,
): BigUint64Array {
  const order = counts.map((_, part) => part)
    .sort((p, q) => parts[2 * p + 1] - parts[2 * q + 1] || parts[2 * p] - parts[2 * q]);
  const largest = new Map<number, number>();
  for (const part of order) {
    const known = largest.get(parts[2 * part]);
    if (known === undefined || counts[part] > counts[known]) largest.set(parts[2 * part], part);
  }
  let next = ids[ids.length - 1];
  const numbers = new BigUint64Array(counts.length);
  for (const part of order) {
    const object = parts[2 * part];
    if (object === 0 || counts[part] < minSize) continue;
    numbers[part] = largest.get(object) === part ? ids[object] : ++next;
  }
  return numbers;
}
