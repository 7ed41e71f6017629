/** What `ffn train` takes: the flags of the reference's `train.py`, then ours. Defaults stand in `training_settings.ts`: a file may set them too. */
import type { Options } from "./command.ts";

const text = (hint: string, description: string) => ({ type: "text", hint, description }) as const;
const count = (description: string, min = 0) =>
  ({ type: "integer", hint: "N", min, description }) as const;
const number = (description: string, min?: number, max?: number) =>
  ({ type: "number", hint: "X", min, max, description }) as const;

const bool = (description: string, ...more: string[]) =>
  ({ type: "text", hint: "BOOL", choices: ["true", "false", ...more], description }) as const;

/** Volumes, coordinates, and what examples are made of. */
const DATA_OPTIONS = {
  trainCoords: text(
    "PATTERN,…",
    "coordinate files: paths, globs, shards as a@25.gz, http(s), gs://",
  ),
  trainCoordsWeights: text("W,…", "how often each of these patterns is drawn (default: all alike)"),
  trainBoxes: text(
    "NAME:X:Y:Z:SX:SY:SZ,…",
    "instead of coordinates: boxes by start and size, all voxels alike",
  ),
  dataVolumes: text("NAME:PATH:DATASET,…", "images"),
  labelVolumes: text("NAME:PATH:DATASET,…", "labels under the same names"),
  relabelMaps: text("NAME:PATH,…", "lines old,new: labels that become others; the rest stay"),
  lossMaskVolumes: text("NAME:PATH:DATASET,…", "voxels above 0 do not count in the loss"),
  lossMaskInvert: { type: "flag", description: "voxels of the masks that are 0 do not count" },
  lossWeightVolumes: text("NAME:PATH:DATASET,…", "what the loss of each voxel is multiplied by"),
  modelName: text("NAME", "network (default: convstack_3d.ConvStack3DFFNModel)"),
  modelArgs: text("JSON", "its arguments: depth, fov_size and deltas (xyz), features"),
  validationCoords: text("PATTERN,…", "coordinate files for validation"),
  validationBoxes: text("NAME:X:Y:Z:SX:SY:SZ,…", "instead of coordinates, for validation"),
  validationDataVolumes: text("NAME:PATH:DATASET,…", "images for validation; turns it on"),
  validationLabelVolumes: text("NAME:PATH:DATASET,…", "labels for validation"),
  validationEvery: count("a batch of validation every N steps (default: 1)", 1),
  imageMean: number("subtracted from the image"),
  imageStddev: number("the image is divided by this"),
  imageOffsetScaleMap: text("NAME:OFFSET:SCALE,…", "both for single volumes"),
  imageClipValueMax: number("larger values, and those below 0, are cut off first", 0),
  permutableAxes: text("A,…", "axes that change places, 0 z, 1 y, 2 x (default: 1,2)"),
  reflectableAxes: text("A,…", "axes that are reversed, 0 z, 1 y, 2 x (default: 0,1,2)"),
  contrastFactorRange: text("MIN,MAX", "contrast of the image is multiplied by a random factor"),
  brightnessFactorRange: text("MIN,MAX", "a random amount is added to the image, 255 counts as 1"),
  applyAdjustmentTo: {
    type: "text",
    hint: "WHAT",
    choices: ["foreground", "background", "all"],
    description: "where contrast and brightness change: labels above 0, the others (default: all)",
  },
  augmentations: text("JSON", "rotation, misalignment, defects of sections: docs/training.md"),
  voxelSize: text("Z,Y,X", "edges of a voxel, for rotations (default: 1,1,1)"),
} as const satisfies Options;

/** The run, the network's moves, the optimizer and the checkpoints. */
const RUN_OPTIONS = {
  trainDir: text("FOLDER", "checkpoints and events; a run that is there goes on"),
  batchSize: count("examples per step (default: 4)", 1),
  maxSteps: count("steps of the whole run (default: 10000)", 1),
  summaryRateSecs: number("seconds between summaries (default: 120)", 0),
  seedPad: number("probability of voxels not visited (default: 0.05)", 0, 1),
  threshold: number("probability that a new centre needs (default: 0.9)", 0, 0.95),
  fovPolicy: {
    type: "text",
    hint: "NAME",
    choices: [
      ...["fixed", "max_pred_moves"],
      ...["fixed_offsets", "fixed_offsets_window", "max_pred_offsets", "no_step"],
    ],
    description: "how the field of view moves (default: fixed)",
  },
  fovMoves: count("moves per axis (default: 1)", 0),
  shuffleMoves: bool(
    "shuffle the moves of fixed policies, once per run or for every example (default: true)",
    "example",
  ),
  mixNumBatches: count("batches that examples are spread over (default: 1)", 1),
  evaluationThreshold: number("probability that is predicted to be in (default: 0.9)", 0, 1),
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
  config: text(
    "FILE",
    "a JSON object with these flags as keys, or lines --flag=value; the command line comes first",
  ),
} as const satisfies Options;

/** Flags of the reference for several processes; in a run of one they must say that there is one. */
export const CLUSTER_OPTIONS = {
  master: text("TARGET", "must be empty"),
  task: count("number of this process among its kind (default: 0)"),
  psTasks: count("without effect; see --num-ps"),
  psHosts: text("HOST:PORT,…", "without effect; see --exchange"),
  workerHosts: text("HOST:PORT,…", "without effect; see --exchange"),
  jobName: text("NAME", "with --exchange: ps holds parameters, worker trains (default: worker)"),
  replicaStepDelay: count("worker k begins after k times so many updates (default: 300)"),
  synchronous: bool("gradients of several workers make one update (default: false)"),
  syncNReplicas: count("how many"),
  scaleLr: text("HOW", "the rate of such updates: noscale, sqrt, linear (default: noscale)"),
  syncSgd: bool("newer name of --synchronous"),
  replicasToAggregate: count("newer name of --sync-n-replicas"),
  totalReplicas: count("without effect: any number of workers may join"),
} as const satisfies Options;

/** How several processes share the parameters. */
export const EXCHANGE_OPTIONS = {
  exchange: text("FILE", "train with others: where they meet, as the launcher writes it"),
  maxStaleness: count("drop gradients that are more updates old (default: none)"),
  stalenessRate: { type: "flag", description: "divide the rate of an update by its staleness" },
  prefetch: { type: "flag", description: "exchange while the next gradients are computed" },
  wire: {
    type: "text",
    hint: "TYPE",
    choices: ["float32", "float16"],
    description: "numbers on the network (default: float32)",
  },
} as const satisfies Options;

/** Everything that a file may set. */
export const TRAIN_OPTIONS = {
  ...DATA_OPTIONS,
  ...RUN_OPTIONS,
  ...CLUSTER_OPTIONS,
  ...EXCHANGE_OPTIONS,
} as const satisfies Options;
