import { defineCommand } from "./command.ts";

/** `ffn run-consensus OUTPUT --segmentation-dirs A B C`. */
export const command = defineCommand({
  description: "Combine inferences of many subvolumes into one volume of labels",
  arguments: {
    output: {
      description:
        "HDF5 file, name.zarr or folder:precomputed, must not exist; with --transpose a folder",
    },
  },
  options: {
    segmentationDirs: {
      type: "texts",
      hint: "DIR",
      description: "folders of results, one per inference, all of the same subvolumes",
    },
    dset: {
      type: "text",
      hint: "NAME",
      default: "seg",
      description: "dataset of the labels, in HDF5",
    },
    minFfnSize: {
      type: "integer",
      hint: "VOXELS",
      min: 0,
      default: 0,
      description: "drop smaller objects of a subvolume",
    },
    minOutSize: {
      type: "integer",
      hint: "VOXELS",
      min: 0,
      default: 0,
      description: "drop smaller objects of the whole volume",
    },
    transpose: {
      type: "flag",
      description:
        "the folders hold folders of results: combine those of one name into NAME_cons.h5",
    },
    mode: {
      type: "text",
      hint: "MODE",
      choices: ["meet", "compat"],
      default: "meet",
      description: "keep together what all inferences join, or combine as older programs did",
    },
    assembly: {
      type: "text",
      hint: "HOW",
      choices: ["reconcile", "paste"],
      default: "reconcile",
      description: "join objects across subvolumes by their overlap, or give new labels in each",
    },
    overlapRule: {
      type: "text",
      hint: "RULE",
      choices: ["both", "either"],
      default: "both",
      description: "objects are one when they share half of both, or of either, in the overlap",
    },
    keepDisconnected: {
      type: "flag",
      description: "disconnected parts of an object keep its label",
    },
    voxelSize: {
      type: "text",
      hint: "Z,Y,X",
      description: "edge lengths of a voxel in nanometres, kept with the result",
    },
    meshes: {
      type: "flag",
      description: "also make surfaces of all objects, for precomputed output",
    },
    meshError: {
      type: "number",
      hint: "VOXELS",
      min: 0,
      max: 100,
      default: 0.5,
      description: "how far simplification may move surfaces; 0 keeps every triangle",
    },
  },
  examples: [
    "run-consensus volume.h5 --segmentation-dirs forward reverse --min-out-size 1000",
    "run-consensus seg:precomputed --segmentation-dirs forward --voxel-size 30,8,8 --meshes",
    "run-consensus out --transpose --segmentation-dirs seed1 seed2",
  ],
  async run(values, context) {
    const { runConsensus, runTransposedConsensus } = await import("./consensus_volume.ts");
    const run = values.transpose ? runTransposedConsensus : runConsensus;
    await run(values.output, values.segmentationDirs ?? [], values, context);
  },
});
