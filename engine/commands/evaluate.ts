import { defineCommand } from "./command.ts";

/** `ffn evaluate SEGMENTATION [TRUTH]`. */
export const command = defineCommand({
  description:
    "Measure a segmentation against truth or skeletons: variation of information, Rand errors, run length",
  arguments: {
    segmentation: { description: "volume spec, seg-*.npz file or folder of results" },
    truth: {
      description: "the same; label 0 means that the truth is not known there",
      optional: true,
    },
  },
  options: {
    skeletons: {
      type: "texts",
      hint: "FILE.swc",
      description: "skeletons, positions xyz in nanometres",
    },
    voxelSize: {
      type: "text",
      hint: "Z,Y,X",
      description: "edge lengths of a voxel in nanometres, where the volume does not tell them",
    },
    minMergeNodes: {
      type: "integer",
      hint: "N",
      min: 1,
      default: 1,
      description: "nodes of each skeleton from which an object counts as merging them",
    },
    worst: {
      type: "integer",
      hint: "N",
      min: 0,
      default: 5,
      description: "objects to list that are cut up, and run together, most",
    },
    report: {
      type: "text",
      hint: "DIR",
      description: "folder for report.md with pictures, and report.json",
    },
    image: { type: "text", hint: "VOLUME", description: "image under the labels of the pictures" },
    json: { type: "flag", description: "print JSON instead of tables" },
  },
  examples: [
    "evaluate results/0/0/seg-0_0_0.npz groundtruth.h5:stack",
    "evaluate other.npz:segmentation 'groundtruth.h5:stack[0:64, :, :]' --json",
    "evaluate volume.h5:seg --skeletons neurons/1.swc neurons/2.swc --voxel-size 40,8,8",
  ],
  async run(values, context) {
    const { evaluate } = await import("./evaluation.ts");
    await evaluate(values, context);
  },
});
