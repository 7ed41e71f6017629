import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";
import { SERVICE_OPTIONS } from "./launch_options.ts";
import { SLURM_SITE_OPTIONS } from "./slurm_site_options.ts";
import { TRAIN_OPTIONS } from "./train_options.ts";

/** `ffn slurm-train`, with the flags of the reference's `slurm_train.py`. */
export const command = defineCommand({
  description: "Train as a SLURM job: any number of nodes, a worker on each of their GPUs",
  options: {
    ...TRAIN_OPTIONS,
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
    pollSeconds: {
      type: "number",
      hint: "S",
      min: 0.1,
      default: 15,
      description: "time between two looks at the queue",
    },
    scriptOnly: { type: "flag", description: "write the script and print its path" },
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "slurm-train --config train.json --num-nodes 4 --gres gpu:4 --t 24:00:00 --partition gpu",
  ],
  async run(values, context) {
    const { slurmTrain } = await import("./slurm_train_session.ts");
    await slurmTrain(values, context);
  },
});
