import { defineCommand } from "./command.ts";
import { OPTIMIZER_OPTIONS, SMALL_RUN_OPTIONS } from "./train_style_options.ts";

const size = (axis: string) =>
  ({ description: `size of the image along ${axis}, that of the mask`, optional: true }) as const;

/** `ffn run-ffn-deep-dream`, the reference's `run_ffn_deep_dream.py` with a mask that was drawn before. */
export const command = defineCommand({
  description: "Make up an image in which a frozen network sees an object of a given shape",
  arguments: { w: size("x"), h: size("y"), d: size("z") },
  options: {
    maskSpec: {
      type: "text",
      hint: "SPEC",
      description: "volume of the size of the image, above 0 on the skeleton of the object",
    },
    outputSpec: {
      type: "text",
      hint: "SPEC",
      description: "a.h5:name, a.npy, a.npz, a.zarr, folder:precomputed, folder:png or folder:tif",
    },
    ckpt: {
      type: "text",
      hint: "PREFIX",
      description: "checkpoint of the network, a ConvStack3DFFNModel",
    },
    depth: {
      type: "integer",
      hint: "N",
      min: 1,
      description: "its modules (default: those of the checkpoint)",
    },
    itBetween: {
      type: "integer",
      hint: "N",
      min: 1,
      default: 50_000,
      description: "steps that the image is changed for",
    },
    neuronRadius: {
      type: "number",
      hint: "X",
      min: 0,
      max: 64,
      default: 4,
      description: "voxels around the skeleton that belong to the object",
    },
    blurRadius: {
      type: "number",
      hint: "X",
      min: 0,
      max: 64,
      default: 0.5,
      description: "standard deviation of the blur of its edges",
    },
    flatInputMask: {
      type: "flag",
      description:
        "show the network no mask (0.5 everywhere); it shall see the object all the same",
    },
    imageMean: {
      type: "number",
      hint: "X",
      default: 0,
      description: "added to the image that is written",
    },
    imageStddev: {
      type: "number",
      hint: "X",
      default: 1,
      description: "the image that is written is multiplied by this",
    },
    outputDtype: {
      type: "text",
      hint: "TYPE",
      choices: ["float32", "uint8"],
      default: "float32",
      description: "uint8 rounds, and cuts off at 0 and 255",
    },
    overwrite: {
      type: "flag",
      description: "replace an existing volume when the new one is complete",
    },
    ...OPTIMIZER_OPTIONS,
    optimizer: { ...OPTIMIZER_OPTIONS.optimizer, default: "adam" },
    ...SMALL_RUN_OPTIONS,
  },
  examples: [
    "run-ffn-deep-dream --mask_spec skeleton.npy --ckpt run1 --image_mean 128 --image_stddev 33 --train_dir dream --output_spec dream.npy",
  ],
  async run(values, context) {
    const { runDeepDream } = await import("./run_deep_dream.ts");
    await runDeepDream(values, context);
  },
});
