import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";
import { SLURM_FOLLOW_OPTIONS, SLURM_SITE_OPTIONS } from "./slurm_site_options.ts";

/** `ffn run-slurm-inference`, with the flags of the reference's `run_slurm_inference.py`. */
export const command = defineCommand({
  description:
    "Run batch inference as a SLURM job array: many boxes, or many checkpoints and which is best",
  options: {
    infreqs: {
      type: "texts",
      hint: "FILE.pbtxt",
      description: "requests, each a batch of its own; one where checkpoints are given",
    },
    bboxes: {
      type: "texts",
      hint: "FILE.pbtxt",
      description: "boxes, one for all requests or one for each; default: the whole image",
    },
    outDir: {
      type: "text",
      hint: "DIR",
      description: "gets the script and logs in slurm/, and results of checkpoints in STEP_res/",
    },
    ckpts: { type: "texts", hint: "PREFIX", description: "checkpoints to compare" },
    ckptDir: {
      type: "text",
      hint: "DIR",
      description: "folder of checkpoints; all of them unless --yaml picks some",
    },
    yaml: {
      type: "text",
      hint: "FILE",
      description: "'ckpts: {name: step}' and 'cull: [name]', steps of --ckpt-dir",
    },
    forwardDir: {
      type: "text",
      hint: "DIR",
      description: "the request inverts origins: those of the folder below with the same step",
    },
    where: {
      type: "text",
      hint: "PLACE",
      choices: ["cluster", "local"],
      default: "cluster",
      description: "through SLURM, or one after the other on this machine",
    },
    tasks: {
      type: "integer",
      hint: "N",
      min: 1,
      max: 10_000,
      default: 1,
      description: "tasks that share the subvolumes of a request",
    },
    subvolumeSize: {
      type: "text",
      hint: "Z,Y,X",
      default: "-1",
      description: "as of run-batch-inference",
    },
    subvolumeOverlap: {
      type: "text",
      hint: "Z,Y,X",
      default: "48",
      description: "as of run-batch-inference",
    },
    includeSmall: { type: "flag", description: "as of run-batch-inference" },
    backShift: { type: "flag", description: "as of run-batch-inference" },
    leaseSeconds: {
      type: "number",
      hint: "S",
      min: 0.1,
      default: 180,
      description: "as of run-batch-inference",
    },
    maxAttempts: {
      type: "integer",
      hint: "N",
      min: 1,
      default: 3,
      description: "as of run-batch-inference",
    },
    ...SLURM_SITE_OPTIONS,
    maxRunning: {
      type: "integer",
      hint: "N",
      min: 1,
      description: "tasks that run at once at most",
    },
    signalSeconds: {
      type: "integer",
      hint: "S",
      min: 1,
      default: 120,
      description: "time before the limit at which a task saves and goes back into the queue",
    },
    maxResubmits: {
      type: "integer",
      hint: "N",
      min: 0,
      default: 3,
      description: "times that unfinished work is submitted again",
    },
    ...SLURM_FOLLOW_OPTIONS,
    truth: {
      type: "text",
      hint: "VOLUME",
      description: "labels to measure every result against; leaves a table and a plot in --out-dir",
    },
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "run-slurm-inference --infreqs inference.pbtxt --out-dir run --subvolume-size 500 --tasks 16 --gres gpu:1 --t 4:00:00",
    "run-slurm-inference --infreqs inference.pbtxt --ckpt-dir train --bboxes box.pbtxt --out-dir selection --truth labels.h5:labels --partition gpu",
  ],
  async run(values, context) {
    const { runSlurmInference } = await import("./slurm_session.ts");
    await runSlurmInference(values, context);
  },
});
