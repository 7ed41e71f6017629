import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";

/** `ffn run-resegmentation build-req|run|analyze`. */
export const command = defineCommand({
  description: "Look again at pairs of objects that touch: find them, grow both anew, judge",
  arguments: {
    step: { description: "build-req, run or analyze, in this order" },
  },
  options: {
    resegmentationRequest: {
      type: "text",
      hint: "FILE",
      description: "the request that build-req writes; text where it ends in txt, else binary",
    },
    inferenceRequest: {
      type: "text",
      hint: "FILE.pbtxt",
      description: "build-req: how points are segmented",
    },
    boundingBox: {
      type: "text",
      hint: "FILE.pbtxt",
      description: "build-req: where pairs are looked for; default: all of the labels",
    },
    initSegmentation: {
      type: "text",
      hint: "FILE:DATASET",
      description: "build-req: the labels",
    },
    outputDirectory: { type: "text", hint: "DIR", description: "build-req: folder for results" },
    subdirDigits: {
      type: "integer",
      hint: "N",
      min: 0,
      max: 32,
      default: 2,
      description: "build-req: hex digits of the folders that results are spread over",
    },
    maxRetryIters: {
      type: "integer",
      hint: "N",
      min: 1,
      default: 1,
      description: "build-req: starts to try for each object",
    },
    segmentRecoveryFraction: {
      type: "number",
      hint: "SHARE",
      min: 0,
      max: 1,
      default: 0.5,
      description: "build-req: part of an object that has to grow again",
    },
    maxDistance: {
      type: "number",
      hint: "VOXELS",
      min: 1,
      default: 2,
      description:
        "build-req: objects nearer than this make a pair; a gap of one voxel is 2 (of decision points: half a gap, in the shortest edge of a voxel)",
    },
    detector: {
      type: "text",
      hint: "NAME",
      choices: ["pairs", "decision-points"],
      default: "pairs",
      description:
        "build-req: nearest voxels of two objects, or the middle of the gap between them, which " +
        "minds voxels of unequal sides and needs the labels in memory",
    },
    radius: {
      type: "integer",
      hint: "VOXELS",
      min: 1,
      default: 48,
      description: "build-req: half-size of the subvolume around a point",
    },
    rank: { type: "integer", hint: "N", min: 0, default: 0, description: "run: this worker" },
    nworkers: { type: "integer", hint: "N", min: 1, default: 1, description: "run: all workers" },
    nthreads: {
      type: "integer",
      hint: "N",
      min: 0,
      default: 0,
      description: "run: points at a time; 0 for the request's concurrent_requests",
    },
    affinitiesNpy: {
      type: "text",
      hint: "FILE.npy",
      description: "analyze: the merge table to write, with .csv and .parquet files beside it",
    },
    annotations: {
      type: "text",
      hint: "DIR",
      description:
        "analyze: folder to write the points and their scores to, as annotations for Neuroglancer",
    },
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "run-resegmentation build-req --resegmentation-request reseg.pbtxt --inference-request inference.pbtxt --init-segmentation seg.h5:seg --output-directory points",
    "run-resegmentation run --resegmentation-request reseg.pbtxt",
    "run-resegmentation analyze --resegmentation-request reseg.pbtxt --affinities-npy affinities.npy --annotations points",
  ],
  async run(values, context) {
    const { runStep } = await import("./resegmentation_steps.ts");
    await runStep(values.step, values, context);
  },
});
