import type { LabelMetrics, VariationOfInformation } from "../segmentation/metrics.ts";
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
