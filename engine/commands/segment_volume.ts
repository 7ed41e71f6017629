import { defineCommand } from "./command.ts";

/** `ffn segment-volume CONFIG`. */
export const command = defineCommand({
  description:
    "Go from images to exported labels: inference, consensus, resegmentation, merging, export",
  arguments: {
    config: { description: "YAML or JSON file; docs/cluster.md has one with every key" },
  },
  examples: ["segment-volume volume.yaml"],
  async run(values, context) {
    const { segmentVolume } = await import("./segmentation_steps.ts");
    await segmentVolume(values.config, context);
  },
});
