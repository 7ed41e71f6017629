import { defineCommand } from "./command.ts";
import { TRAIN_STYLE_OPTIONS } from "./train_style_options.ts";

/** `ffn train-style-xfer-decoder`, the reference's `train_style_xfer_decoder.py`. */
export const command = defineCommand({
  description: "Learn to give images back from what the first modules of a network make of them",
  options: {
    ...TRAIN_STYLE_OPTIONS,
    lossLambda: {
      ...{ type: "number", hint: "X", min: 0, default: 1e-3 },
      description: "weight of what the network makes of the decoded image, against the image's 1",
    },
    flatSeed: {
      ...{ type: "text", hint: "BOOL", choices: ["true", "false"], default: "true" },
      description: "show the network 0.5 everywhere instead of --seed_pad and --seed_init",
    },
  },
  examples: [
    "train-style-xfer-decoder --layer 3 --ffn_ckpt run1 --volume_spec em.h5:raw --optimizer adam --train_dir decoder3",
  ],
  async run(values, context) {
    const { trainStyle } = await import("./run_train_style.ts");
    await trainStyle({ ...values, trained: "decoder" }, context);
  },
});
