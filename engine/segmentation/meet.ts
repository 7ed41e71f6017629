import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { TypedArray } from "../formats/nd_array.ts";
import { labelComponents } from "../../wasm/labels/component_scan.ts";
import { assertLabels, distinctLabels, KeyIndex } from "./distinct_labels.ts";

/** `meet`: voxels stay together where both inputs join them. `compat`: the reference's rule, see `meetLikeReference`. */
export type MeetMode = "meet" | "compat";

/** Labels with the largest of them. */
export interface NumberedLabels {
  /** `[z, y, x]` */
  readonly labels: Uint32Array<ArrayBuffer>;
  readonly maxId: number;
}

/** Labels of any integer type as uint32, renumbered only where they do not fit. */
export function asUint32(labels: TypedArray): Uint32Array<ArrayBuffer> {
  assertLabels("combine segmentations", labels);
  if (labels instanceof Uint32Array) return labels as Uint32Array<ArrayBuffer>;
  if (labels instanceof BigUint64Array || labels instanceof BigInt64Array) {
    return distinctLabels(labels).index;
  }
  return Uint32Array.from(labels);
}

/**
 * The meet of two segmentations `[z, y, x]`: connected components of voxels that agree in both labels, numbered from 1
 * in C order of first voxels. Where one input has no label the other one's counts, so nothing is lost. Commutative and
 * associative but for numbers.
 *
 * @param splitCc Off, all voxels of one pair of labels are one object, connected or not.
 */
export async function meet(
  a: Uint32Array,
  b: Uint32Array,
  size: Zyx,
  { splitCc = true }: { splitCc?: boolean } = {},
): Promise<NumberedLabels> {
  checkSizes(a, b, size);
  if (splitCc) {
    const { labels, count } = await labelComponents(a, size, 6, b);
    return { labels, maxId: count };
  }
  const pairs = new KeyIndex();
  // Number 0 is the background.
  pairs.indexOf(0, 0);
  const labels = new Uint32Array(a.length);
  let number = 0;
  for (let i = 0; i < a.length; i++) {
    if (i === 0 || a[i] !== a[i - 1] || b[i] !== b[i - 1]) number = pairs.indexOf(a[i], b[i]);
    labels[i] = number;
  }
  return { labels, maxId: pairs.size - 1 };
}

/**
 * What the reference calls the meet: components of `a` where `b` is empty, then of `b` where `a` is empty, then of `a`
 * where both are not. It depends on the order of its inputs, and splits that only `b` has are lost.
 */
export async function meetLikeReference(
  a: Uint32Array,
  b: Uint32Array,
  size: Zyx,
  minNew = 1,
): Promise<NumberedLabels> {
  checkSizes(a, b, size);
  const region = new Uint32Array(a.length), kept = new Uint32Array(a.length);
  const voxels = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    region[i] = (a[i] === 0 ? 0 : 1) + (b[i] === 0 ? 0 : 2);
    kept[i] = a[i] === 0 ? b[i] : a[i];
    voxels[region[i]]++;
  }
  const { labels, count } = await labelComponents(kept, size, 6, region);
  // Components of a region keep their order among themselves; a region's numbers begin where the last one's ended.
  const regions = new Uint8Array(count + 1);
  for (let i = 0; i < labels.length; i++) regions[labels[i]] = region[i];
  const numbers = new Uint32Array(count + 1);
  let maxId = minNew - 1;
  for (const wanted of [1, 2, 3]) {
    const first = firstNumber(maxId + 1, voxels[wanted] < a.length);
    let next = first;
    for (let id = 1; id <= count; id++) {
      if (regions[id] === wanted) numbers[id] = next++;
    }
    maxId = next - 1;
  }
  for (let i = 0; i < labels.length; i++) labels[i] = numbers[labels[i]];
  return { labels, maxId };
}

/**
 * Splits the voxels of `labels` where `where` is set into components and writes them to `out`, numbered from `minNew`
 * on as the reference does: `minNew` itself stays unused unless `where` covers everything. All are `[z, y, x]`.
 *
 * @returns The largest number, or `minNew` where nothing was written.
 */
export async function mergeFromMinId(
  out: Uint32Array,
  labels: Uint32Array,
  where: (i: number) => boolean,
  size: Zyx,
  minNew: number,
): Promise<number> {
  const masked = new Uint32Array(labels.length);
  for (let i = 0; i < labels.length; i++) if (where(i)) masked[i] = labels[i];
  const { labels: components, count } = await labelComponents(masked, size);
  const first = firstNumber(minNew, components.includes(0));
  for (let i = 0; i < out.length; i++) {
    if (components[i] > 0) out[i] = first + components[i] - 1;
  }
  return first + count - 1;
}

/** The reference numbers distinct values from `minNew`, and the 0 outside of the region is one of them. */
function firstNumber(minNew: number, hasOutside: boolean): number {
  return hasOutside ? minNew + 1 : minNew;
}

function checkSizes(a: Uint32Array, b: Uint32Array, size: Zyx): void {
  if (a.length === volumeOf(size) && b.length === a.length) return;
  throw new RangeError(
    `Cannot combine segmentations: both need ${volumeOf(size)} voxels for size zyx (${
      size.join(", ")
    }), current ${a.length} and ${b.length}`,
  );
}
