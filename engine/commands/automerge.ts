import { defineCommand } from "./command.ts";

/** `ffn automerge --affinities-npy FILE --mappings-output FILE`. */
export const command = defineCommand({
  description: "Merge supervoxels by their affinities; post the merges to a DVID server",
  options: {
    affinitiesNpy: {
      type: "text",
      hint: "FILE",
      description: "merge table of run-resegmentation analyze, .npy or .csv",
    },
    mappingsOutput: {
      type: "text",
      hint: "FILE",
      description: "body of each merged supervoxel, as .csv, .npy or .npz",
    },
    preserveMappings: {
      type: "text",
      hint: "FILE",
      description: "supervoxels whose bodies are settled, in the same formats",
    },
    threshold: {
      type: "number",
      hint: "SCORE",
      description: "scores above it merge; between 0 and 1",
    },
    sizesOf: {
      type: "text",
      hint: "VOLUME",
      description: "labels to count voxels in, for --large-voxels",
    },
    largeVoxels: {
      type: "integer",
      hint: "N",
      min: 1,
      description: "bodies of so many voxels are large",
    },
    largeThreshold: {
      type: "number",
      hint: "SCORE",
      default: 0.9,
      description: "what a score must be above to merge two large bodies",
    },
    post: {
      type: "text",
      hint: "URL",
      description: "labelmap of a DVID node, http://HOST/api/node/UUID/NAME, to send merges to",
    },
    dryRun: { type: "flag", description: "print the requests of --post instead of sending them" },
  },
  examples: [
    "automerge --affinities-npy affinities.npy --threshold 0.8 --mappings-output mapping.csv",
    "automerge --affinities-npy affinities.npy --threshold 0.8 --mappings-output mapping.csv --post http://localhost:8000/api/node/3f8c/segmentation",
  ],
  async run(values, context) {
    const { runAutomerge } = await import("./merge_supervoxels.ts");
    await runAutomerge(values, context);
  },
});
