/** What `ffn train-secgan` takes: the flags of the reference's `train_secgan.py`, then ours. */
import type { Options } from "./command.ts";
import { CLUSTER_OPTIONS, EXCHANGE_OPTIONS } from "./train_options.ts";

const text = (hint: string, description: string) => ({ type: "text", hint, description }) as const;
const count = (description: string, fallback: number, min = 0) =>
  ({ type: "integer", hint: "N", min, default: fallback, description }) as const;
const number = (description: string, fallback: number, max?: number) =>
  ({ type: "number", hint: "X", min: 0, max, default: fallback, description }) as const;
const choice = <const C extends readonly string[]>(
  description: string,
  choices: C,
  fallback: C[number],
) => ({ type: "text", hint: "NAME", choices, default: fallback, description }) as const;
const flag = (description: string) => ({ type: "flag", description }) as const;

const BOOL = ["true", "false"] as const;
const NORMS = ["none", "instance", "batch"] as const;

/** Volumes, and the frozen network. */
const DATA_OPTIONS = {
  trainDir: text("FOLDER", "checkpoints and events; a run that is there goes on"),
  labeledVolumeSpecs: text("SPEC…", "volumes that the segmenter knows, separated by spaces"),
  unlabeledVolumeSpecs: text("SPEC…", "volumes that shall look like them, separated by spaces"),
  volumeScale: choice(
    "values to -1…1: auto takes bytes as 0…255 and floats as they are",
    ["auto", "bytes", "none"],
    "auto",
  ),
  ffnCkpt: text("PREFIX", "checkpoint of the segmenter, a ConvStack3DFFNModel"),
  segEnhanced: choice("judge what the segmenter says; false is a plain CycleGAN", BOOL, "true"),
  ffnFovSize: count("edge of the segmenter's field of view", 33, 1),
  ffnFeaturesLayer: count("what is judged: its module N - 1, or from its depth on its output", 12),
  ffnImageMean: {
    ...{ type: "number", hint: "X" },
    description: "image_mean that it was trained with (default: it knows -1…1)",
  },
  ffnImageStddev: {
    ...{ type: "number", hint: "X", min: 1e-6 },
    description: "image_stddev that it was trained with",
  },
  seedLogit: choice("show it its seed as logits; false: as probabilities", BOOL, "true"),
} as const satisfies Options;

/** Networks and losses. */
const NETWORK_OPTIONS = {
  generatorDepth: count("blocks of a generator, each takes 4 voxels per axis", 8, 1),
  generatorChannels: count("channels of a generator", 32, 1),
  generatorNorm: choice("behind its convolutions", NORMS, "none"),
  generatorDropout: flag("drop half of its activations"),
  discriminator: choice("kind of the discriminators", ["resnet18", "convdisc"], "resnet18"),
  discriminatorNorm: choice("behind their convolutions", NORMS, "instance"),
  discEarlyMaxpool: flag("halve the image behind the first convolution of resnet18"),
  convdiscDepth: count("convolutions of convdisc", 3, 1),
  discHead: choice(
    "dense: one number per image; patch: a map, as in the preprint",
    ["dense", "patch"],
    "dense",
  ),
  cycleLLambda: number("weight of L there and back", 2.5),
  cycleULambda: number("weight of U there and back", 0.5),
  generatorLambda: number("weight of the image discriminators for generators", 1),
  generatorSegLambda: number("weight of the discriminator of segmentations for F", 1),
  uDiscriminatorLambda: number("weight of the discriminator of U", 1),
  lDiscriminatorLambda: number("weight of those of L and of segmentations", 1),
  labelNoise: number("targets of discriminators are ±0.8 ± up to this", 0, 1),
  fakepoolSz: count("older fakes kept per domain for the discriminators", 64),
} as const satisfies Options;

/** The run and the optimizers. */
const RUN_OPTIONS = {
  batchSize: count("samples per iteration", 8, 1),
  microBatch: {
    ...{ type: "integer", hint: "N", min: 1 },
    description: "samples at once, a divisor of the batch (default: as many as fit)",
  },
  recompute: choice(
    "compute blocks of the generators twice instead of keeping them",
    ["auto", "on", "off"],
    "auto",
  ),
  maxSteps: count("iterations of the whole run", 10_000, 1),
  optimizer: choice(
    "how weights are changed",
    ["momentum", "sgd", "adagrad", "adam", "rmsprop"],
    "sgd",
  ),
  learningRate: number("", 0.001),
  momentum: number("of momentum and rmsprop", 0.9),
  learningRateDecayFactor: {
    ...{ type: "number", hint: "X" },
    description: "without effect, as in the reference",
  },
  numEpochsPerDecay: {
    ...{ type: "number", hint: "X" },
    description: "without effect, as in the reference",
  },
  rmspropDecay: number("", 0.9),
  adamBeta1: number("", 0.9, 1),
  adamBeta2: number("", 0.999, 1),
  epsilon: number("of adam and rmsprop", 1e-8),
  seed: {
    ...{ type: "integer", hint: "N", min: 0 },
    description: "fixes everything random (default: a random one)",
  },
  initFromCheckpoint: text("PREFIX", "weights to begin with; optimizer states begin anew"),
  summaryRateSecs: number("seconds between summaries", 30),
  checkpointEverySecs: number("seconds between checkpoints", 300),
  checkpointEverySteps: {
    ...{ type: "integer", hint: "N", min: 1 },
    description: "iterations between checkpoints",
  },
  maxCheckpointsToKeep: count("newest checkpoints that stay", 5, 1),
  keepCheckpointEveryHours: number("one in so many hours stays for good", 0.25),
} as const satisfies Options;

/** What is given to several processes; the gradients of an iteration are never computed ahead. */
const { prefetch: _, ...SHARING_OPTIONS } = EXCHANGE_OPTIONS;

/** Everything that `ffn train-secgan` takes, but where it runs. */
export const TRAIN_SECGAN_OPTIONS = {
  ...DATA_OPTIONS,
  ...NETWORK_OPTIONS,
  ...RUN_OPTIONS,
  ...CLUSTER_OPTIONS,
  replicaStepDelay: {
    ...CLUSTER_OPTIONS.replicaStepDelay,
    description: "worker k begins when global_step is k times as much (default: 100)",
  },
  ...SHARING_OPTIONS,
} as const satisfies Options;
