import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";
import { LAUNCH_OPTIONS, wantsLaunch } from "./launch_options.ts";
import { TRAIN_SECGAN_OPTIONS } from "./train_secgan_options.ts";

/** `ffn train-secgan`. */
export const command = defineCommand({
  description: "Learn to make a new volume look like the one that a network was trained on",
  options: { ...TRAIN_SECGAN_OPTIONS, ...LAUNCH_OPTIONS, ...COMPUTE_OPTIONS },
  examples: [
    "train-secgan --labeled_volume_specs old.h5:raw --unlabeled_volume_specs new.h5:raw --ffn_ckpt run1 --ffn_image_mean 128 --ffn_image_stddev 33 --optimizer adam --learning_rate 2e-4 --train_dir secgan1",
    "train-secgan --labeled_volume_specs old.h5:raw --unlabeled_volume_specs new.h5:raw --seg_enhanced false --train_dir cyclegan1",
  ],
  async run(values, context) {
    if (wantsLaunch(values)) {
      const { launchSecgan } = await import("./launch_secgan.ts");
      return await launchSecgan(values, context);
    }
    const { runTrainSecgan } = await import("./run_train_secgan.ts");
    const { roleSignal } = await import("./training_role.ts");
    await runTrainSecgan(values, { ...context, signal: roleSignal(values, context.signal) });
  },
});
