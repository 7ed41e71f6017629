import { COMPUTE_OPTIONS, defineCommand } from "./command.ts";

/** `ffn run-secgan-xfer`. */
export const command = defineCommand({
  description: "Rewrite a volume with a generator that ffn train-secgan has trained",
  options: {
    contentVolumeSpec: { type: "text", hint: "SPEC", description: "volume to rewrite" },
    outputSpec: {
      type: "text",
      hint: "SPEC",
      description: "a.h5:name, a.npy, a.npz, a.zarr, folder:precomputed, folder:png or folder:tif",
    },
    checkpointPath: {
      type: "text",
      hint: "PREFIX",
      description: "checkpoint of ffn train-secgan; of a folder the newest",
    },
    averageWith: {
      type: "text",
      hint: "PREFIX…",
      description:
        "more checkpoints of the same run, separated by spaces: its generator is the mean of all",
    },
    fOrG: {
      type: "text",
      hint: "NAME",
      choices: ["F", "G"],
      default: "F",
      description: "F makes new volumes look like the labelled one, G the reverse",
    },
    pad: {
      type: "text",
      hint: "HOW",
      choices: ["none", "reflect"],
      default: "none",
      description: "reflect keeps the size; none gives up the margin",
    },
    outputDtype: {
      type: "text",
      hint: "TYPE",
      choices: ["float32", "uint8"],
      default: "float32",
      description: "float32 holds -1 to 1, uint8 0 to 255",
    },
    volumeScale: {
      type: "text",
      hint: "HOW",
      choices: ["auto", "bytes", "none"],
      default: "auto",
      description: "values to -1…1: auto takes bytes as 0…255 and floats as they are",
    },
    tileSize: {
      type: "integer",
      hint: "N",
      min: 3,
      description: "edge of what is computed at once (default: as much as fits)",
    },
    overwrite: {
      type: "flag",
      description: "replace an existing volume when the new one is complete",
    },
    allowTiledNorm: {
      type: "flag",
      description: "tile although a normalisation makes each tile depend on its own statistics",
    },
    generatorDepth: {
      type: "integer",
      hint: "N",
      min: 1,
      description: "blocks of the generator (default: those of the checkpoint)",
    },
    generatorChannels: {
      type: "integer",
      hint: "N",
      min: 1,
      description: "its channels (default: those of the checkpoint)",
    },
    generatorMargin: {
      type: "integer",
      hint: "N",
      min: 0,
      description: "must be 2 per block",
    },
    ffnFovSize: { type: "integer", hint: "N", description: "without effect, as in the reference" },
    nchunks: {
      type: "integer",
      hint: "N",
      description: "without effect: tiles need no hint",
    },
    ...COMPUTE_OPTIONS,
  },
  examples: [
    "run-secgan-xfer --content_volume_spec new.h5:raw --checkpoint_path secgan1 --output_spec new_as_old.zarr --pad reflect --output_dtype uint8",
  ],
  async run(values, context) {
    const { transferVolume } = await import("./transfer_volume.ts");
    await transferVolume(values, context);
  },
});
