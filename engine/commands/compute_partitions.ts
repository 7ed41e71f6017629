import { defineCommand } from "./command.ts";

/** `ffn compute-partitions`. */
export const command = defineCommand({
  description:
    "Sort the voxels of labels into classes by how much of the box around them is theirs",
  options: {
    inputVolume: { type: "text", hint: "PATH:DATASET", description: "labels, integers" },
    outputVolume: { type: "text", hint: "PATH:DATASET", description: "partition map to write" },
    thresholds: {
      type: "text",
      hint: "A,B,…",
      default: "0.025,0.05,0.075,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
      description: "upper limits of the classes, ascending shares",
    },
    lomRadius: {
      type: "text",
      hint: "X,Y,Z",
      description: "half the box in x,y,z, normally half the field of view plus the deltas",
    },
    minSize: {
      type: "integer",
      hint: "N",
      min: 0,
      default: 10000,
      description: "labels with fewer voxels count as background",
    },
    idWhitelist: { type: "text", hint: "ID,…", description: "only these labels get classes" },
    exclusionRegions: {
      type: "text",
      hint: "X:Y:Z:R,…",
      description: "spheres, in x:y:z:radius, whose voxels are left out",
    },
    maskConfigs: {
      type: "text",
      hint: "TEXTPROTO",
      description: "ffn.MaskConfigs; voxels whose box touches the mask are left out",
    },
    rawLabels: { type: "flag", description: "ignore a table transforms beside the labels" },
    overwrite: { type: "flag", description: "replace the output" },
    threads: {
      type: "integer",
      hint: "N",
      min: 1,
      max: 1024,
      description: "threads (default: all cores)",
    },
  },
  examples: [
    "compute-partitions --input_volume groundtruth.h5:stack --output_volume af.h5:af --lom_radius 24,24,24",
  ],
  async run(values, context) {
    const { runComputePartitions } = await import("./run_compute_partitions.ts");
    await runComputePartitions(values, context);
  },
});
