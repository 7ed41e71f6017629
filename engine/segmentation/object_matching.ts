import type { Contingency } from "./contingency.ts";

/** An object of the truth and what the segmentation makes of it. */
export interface TruthMatch {
  readonly id: bigint;
  readonly voxels: number;
  /** Segment that fits it best; null where none touches it. */
  readonly segment: bigint | null;
  /** Intersection over union with that one. */
  readonly iou: number;
  /** Segments that share voxels with it. */
  readonly segments: number;
  /** What it adds to VI split, in bits. */
  readonly splitBits: number;
}

/** A segment and what it runs together. */
export interface SegmentMistake {
  readonly id: bigint;
  readonly voxels: number;
  /** Objects of the truth that share voxels with it. */
  readonly truths: number;
  /** What it adds to VI merge, in bits. */
  readonly mergeBits: number;
}

/** Objects of both sides, one by one. */
export interface ObjectMatching {
  /** Objects of the truth with a segment of IoU 0.5 and more; no segment can fit two so well. */
  readonly matched: number;
  /** `matched` of the segments that touch truth, and of the objects of the truth; F1 is their harmonic mean. */
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Worst first: by the bits that they add to the variation of information over truth > 0. */
  readonly truths: readonly TruthMatch[];
  readonly segments: readonly SegmentMistake[];
}

const MATCHING_IOU = 0.5;

/** Matches the objects of two labellings, over the voxels where truth > 0. */
export function matchObjects(contingency: Contingency): ObjectMatching {
  const cells = [...contingency.cells()].filter(({ truth }) => truth > 0);
  const all = cells.reduce((sum, { count }) => sum + count, 0);
  const bySegment = Map.groupBy(cells, ({ segment }) => segment);
  const byTruth = Map.groupBy(cells, ({ truth }) => truth);
  const sizeOf = (group: readonly { count: number }[]) =>
    group.reduce((sum, { count }) => sum + count, 0);
  const segmentSizes = new Map([...bySegment].map(([number, group]) => [number, sizeOf(group)]));
  const bits = (group: readonly { count: number }[], size: number) =>
    group.reduce((sum, { count }) => sum - count * Math.log2(count / size), 0) / all;

  const truths = [...byTruth].map(([number, group]): TruthMatch => {
    const voxels = sizeOf(group);
    const inSegments = group.filter(({ segment }) => segment > 0);
    let best = { segment: 0, iou: 0 };
    for (const { segment, count } of inSegments) {
      const iou = count / (voxels + segmentSizes.get(segment)! - count);
      if (iou > best.iou) best = { segment, iou };
    }
    return {
      ...{ id: contingency.truthId(number), voxels, iou: best.iou, segments: inSegments.length },
      segment: best.segment === 0 ? null : contingency.segmentId(best.segment),
      splitBits: bits(group, voxels),
    };
  });
  const segments = [...bySegment].filter(([number]) => number > 0)
    .map(([number, group]): SegmentMistake => {
      const voxels = sizeOf(group);
      const id = contingency.segmentId(number);
      return { id, voxels, truths: group.length, mergeBits: bits(group, voxels) };
    });
  const matched = truths.filter(({ iou }) => iou >= MATCHING_IOU).length;
  const precision = segments.length === 0 ? 0 : matched / segments.length;
  const recall = truths.length === 0 ? 0 : matched / truths.length;
  return {
    ...{ matched, precision, recall },
    f1: matched === 0 ? 0 : 2 * matched / (segments.length + truths.length),
    truths: truths.sort((a, b) => b.splitBits - a.splitBits || (a.id < b.id ? -1 : 1)),
    segments: segments.sort((a, b) => b.mergeBits - a.mergeBits || (a.id < b.id ? -1 : 1)),
  };
}
