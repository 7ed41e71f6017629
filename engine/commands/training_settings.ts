/** Flags of `ffn train`, with defaults filled in and checked. */
import { UsageError } from "../errors/errors.ts";
import { toXyz, toZyx } from "../geometry/vectors.ts";
import { logit } from "../inference/logit.ts";
import type { Model, ModelArgs } from "../models/model.ts";
import { createModel } from "../models/registry.ts";
import { checkAxes, checkPermutable } from "../training/augmentation.ts";
import type { NamedBox } from "../training/coordinate_sources.ts";
import type { AdjustedVoxels, AugmentationOptions } from "../training/example_loader.ts";
import { type ExampleSizes, exampleSizes, type FovPolicyName } from "../training/fov_geometry.ts";
import { DEFAULT_OPTIMIZER, type OptimizerOptions } from "../training/optimizer.ts";
import { readSectionOptions } from "../training/section_options.ts";
import type { OptimizerName } from "../ops/optimizer_step.ts";
import { flagOf } from "./command.ts";
import { rateScale, sharesParameters } from "./exchange_settings.ts";
import { type NamedSpec, namedVolumes, numberList } from "./list_arguments.ts";
import type { TrainValues } from "./training_config.ts";
import { parseVoxelSize } from "./voxel_size_option.ts";

/** Volumes and coordinates of one kind of examples. */
export interface DataSettings {
  /** Patterns of coordinate files, or boxes instead. */
  readonly coordinates: string | readonly NamedBox[];
  /** Weight of each pattern; absent where all are alike. */
  readonly weights?: readonly number[];
  readonly images: readonly NamedSpec[];
  readonly labels: readonly NamedSpec[];
  readonly lossMasks: readonly NamedSpec[];
  readonly lossWeights: readonly NamedSpec[];
}

/** A checked run. */
export interface TrainingSettings {
  readonly model: Model;
  readonly sizes: ExampleSizes;
  readonly policy: FovPolicyName;
  readonly fovMoves: number;
  /** The order of moves is shuffled once for the run. */
  readonly shuffleMoves: boolean;
  readonly mixBatches: number;
  /** Probability. */
  readonly evaluationThreshold: number;
  readonly training: DataSettings;
  readonly validation: DataSettings | null;
  /** Offset and scale of a volume by its name. */
  normalisation(name: string): { offset: number; scale: number };
  readonly augmentation: AugmentationOptions;
  readonly optimizer: OptimizerOptions;
  readonly trainDir: string;
  readonly batchSize: number;
  readonly maxSteps: number;
  readonly seedPad: number;
  readonly threshold: number;
}

/** @throws {UsageError | RangeError} naming the flag, its value and what is allowed. */
export function readSettings(values: TrainValues): TrainingSettings {
  const text = (name: string) => values[name] === undefined ? undefined : String(values[name]);
  const needed = (name: string) => {
    const value = text(name);
    if (value !== undefined) return value;
    throw new UsageError(`Cannot train without ${flagOf(name)}`);
  };
  const number = (name: string, fallback: number) => Number(values[name] ?? fallback);
  const isShared = sharesParameters(values);
  if (!isShared) checkSingleProcess(values);
  const model = createModel(
    text("modelName") ?? "convstack_3d.ConvStack3DFFNModel",
    parsedJson("--model-args", needed("modelArgs")) as ModelArgs,
  );
  checkOdd(model);
  const policy = (text("fovPolicy") ?? "fixed") as FovPolicyName;
  const fovMoves = number("fovMoves", 1);
  const sizes = exampleSizes(model, policy, fovMoves);
  const shuffle = text("shuffleMoves") ?? "true";
  const axes = (name: string, fallback: string) => {
    const list = text(name) ?? fallback;
    const numbers = list === "" ? [] : numberList(flagOf(name), list);
    checkAxes(flagOf(name), numbers);
    return numbers;
  };
  const permutableAxes = axes("permutableAxes", "1,2");
  checkPermutable(permutableAxes, sizes.image);
  const range = (name: string): [number, number] | undefined => {
    if (text(name) === undefined) return undefined;
    const numbers = numberList(flagOf(name), text(name)!);
    if (numbers.length === 2 && numbers[0] <= numbers[1]) return [numbers[0], numbers[1]];
    throw new UsageError(`Cannot use ${flagOf(name)} "${text(name)}": it must be MIN,MAX`);
  };
  const specs = (name: string) => text(name) ? namedVolumes(flagOf(name), text(name)!) : [];
  const coordinates = (coords: string, boxes: string) =>
    text(boxes) ? namedBoxes(flagOf(boxes), text(boxes)!) : needed(coords);
  const evaluationThreshold = number("evaluationThreshold", 0.9);
  if (!(evaluationThreshold > 0 && evaluationThreshold < 1)) {
    throw new UsageError(
      `Cannot use --evaluation-threshold ${evaluationThreshold}: it must be a probability above 0 and below 1`,
    );
  }
  const seedPad = number("seedPad", 0.05);
  if (!(seedPad > 0 && seedPad < 1)) {
    throw new UsageError(
      `Cannot use --seed-pad ${seedPad}: it must be a probability above 0 and below 1`,
    );
  }
  return {
    model,
    sizes,
    policy,
    fovMoves,
    shuffleMoves: shuffle === "true",
    mixBatches: number("mixNumBatches", 1),
    evaluationThreshold,
    training: {
      coordinates: coordinates("trainCoords", "trainBoxes"),
      weights: text("trainCoordsWeights") === undefined
        ? undefined
        : sourceWeights(text("trainCoordsWeights")!),
      images: namedVolumes("--data-volumes", needed("dataVolumes")),
      labels: namedVolumes("--label-volumes", needed("labelVolumes")),
      lossMasks: specs("lossMaskVolumes"),
      lossWeights: specs("lossWeightVolumes"),
    },
    validation: text("validationDataVolumes")
      ? {
        coordinates: coordinates("validationCoords", "validationBoxes"),
        images: specs("validationDataVolumes"),
        labels: namedVolumes("--validation-label-volumes", needed("validationLabelVolumes")),
        lossMasks: [],
        lossWeights: [],
      }
      : null,
    normalisation: normalisation(values),
    augmentation: {
      permutableAxes,
      reflectableAxes: axes("reflectableAxes", "0,1,2"),
      contrastRange: range("contrastFactorRange"),
      brightnessRange: range("brightnessFactorRange"),
      adjusted: text("applyAdjustmentTo") as AdjustedVoxels | undefined,
      sections: text("augmentations") === undefined
        ? undefined
        : readSectionOptions(parsedJson("--augmentations", text("augmentations")!)),
      voxelSize: parseVoxelSize(text("voxelSize")),
      clipMax: values.imageClipValueMax === undefined ? undefined : number("imageClipValueMax", 0),
      invertLossMask: values.lossMaskInvert === true,
      ordersMoves: shuffle === "example",
    },
    optimizer: optimizerOf(values, isShared ? rateScale(values) : 1),
    trainDir: needed("trainDir"),
    batchSize: number("batchSize", 4),
    maxSteps: number("maxSteps", 10_000),
    seedPad,
    threshold: Math.fround(logit(number("threshold", 0.9))),
  };
}

function parsedJson(flag: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Cannot use ${flag} ${text}: ${(cause as Error).message}`);
  }
}

/** The reference's flags for several processes, where they do not say that there is one. */
export function checkSingleProcess(values: TrainValues): void {
  const alone: Readonly<Record<string, readonly unknown[]>> = {
    master: [""],
    task: [0],
    psTasks: [0],
    psHosts: [""],
    workerHosts: [""],
    jobName: ["", "worker"],
    syncNReplicas: [0, 1],
    scaleLr: ["noscale", "sqrt", "linear"],
    replicasToAggregate: [0, 1],
    totalReplicas: [0, 1],
  };
  for (const [name, allowed] of Object.entries(alone)) {
    if (values[name] === undefined || allowed.includes(values[name])) continue;
    throw new UsageError(
      `Cannot train with ${flagOf(name)} ${values[name]}: this is one process, it must be ${
        allowed.map((value) => value === "" ? "empty" : value).join(" or ")
      }; several are started by ffn train --workers N or ffn slurm-train`,
    );
  }
}

/** `name:x:y:z:sx:sy:sz,…`. */
function namedBoxes(flag: string, text: string): NamedBox[] {
  return text.split(",").map((part): NamedBox => {
    const [volume, ...rest] = part.trim().split(":");
    const [x, y, z, sx, sy, sz] = rest.map((n) => /^\d{1,9}$/.test(n) ? Number(n) : NaN);
    if (rest.length === 6 && volume !== "" && x + y + z >= 0 && Math.min(sx, sy, sz) > 0) {
      return { volume, box: { start: toZyx({ x, y, z }), size: toZyx({ x: sx, y: sy, z: sz }) } };
    }
    throw new UsageError(
      `Cannot use ${flag} "${text}": it must be name:x:y:z:sx:sy:sz separated by commas, current part is "${part}"`,
    );
  });
}

function sourceWeights(text: string): number[] {
  const weights = numberList("--train-coords-weights", text);
  if (weights.every((w) => w >= 0) && weights.some((w) => w > 0)) return weights;
  throw new UsageError(
    `Cannot use --train-coords-weights "${text}": weights must be 0 or more, one at least above 0`,
  );
}

/** Even sizes have no middle voxel: labels and seed would be centred beside the coordinate. */
function checkOdd({ fovSize }: Model): void {
  const axis = fovSize.findIndex((n) => n % 2 === 0);
  if (axis < 0) return;
  const { x, y, z } = toXyz(fovSize);
  throw new RangeError(
    `Cannot train with fov_size [${x}, ${y}, ${z}] (xyz): each axis must be odd, current ${
      "zyx"[axis]
    } is ${fovSize[axis]}`,
  );
}

/** @param scale The learning rate is multiplied by this. */
function optimizerOf(values: TrainValues, scale: number): OptimizerOptions {
  const number = (name: string, fallback: number) => Number(values[name] ?? fallback);
  const base = DEFAULT_OPTIMIZER;
  const clip = number("gradientClip", base.clip);
  const optional = (name: string) => values[name] === undefined ? undefined : Number(values[name]);
  return {
    name: String(values.optimizer ?? base.name) as OptimizerName,
    learningRate: scale * number("learningRate", base.learningRate),
    clip: clip === 0 ? Infinity : clip,
    momentum: number("momentum", base.momentum),
    adamBeta1: number("adamBeta1", base.adamBeta1),
    adamBeta2: number("adamBeta2", base.adamBeta2),
    rmspropDecay: number("rmspropDecay", base.rmspropDecay),
    epsilon: number("epsilon", base.epsilon),
    decayFactor: optional("learningRateDecayFactor"),
    decaySteps: optional("decaySteps"),
  };
}

/** Mean and standard deviation, or what `name:offset:scale` says of a volume. */
function normalisation(values: TrainValues): (name: string) => { offset: number; scale: number } {
  const entries = values.imageOffsetScaleMap === undefined
    ? []
    : String(values.imageOffsetScaleMap).split(",").map((part) => {
      const [name, offset, scale, ...more] = part.split(":");
      const numbers = { offset: Number(offset), scale: Number(scale) };
      const isComplete = more.length === 0 && Number.isFinite(numbers.offset) && numbers.scale > 0;
      if (isComplete) return [name.trim(), numbers] as const;
      throw new UsageError(
        `Cannot use --image-offset-scale-map: it must be name:offset:scale separated by commas, current part is "${part}"`,
      );
    });
  const map = new Map(entries);
  const [mean, stddev] = [values.imageMean, values.imageStddev];
  const isGiven = mean !== undefined && stddev !== undefined;
  if (!isGiven && map.size === 0) {
    throw new UsageError(
      "Cannot train without --image-mean and --image-stddev, or --image-offset-scale-map",
    );
  }
  return (name) => {
    const found = map.get(name);
    if (found) return found;
    if (isGiven) return { offset: Number(mean), scale: Number(stddev) };
    throw new UsageError(
      `Cannot normalise volume "${name}": it is not in --image-offset-scale-map, give --image-mean and --image-stddev`,
    );
  };
}
