import { COMPUTE_OPTIONS, defineCommand, type Options } from "./command.ts";

const text = (hint: string, description: string) => ({ type: "text", hint, description }) as const;
const count = (description: string, min = 0) =>
  ({ type: "integer", hint: "N", min, description }) as const;
const number = (description: string, min?: number, max?: number) =>
  ({ type: "number", hint: "X", min, max, description }) as const;

/** Flags of the reference's `train.py`, then ours. Defaults stand in `training_settings.ts`: a file may set them too. */
export const TRAIN_OPTIONS = {
  trainCoords: text(
    "PATTERN,…",
    "coordinate files: paths, globs, shards as a@25.gz, http(s), gs://",
  ),
  dataVolumes: text("NAME:PATH:DATASET,…", "images"),
  labelVolumes: text("NAME:PATH:DATASET,…", "labels under the same names"),
  lossMaskVolumes: text("NAME:PATH:DATASET,…", "voxels above 0 do not count in the loss"),
  modelName: text("NAME", "network (default: convstack_3d.ConvStack3DFFNModel)"),
  modelArgs: text("JSON", "its arguments: depth, fov_size and deltas (xyz), features"),
  validationCoords: text("PATTERN,…", "coordinate files for validation"),
  validationDataVolumes: text("NAME:PATH:DATASET,…", "images for validation; turns it on"),
  validationLabelVolumes: text("NAME:PATH:DATASET,…", "labels for validation"),
  validationEvery: count("a batch of validation every N steps (default: 1)", 1),
  imageMean: number("subtracted from the image"),
  imageStddev: number("the image is divided by this"),
  imageOffsetScaleMap: text("NAME:OFFSET:SCALE,…", "both for single volumes"),
  permutableAxes: text("A,…", "axes that change places, 0 z, 1 y, 2 x (default: 1,2)"),
  reflectableAxes: text("A,…", "axes that are reversed, 0 z, 1 y, 2 x (default: 0,1,2)"),
  contrastFactorRange: text("MIN,MAX", "contrast of the image is multiplied by a random factor"),
  brightnessFactorRange: text("MIN,MAX", "a random amount is added to the image, 255 counts as 1"),
  trainDir: text("FOLDER", "checkpoints and events; a run that is there goes on"),
  batchSize: count("examples per step (default: 4)", 1),
  maxSteps: count("steps of the whole run (default: 10000)", 1),
  summaryRateSecs: number("seconds between summaries (default: 120)", 0),
  seedPad: number("probability of voxels not visited (default: 0.05)", 0, 1),
  threshold: number("probability that a new centre needs (default: 0.9)", 0, 0.95),
  fovPolicy: {
    type: "text",
    hint: "NAME",
    choices: ["fixed", "max_pred_moves"],
    description: "how the field of view moves (default: fixed)",
  },
  fovMoves: count("moves per axis (default: 1)", 0),
  shuffleMoves: {
    type: "text",
    hint: "BOOL",
    choices: ["true", "false"],
    description: "shuffle the moves of fixed, once per run (default: true)",
  },
  optimizer: {
    type: "text",
    hint: "NAME",
    choices: ["momentum", "sgd", "adagrad", "adam", "rmsprop"],
    description: "how weights are changed (default: sgd)",
  },
  learningRate: number("(default: 0.001)", 0),
  momentum: number("of momentum and rmsprop (default: 0.9)", 0),
  learningRateDecayFactor: number("the rate is multiplied by this every decay_steps", 0),
  decaySteps: count("steps between two decays", 1),
  numEpochsPerDecay: number("without effect, as in the reference; use decay_steps"),
  rmspropDecay: number("(default: 0.9)", 0),
  adamBeta1: number("(default: 0.9)", 0, 1),
  adamBeta2: number("(default: 0.999)", 0, 1),
  epsilon: number("of adam and rmsprop (default: 1e-8)", 0),
  gradientClip: number("every entry of a gradient is clipped to this (default: 0.7; 0: none)", 0),
  emaDecay: number("also saves running means of the weights", 0, 1),
  skipNonfiniteUpdates: {
    type: "flag",
    description: "drop updates that are not finite instead of giving up",
  },
  seed: count("fixes everything random (default: a random one)"),
  initFromCheckpoint: text("PREFIX", "weights to begin with; optimizer states begin anew"),
  checkpointEverySecs: number("seconds between checkpoints (default: 300)", 0),
  checkpointEverySteps: count("steps between checkpoints", 1),
  maxCheckpointsToKeep: count("newest checkpoints that stay (default: 5)", 1),
  keepCheckpointEveryHours: number("one in so many hours stays for good (default: 0.25)", 0),
  touchMeta: { type: "flag", description: "write empty .meta files, by which old tools look" },
  rawLabels: { type: "flag", description: "ignore tables transforms beside labels" },
  config: text("FILE.json", "an object with these flags as keys; the command line comes first"),
} as const satisfies Options;

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
