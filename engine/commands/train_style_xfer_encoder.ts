import { defineCommand } from "./command.ts";
import { TRAIN_STYLE_OPTIONS } from "./train_style_options.ts";

/** `ffn train-style-xfer-encoder`, the reference's `train_style_xfer_encoder.py`. */
export const command = defineCommand({
  description:
    "Learn an encoder of other images for a decoder that ffn train-style-xfer-decoder made",
  options: {
    ...TRAIN_STYLE_OPTIONS,
    decoderCkpt: {
      ...{ type: "text", hint: "PREFIX" },
      description: "checkpoint of the decoder; of a folder the newest",
    },
    pixelLossLambda: {
      ...{ type: "number", hint: "X", min: 0, default: 1e-3 },
      description: "weight of the decoded image",
    },
    encodingLossLambda: {
      ...{ type: "number", hint: "X", min: 0, default: 1 },
      description: "weight of what the encoder makes of the decoded image",
    },
  },
  examples: [
    "train-style-xfer-encoder --layer 3 --decoder_ckpt decoder3 --ffn_ckpt run1 --volume_spec new.h5:raw --optimizer adam --train_dir encoder3",
  ],
  async run(values, context) {
    const { trainStyle } = await import("./run_train_style.ts");
    await trainStyle({ ...values, trained: "encoder" }, context);
  },
});
