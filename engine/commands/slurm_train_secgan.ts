import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";
import { SLURM_TRAIN_OPTIONS } from "./slurm_train_options.ts";
import { TRAIN_SECGAN_OPTIONS } from "./train_secgan_options.ts";

/** `ffn slurm-train-secgan`, with the flags of the reference's `slurm_train_secgan.py`. */
export const command = defineCommand({
  description: "Train SECGAN as a SLURM job: any number of nodes, a worker on each of their GPUs",
  options: {
    ...TRAIN_SECGAN_OPTIONS,
    runName: {
      type: "text",
      hint: "NAME",
      description: "with --base-folder, instead of --train-dir: name of the run and its folder",
    },
    baseFolder: { type: "text", hint: "FOLDER", description: "where the folders of runs are" },
    role: {
      type: "text",
      hint: "ROLE",
      choices: ["launcher", "node"],
      default: "launcher",
      description: "must be launcher: nodes are told by SLURM what to do",
    },
    ...SLURM_TRAIN_OPTIONS,
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "slurm-train-secgan --run_name secgan1 --base_folder /groups/runs --num_nodes 4 --gres gpu:4 --labeled_volume_specs old.h5:raw --unlabeled_volume_specs new.h5:raw --ffn_ckpt run1 --optimizer adam --learning_rate 2e-4",
  ],
  async run(values, context) {
    const { slurmTrainSecgan } = await import("./slurm_train_secgan_session.ts");
    await slurmTrainSecgan(values, context);
  },
});
