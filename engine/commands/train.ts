import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";
import { TRAIN_OPTIONS } from "./train_options.ts";

/** `ffn train`. */
export const command = defineCommand({
  description: "Train a network on volumes of images and labels",
  options: { ...TRAIN_OPTIONS, ...COMPUTE_OPTIONS },
  examples: [
    `train --train_coords coords.gz --data_volumes val:em.h5:raw --label_volumes val:gt.h5:stack --model_args '{"depth": 12, "fov_size": [33, 33, 33], "deltas": [8, 8, 8]}' --image_mean 128 --image_stddev 33 --train_dir run1`,
  ],
  async run(values, context) {
    const { runTraining } = await import("./run_training.ts");
    await runTraining(values, context);
  },
});
