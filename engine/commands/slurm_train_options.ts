/** What `ffn slurm-train` and `ffn slurm-train-secgan` take beside the training's own flags. */
import type { Options } from "./command.ts";
import { SERVICE_OPTIONS } from "./launch_options.ts";
import { SLURM_FOLLOW_OPTIONS, SLURM_SITE_OPTIONS } from "./slurm_site_options.ts";

/** The job: its nodes, what runs on them, and what happens when it ends. */
export const SLURM_TRAIN_OPTIONS = {
  numNodes: {
    type: "integer",
    hint: "N",
    min: 1,
    max: 10_000,
    default: 1,
    description: "nodes of the job",
  },
  workersPerNode: {
    type: "text",
    hint: "N,…",
    description: "one number, or one for each node (default: one per GPU that SLURM gives)",
  },
  ...SERVICE_OPTIONS,
  gpuEnv: { type: "text", hint: "ENV", description: "as of train" },
  ...SLURM_SITE_OPTIONS,
  slurmLogDir: {
    type: "text",
    hint: "DIR",
    description:
      "gets the job's log (default: logs/ in the train_dir, where those of processes are)",
  },
  psPort: { type: "integer", hint: "N", description: "the reference's name of --nats-port" },
  workerPortMin: {
    type: "integer",
    hint: "N",
    description: "without effect: workers do not listen",
  },
  exclude: { type: "text", hint: "NODES", description: "nodes not to use, as sbatch takes them" },
  signalSeconds: {
    type: "integer",
    hint: "S",
    min: 1,
    default: 120,
    description: "time before the limit at which the run is saved and goes back into the queue",
  },
  maxResubmits: {
    type: "integer",
    hint: "N",
    min: 0,
    default: 3,
    description: "times that a job that ended early is submitted again",
  },
  ...SLURM_FOLLOW_OPTIONS,
} as const satisfies Options;
