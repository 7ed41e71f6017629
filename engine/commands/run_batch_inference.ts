import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";

/** `ffn run-batch-inference`, with the flags of the reference's `run_batch_inference.py`. */
export const command = defineCommand({
  description: "Segment a volume as overlapping boxes, with any number of processes and machines",
  options: {
    inferenceRequests: {
      type: "texts",
      hint: "FILE.pbtxt",
      description: "requests over one network; each box goes through them in this order",
    },
    boundingBox: {
      type: "text",
      hint: "FILE.pbtxt",
      description: "file or text of the box to cut, start and size as x, y, z; " +
        "default: the whole image of the first request",
    },
    subvolumeSize: {
      type: "text",
      hint: "Z,Y,X",
      default: "-1",
      description: "size of a subvolume, one number or three; -1 leaves an axis uncut",
    },
    subvolumeOverlap: {
      type: "text",
      hint: "Z,Y,X",
      default: "48",
      description: "voxels that neighbours share, one number or three",
    },
    includeSmall: {
      type: "flag",
      description: "also take subvolumes at the far side that are not larger than the overlap",
    },
    backShift: {
      type: "flag",
      description: "shift subvolumes at the far side back to full size instead of cutting them",
    },
    shard: {
      type: "text",
      hint: "I/N",
      description: "take every N-th subvolume from the I-th on, counted from 0, and no others",
    },
    rank: {
      type: "integer",
      hint: "I",
      min: -1,
      default: -1,
      description: "with --nworkers: the same as --shard I/N",
    },
    nworkers: { type: "integer", hint: "N", min: -1, default: -1, description: "see --rank" },
    workers: {
      type: "integer",
      hint: "N",
      min: 1,
      max: 1024,
      default: 1,
      description:
        "processes on this machine, or per GPU; a process works on concurrent_requests " +
        "subvolumes of its request at a time",
    },
    gpus: {
      type: "integer",
      hint: "N",
      min: 1,
      max: 64,
      description: "start processes for the GPUs 0 to N - 1, each of which sees one",
    },
    gpuEnv: {
      type: "text",
      hint: "ENV",
      default: "CUDA_VISIBLE_DEVICES={i} DRI_PRIME={pci}",
      description: "variables that show a process its GPU: {i} is its number, {pci} its address",
    },
    leaseSeconds: {
      type: "number",
      hint: "S",
      min: 0.1,
      default: 180,
      description: "silence after which the subvolumes of a worker are taken over",
    },
    maxAttempts: {
      type: "integer",
      hint: "N",
      min: 1,
      default: 3,
      description: "errors after which a subvolume is left alone",
    },
    retryFailed: { type: "flag", description: "forget earlier failures and try again" },
    leaveLeased: {
      type: "flag",
      description: "end when all that is left is in other hands, instead of waiting to take over",
    },
    owner: {
      type: "text",
      hint: "NAME",
      description: "name of this worker in leases and errors (default: host and process id)",
    },
    advise: { type: "flag", description: "only print how many subvolumes there are" },
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "run-batch-inference --inference-requests inference.pbtxt --subvolume-size 500 --workers 2",
    "run-batch-inference --inference-requests forward.pbtxt reverse.pbtxt --subvolume-size 250,500,500 --subvolume-overlap 32,48,48 --gpus 4",
    "run-batch-inference --inference-requests inference.pbtxt --subvolume-size 500 --shard 3/16",
  ],
  async run(values, context) {
    const { runBatchInference } = await import("./batch_session.ts");
    await runBatchInference(values, context);
  },
});
