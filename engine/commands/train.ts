import { COMPUTE_OPTIONS, defineCommand, LIVE_OPTION } from "./command.ts";
import { LAUNCH_OPTIONS, wantsLaunch } from "./launch_options.ts";
import { TRAIN_OPTIONS } from "./train_options.ts";

/** `ffn train`. */
export const command = defineCommand({
  description: "Train a network on volumes of images and labels",
  options: { ...TRAIN_OPTIONS, ...LAUNCH_OPTIONS, ...LIVE_OPTION, ...COMPUTE_OPTIONS },
  examples: [
    `train --train_coords coords.gz --data_volumes val:em.h5:raw --label_volumes val:gt.h5:stack --model_args '{"depth": 12, "fov_size": [33, 33, 33], "deltas": [8, 8, 8]}' --image_mean 128 --image_stddev 33 --train_dir run1`,
    "train --config train.json --gpus 4",
  ],
  async run(values, context) {
    if (wantsLaunch(values)) {
      const { launchTraining } = await import("./launch_training.ts");
      return await launchTraining(values, context);
    }
    const { runTraining } = await import("./run_training.ts");
    const { roleSignal } = await import("./training_role.ts");
    await runTraining(values, { ...context, signal: roleSignal(values, context.signal) });
  },
});
