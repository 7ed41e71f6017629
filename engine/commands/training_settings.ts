/** Flags and configuration file of `ffn train`, with defaults filled in and checked. */
import { UsageError } from "../errors/errors.ts";
import { didYouMean } from "../errors/suggest.ts";
import { toXyz } from "../geometry/vectors.ts";
import { logit } from "../inference/logit.ts";
import type { Model, ModelArgs } from "../models/model.ts";
import { createModel } from "../models/registry.ts";
import { checkAxes, checkPermutable } from "../training/augmentation.ts";
import type { AugmentationOptions } from "../training/example_loader.ts";
import { type ExampleSizes, exampleSizes, type FovPolicyName } from "../training/fov_geometry.ts";
import { DEFAULT_OPTIMIZER, type OptimizerOptions } from "../training/optimizer.ts";
import type { OptimizerName } from "../ops/optimizer_step.ts";
import { flagOf, type Option } from "./command.ts";
import { type NamedSpec, namedVolumes, numberList } from "./list_arguments.ts";
import { TRAIN_OPTIONS } from "./train.ts";

/** Values by option name, some of them absent. */
export type TrainValues = Readonly<Record<string, unknown>>;

/** Volumes and coordinates of one kind of examples. */
export interface DataSettings {
  readonly coordinates: string;
  readonly images: readonly NamedSpec[];
  readonly labels: readonly NamedSpec[];
  readonly lossMasks: readonly NamedSpec[];
}

/** A checked run. */
export interface TrainingSettings {
  readonly model: Model;
  readonly sizes: ExampleSizes;
  readonly policy: FovPolicyName;
  readonly shuffleMoves: boolean;
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

/** The values of the command line over those of the configuration file that it names. */
export async function withConfig(values: TrainValues): Promise<TrainValues> {
  if (values.config === undefined) return values;
  const path = String(values.config);
  let config: unknown;
  try {
    config = JSON.parse(await Deno.readTextFile(path));
  } catch (cause) {
    throw new UsageError(`Cannot read --config "${path}": ${(cause as Error).message}`);
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new UsageError(`Cannot read --config "${path}": it must be a JSON object`);
  }
  const merged: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    const name = key.replace(/[-_]([a-z0-9])/g, (_, c) => c.toUpperCase());
    const option = (TRAIN_OPTIONS as Record<string, Option>)[name];
    if (!option) {
      const known = Object.keys(TRAIN_OPTIONS).map((n) => flagOf(n).slice(2).replaceAll("-", "_"));
      throw new UsageError(
        `Cannot read --config "${path}": unknown key "${key}"${didYouMean(key, known)}`,
      );
    }
    merged[name] = configValue(path, key, option, value);
  }
  const given = Object.entries(values).filter(([, value]) =>
    value !== undefined && value !== false
  );
  return { ...merged, ...Object.fromEntries(given) };
}

function configValue(path: string, key: string, option: Option, value: unknown): unknown {
  if (option.type === "flag") return value === true;
  if (option.type === "text") return typeof value === "string" ? value : listOrJson(value);
  if (typeof value === "number") return value;
  throw new UsageError(
    `Cannot read --config "${path}": "${key}" must be a number, current value is ${
      JSON.stringify(value)
    }`,
  );
}

function listOrJson(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : JSON.stringify(value);
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
  const model = createModel(
    text("modelName") ?? "convstack_3d.ConvStack3DFFNModel",
    modelArgs(needed("modelArgs")),
  );
  checkOdd(model);
  const policy = (text("fovPolicy") ?? "fixed") as FovPolicyName;
  const sizes = exampleSizes(model, policy, number("fovMoves", 1));
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
  const data = (coords: string, images: string, labels: string, masks?: string): DataSettings => ({
    coordinates: needed(coords),
    images: namedVolumes(flagOf(images), needed(images)),
    labels: namedVolumes(flagOf(labels), needed(labels)),
    lossMasks: masks && text(masks) ? namedVolumes(flagOf(masks), text(masks)!) : [],
  });
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
    shuffleMoves: (text("shuffleMoves") ?? "true") === "true",
    training: data("trainCoords", "dataVolumes", "labelVolumes", "lossMaskVolumes"),
    validation: text("validationDataVolumes")
      ? data("validationCoords", "validationDataVolumes", "validationLabelVolumes")
      : null,
    normalisation: normalisation(values),
    augmentation: {
      permutableAxes,
      reflectableAxes: axes("reflectableAxes", "0,1,2"),
      contrastRange: range("contrastFactorRange"),
      brightnessRange: range("brightnessFactorRange"),
    },
    optimizer: optimizerOf(values),
    trainDir: needed("trainDir"),
    batchSize: number("batchSize", 4),
    maxSteps: number("maxSteps", 10_000),
    seedPad,
    threshold: Math.fround(logit(number("threshold", 0.9))),
  };
}

function modelArgs(text: string): ModelArgs {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Cannot use --model-args ${text}: ${(cause as Error).message}`);
  }
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

function optimizerOf(values: TrainValues): OptimizerOptions {
  const number = (name: string, fallback: number) => Number(values[name] ?? fallback);
  const base = DEFAULT_OPTIMIZER;
  const clip = number("gradientClip", base.clip);
  const optional = (name: string) => values[name] === undefined ? undefined : Number(values[name]);
  return {
    name: String(values.optimizer ?? base.name) as OptimizerName,
    learningRate: number("learningRate", base.learningRate),
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
