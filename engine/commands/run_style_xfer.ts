import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";

/** `ffn run-style-xfer`, the reference's `run_style_xfer.py`. */
export const command = defineCommand({
  description: "Give the features that a network sees in a volume the statistics of another volume",
  options: {
    method: {
      type: "text",
      hint: "NAME",
      choices: ["wc", "wct", "hm", "hmt"],
      default: "wc",
      description: "wc or wct: whiten and colour; hm or hmt: match histograms of each feature",
    },
    contentspec: { type: "text", hint: "SPEC", description: "volume to rewrite" },
    stylespec: { type: "text", hint: "SPEC", description: "volume that it shall look like" },
    outspec: {
      type: "text",
      hint: "SPEC",
      description: "a.h5:name, a.npy, a.npz, a.zarr, folder:precomputed, folder:png or folder:tif",
    },
    whitening: {
      type: "text",
      hint: "NAME",
      choices: ["zca", "pca", "cholesky", "zca_cor", "pca_cor"],
      default: "zca",
      description: "map that takes covariances away",
    },
    layer: { type: "integer", hint: "N", min: 2, description: "modules of the encoder" },
    ffnCkpt: {
      type: "text",
      hint: "PREFIX",
      description: "checkpoint of a ConvStack3DFFNModel, whose first modules encode",
    },
    encoderCkpt: {
      type: "text",
      hint: "PREFIX",
      description: "instead of it: of ffn train-style-xfer-encoder",
    },
    decoderCkpt: {
      type: "text",
      hint: "PREFIX",
      description: "of ffn train-style-xfer-decoder",
    },
    imageMean: {
      type: "number",
      hint: "X",
      default: 128,
      description: "subtracted from both volumes, added to the result",
    },
    imageStddev: {
      type: "number",
      hint: "X",
      default: 33,
      description: "both volumes are divided by it, the result is multiplied",
    },
    outputDtype: {
      type: "text",
      hint: "TYPE",
      choices: ["float32", "uint8"],
      default: "float32",
      description: "uint8 rounds, and cuts off at 0 and 255",
    },
    tileSize: {
      type: "integer",
      hint: "N",
      min: 1,
      description: "edge of what is computed at once (default: as much as fits)",
    },
    overwrite: {
      type: "flag",
      description: "replace an existing volume when the new one is complete",
    },
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "run-style-xfer --contentspec new.h5:raw --stylespec old.h5:raw --layer 3 --ffn_ckpt run1 --decoder_ckpt decoder3 --output_dtype uint8 --outspec new_as_old.zarr",
  ],
  async run(values, context) {
    const { transferStyle } = await import("./transfer_style.ts");
    await transferStyle(values, context);
  },
});
