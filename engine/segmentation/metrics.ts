import type { TypedArray } from "../formats/nd_array.ts";
import { type Cell, Contingency } from "./contingency.ts";

/** Variation of information over one set of voxels, in bits. */
export interface VariationOfInformation {
  /** Voxels taken into account. */
  readonly voxels: number;
  /** H(segmentation | truth): how much objects are cut up. */
  readonly split: number;
  /** H(truth | segmentation): how much objects are run together. */
  readonly merge: number;
  /** split + merge. */
  readonly total: number;
}

/** A segmentation measured against truth. Every measure says which voxels count. */
export interface LabelMetrics {
  /** Over the voxels where truth > 0; label 0 of the segmentation is one more label. */
  readonly all: VariationOfInformation;
  /** Over the voxels where both are > 0. */
  readonly both: VariationOfInformation;
  /** Adapted Rand error, 1 - F1 of voxel pairs, over truth > 0 (label 0 of the segmentation is one more label). */
  readonly adaptedRandError: number;
  /** Share of pairs joined in the segmentation that are joined in the truth; falls with mergers. */
  readonly randPrecision: number;
  /** Share of pairs joined in the truth that are joined in the segmentation; falls with splits. */
  readonly randRecall: number;
  /** 1 - Rand index, over truth > 0: share of voxel pairs that one joins and the other does not. */
  readonly randError: number;
  /** Rand index corrected for chance, over truth > 0: 1 for equal labellings, about 0 for random ones. */
  readonly adjustedRandIndex: number;
  /** Share of all voxels, truth or not, where the segmentation is > 0. */
  readonly coverage: number;
  /** Distinct non-zero labels. */
  readonly segments: number;
  /** The same of the truth. */
  readonly truths: number;
}

/**
 * Measures a segmentation against truth; both have the same shape, and labels of any integer type.
 *
 * @throws {TypeError} when an array holds floats.
 * @throws {RangeError} when the lengths differ, or when no voxel has truth.
 */
export function compareLabels(segmentation: TypedArray, truth: TypedArray): LabelMetrics {
  const contingency = new Contingency();
  contingency.add(segmentation, truth);
  return labelMetrics(contingency);
}

/**
 * The measures of a joint histogram.
 *
 * @throws {RangeError} when no voxel has truth > 0.
 */
export function labelMetrics(contingency: Contingency): LabelMetrics {
  const cells = [...contingency.cells()];
  const all = cells.filter(({ truth }) => truth > 0);
  if (all.length === 0) {
    throw new RangeError(
      "Cannot compare segmentations: some voxel needs a truth label > 0, current truth is all 0",
    );
  }
  const covered = cells.filter(({ segment }) => segment > 0);
  const joint = pairCount(all.map(({ count }) => count));
  const inSegments = pairCount(sums(all, "segment"));
  const inTruths = pairCount(sums(all, "truth"));
  const voxels = total(all);
  // One voxel alone makes no pair; nothing was joined wrongly then.
  const precision = inSegments === 0 ? 1 : joint / inSegments;
  const recall = inTruths === 0 ? 1 : joint / inTruths;
  const pairs = voxels * (voxels - 1);
  return {
    all: variationOfInformation(all),
    both: variationOfInformation(covered.filter(({ truth }) => truth > 0)),
    adaptedRandError: precision + recall === 0
      ? 1
      : 1 - (2 * precision * recall) / (precision + recall),
    randPrecision: precision,
    randRecall: recall,
    randError: pairs === 0 ? 0 : (inSegments + inTruths - 2 * joint) / pairs,
    adjustedRandIndex: adjustedRandIndex(joint, inSegments, inTruths, pairs),
    coverage: total(covered) / total(cells),
    segments: contingency.segmentCount,
    truths: contingency.truthCount,
  };
}

/** Of ordered pairs of voxels: those joined in both, in either, and all of them. */
function adjustedRandIndex(joint: number, a: number, b: number, pairs: number): number {
  const expected = pairs === 0 ? 0 : a * b / pairs;
  const most = (a + b) / 2;
  // Both are one object, or both have one voxel per object.
  return most === expected ? 1 : (joint - expected) / (most - expected);
}

function variationOfInformation(cells: readonly Cell[]): VariationOfInformation {
  const voxels = total(cells);
  const joint = entropy(cells.map(({ count }) => count), voxels);
  // Rounding may leave the difference of equal entropies a little below 0.
  const split = Math.max(0, joint - entropy(sums(cells, "truth"), voxels));
  const merge = Math.max(0, joint - entropy(sums(cells, "segment"), voxels));
  return { voxels, split, merge, total: split + merge };
}

/** Entropy of a distribution given as counts that add up to `of`, in bits. */
function entropy(counts: Iterable<number>, of: number): number {
  let sum = 0;
  for (const count of counts) sum -= (count / of) * Math.log2(count / of);
  return sum;
}

/** Ordered pairs of distinct voxels that share a label. */
function pairCount(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count * (count - 1);
  return sum;
}

/** Voxels per label of one side. */
function sums(cells: readonly Cell[], side: "segment" | "truth"): Iterable<number> {
  const bySide = new Map<number, number>();
  for (const cell of cells) bySide.set(cell[side], (bySide.get(cell[side]) ?? 0) + cell.count);
  return bySide.values();
}

function total(cells: readonly Cell[]): number {
  return cells.reduce((sum, { count }) => sum + count, 0);
}
