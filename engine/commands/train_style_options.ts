/** What `ffn train-style-xfer-decoder` and `-encoder` take in common: the flags of the reference's scripts, then ours. */
import { COMPUTE_OPTIONS, type Options } from "./command.ts";

const text = (hint: string, description: string) => ({ type: "text", hint, description }) as const;
const count = (description: string, fallback: number, min = 0) =>
  ({ type: "integer", hint: "N", min, default: fallback, description }) as const;
const number = (description: string, fallback: number, min?: number, max?: number) =>
  ({ type: "number", hint: "X", min, max, default: fallback, description }) as const;
const unused = { type: "integer", hint: "N", description: "without effect" } as const;

/** How weights are changed; the defaults are the reference's. */
export const OPTIMIZER_OPTIONS = {
  optimizer: {
    ...text("NAME", "how weights are changed"),
    choices: ["momentum", "sgd", "adagrad", "adam", "rmsprop"],
    default: "sgd",
  },
  learningRate: number("", 0.001, 0),
  momentum: number("of momentum and rmsprop", 0.9, 0),
  learningRateDecayFactor: {
    ...{ type: "number", hint: "X" },
    description: "without effect, as in the reference",
  },
  numEpochsPerDecay: {
    ...{ type: "number", hint: "X" },
    description: "without effect, as in the reference",
  },
  rmspropDecay: number("", 0.9, 0),
  adamBeta1: number("", 0.9, 0, 1),
  adamBeta2: number("", 0.999, 0, 1),
  epsilon: number("of adam and rmsprop", 1e-8, 0),
} as const satisfies Options;

/** The run: its folder, its length, what is written when. */
export const SMALL_RUN_OPTIONS = {
  trainDir: text("FOLDER", "checkpoints and events; a run that is there goes on"),
  seed: {
    ...{ type: "integer", hint: "N", min: 0 },
    description: "fixes everything random (default: a random one)",
  },
  summaryRateSecs: number("seconds between summaries", 30, 0),
  checkpointEverySecs: number("seconds between checkpoints", 600, 0),
  checkpointEverySteps: {
    ...{ type: "integer", hint: "N", min: 1 },
    description: "steps between checkpoints",
  },
  maxCheckpointsToKeep: count("newest checkpoints that stay", 5, 1),
  ...COMPUTE_OPTIONS,
} as const satisfies Options;

/** Shared by both. */
export const TRAIN_STYLE_OPTIONS = {
  layer: { type: "integer", hint: "N", min: 2, description: "modules of the encoder, 2 to depth" },
  volumeSpec: text("SPEC", "images to learn from"),
  ffnCkpt: text("PREFIX", "checkpoint of a ConvStack3DFFNModel, whose first modules encode"),
  imageMean: number("subtracted from the image", 128),
  imageStddev: number("the image is divided by this", 33),
  batchSize: count("cubes per step", 4, 1),
  fovLen: count("edge of a cube", 33, 1),
  ffnDelta: unused,
  depth: unused,
  seedPad: number("probability that the network is shown around the middle", 0.5, 0, 1),
  seedInit: number("and in the middle", 0.95, 0, 1),
  maxSteps: count("steps of the whole run", 10_000, 1),
  ...OPTIMIZER_OPTIONS,
  ...SMALL_RUN_OPTIONS,
} as const satisfies Options;
