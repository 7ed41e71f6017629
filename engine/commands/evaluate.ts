import { defineCommand } from "./command.ts";

/** `ffn evaluate SEGMENTATION TRUTH`. */
export const command = defineCommand({
  description:
    "Measure a segmentation against truth: variation of information, Rand errors, coverage",
  arguments: {
    segmentation: { description: "volume spec, seg-*.npz file or folder of results" },
    truth: { description: "the same; label 0 means that the truth is not known there" },
  },
  options: {
    json: { type: "flag", description: "print JSON instead of a table" },
  },
  examples: [
    "evaluate results/0/0/seg-0_0_0.npz groundtruth.h5:stack",
    "evaluate other.npz:segmentation 'groundtruth.h5:stack[0:64, :, :]' --json",
  ],
  async run(values, context) {
    const { compareVolumes } = await import("./compare_volumes.ts");
    const { openLabels } = await import("./open_labels.ts");
    const { printMetrics } = await import("./print_metrics.ts");
    await using segmentation = await openLabels(values.segmentation, context.note);
    await using truth = await openLabels(values.truth, context.note);
    const metrics = await compareVolumes(segmentation, truth, context);
    context.print(values.json ? JSON.stringify(metrics, null, 2) : printMetrics(metrics));
  },
});
