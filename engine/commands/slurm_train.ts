import { COMPUTE_OPTIONS, defineCommand, LIVE_OPTION } from "./command.ts";
import { SLURM_TRAIN_OPTIONS } from "./slurm_train_options.ts";
import { TRAIN_OPTIONS } from "./train_options.ts";

/** `ffn slurm-train`, with the flags of the reference's `slurm_train.py`. */
export const command = defineCommand({
  description: "Train as a SLURM job: any number of nodes, a worker on each of their GPUs",
  options: {
    ...TRAIN_OPTIONS,
    ...SLURM_TRAIN_OPTIONS,
    live: {
      ...LIVE_OPTION.live,
      description:
        "serve a page that shows the run, on the chief's node only; a free port unless given",
    },
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
