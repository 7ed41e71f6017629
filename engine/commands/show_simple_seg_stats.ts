import { defineCommand } from "./command.ts";

/** `ffn show-simple-seg-stats VOLUME`. */
export const command = defineCommand({
  description: "Say how many objects a segmentation has and how large they are, without any truth",
  arguments: {
    segmentation: { description: "volume spec, seg-*.npz file or folder of results" },
  },
  options: {
    margin: {
      type: "integer",
      hint: "VOXELS",
      min: 0,
      default: 24,
      description: "objects that reach farther than this from every face count as islands",
    },
    json: { type: "flag", description: "print JSON instead of a table" },
  },
  examples: ["show-simple-seg-stats results/0/0/seg-0_0_0.npz"],
  async run({ segmentation, margin, json }, context) {
    const { openLabels } = await import("./open_labels.ts");
    const { alignRows } = await import("./description.ts");
    const { spatialSize, wholeBox } = await import("../volumes/volume.ts");
    const { unsupervisedMetrics } = await import("../segmentation/unsupervised_metrics.ts");
    await using labels = await openLabels(segmentation, context.note);
    const { volume } = labels;
    const data = await volume.read(wholeBox(volume));
    const metrics = await unsupervisedMetrics(data, spatialSize(volume), margin);
    if (json) return context.print(JSON.stringify(metrics, null, 2));
    const { density, objects, split, decrumbed: { density: left, ...decrumbed } } = metrics;
    const rows = [["objects", objects], ["components", split], [
      "without crumbs",
      decrumbed,
    ]] as const;
    const table = rows.map(([of, s]) => ({
      ...{ of, number: s.nsegs, smallest: s.minSize, mean: s.meanSize.toFixed(1) },
      ...{ median: s.medianSize, largest: s.maxSize, islands: s.nIslands },
    }));
    context.print(
      [...alignRows(table), "", `density ${density.toFixed(4)}, without crumbs ${left.toFixed(4)}`]
        .join("\n"),
    );
  },
});
