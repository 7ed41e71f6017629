import type { LabelMetrics, VariationOfInformation } from "../segmentation/metrics.ts";
import type { ObjectMatching } from "../segmentation/object_matching.ts";
import type { SkeletonMetrics } from "../segmentation/skeleton_metrics.ts";
import { alignRows } from "./description.ts";

/** The measures as a table; the conventions stand beside the figures. */
export function printMetrics(metrics: LabelMetrics): string {
  const { all, both } = metrics;
  const row = (measure: string, of: (vi: VariationOfInformation) => string) => ({
    measure,
    "truth > 0": of(all),
    "truth > 0 and segmentation > 0": of(both),
  });
  const voxelSets = alignRows([
    row("voxels", (vi) => String(vi.voxels)),
    row("VI split (bits)", (vi) => vi.split.toFixed(6)),
    row("VI merge (bits)", (vi) => vi.merge.toFixed(6)),
    row("VI (bits)", (vi) => vi.total.toFixed(6)),
  ]);
  const others = alignRows([
    { measure: "adapted Rand error", "truth > 0": metrics.adaptedRandError.toFixed(6) },
    { measure: "  precision", "truth > 0": metrics.randPrecision.toFixed(6) },
    { measure: "  recall", "truth > 0": metrics.randRecall.toFixed(6) },
    { measure: "Rand error", "truth > 0": metrics.randError.toFixed(6) },
    { measure: "adjusted Rand index", "truth > 0": metrics.adjustedRandIndex.toFixed(6) },
  ]);
  return [
    ...voxelSets,
    "",
    ...others,
    "",
    `${metrics.segments} segments against ${metrics.truths} of the truth; coverage ${
      metrics.coverage.toFixed(4)
    } of all voxels`,
  ].join("\n");
}

/** How well objects fit one by one, and tables of the worst ones. */
export function printMatching(matching: ObjectMatching, worst: number): string {
  const { matched, truths, precision, recall, f1 } = matching;
  const lines = [
    `${matched} of ${truths.length} objects have a segment of IoU >= 0.5: precision ${
      precision.toFixed(4)
    }, recall ${recall.toFixed(4)}, F1 ${f1.toFixed(4)}`,
  ];
  const cut = truths.slice(0, worst).filter(({ splitBits }) => splitBits > 0)
    .map(({ id, voxels, segments, iou, splitBits }) => ({
      ...{ "cut up": `${id}`, voxels, segments, "best IoU": iou.toFixed(3) },
      "VI split (bits)": splitBits.toFixed(6),
    }));
  const merged = matching.segments.slice(0, worst).filter(({ mergeBits }) => mergeBits > 0)
    .map(({ id, voxels, truths, mergeBits }) => ({
      ...{ "run together": `${id}`, voxels, objects: truths },
      "VI merge (bits)": mergeBits.toFixed(6),
    }));
  for (const table of [cut, merged]) if (table.length > 0) lines.push("", ...alignRows(table));
  return lines.join("\n");
}

/** Edges by class, and run lengths. */
export function printSkeletons(metrics: SkeletonMetrics): string {
  const { skeletons, erlNm, normalisedErl } = metrics;
  const classes = (["correct", "split", "merge", "omit"] as const).map((kind) => ({
    "edges that are": kind,
    number: metrics[kind].edges,
    "length (nm)": metrics[kind].lengthNm.toFixed(1),
  }));
  return [
    ...alignRows(classes),
    "",
    `expected run length ${erlNm.toFixed(1)} nm, ${
      normalisedErl.toFixed(4)
    } of a perfect segmentation, over ${skeletons.length} skeletons`,
  ].join("\n");
}
