import { UsageError } from "../errors/errors.ts";
import { MaskConfigsSchema } from "../formats/protobuf/masks.ts";
import { parseText } from "../formats/protobuf/text_reader.ts";
import { toZyx } from "../geometry/vectors.ts";
import { writePartitions } from "../training/partition_file.ts";
import { EXCLUDED, type Sphere } from "../training/partitions.ts";
import { checkMaskConfigs } from "../volumes/masks.ts";
import { VolumeCache } from "../volumes/volume_cache.ts";
import type { Context } from "./command.ts";
import { idList, numberList, xyzTriple } from "./list_arguments.ts";
import { showProgress } from "./progress.ts";

/** What `ffn compute-partitions` was given. */
export interface ComputePartitionsValues {
  readonly inputVolume?: string;
  readonly outputVolume?: string;
  readonly thresholds: string;
  readonly lomRadius?: string;
  readonly minSize: number;
  readonly idWhitelist?: string;
  readonly exclusionRegions?: string;
  readonly maskConfigs?: string;
  readonly rawLabels: boolean;
  readonly overwrite: boolean;
  readonly threads?: number;
}

/** Reads the flags, computes, and prints the voxels of each class. */
export async function runComputePartitions(
  values: ComputePartitionsValues,
  context: Context,
): Promise<void> {
  const masks = values.maskConfigs === undefined
    ? undefined
    : parseText(MaskConfigsSchema, values.maskConfigs, "--mask-configs").masks;
  checkMaskConfigs(masks ?? [], "mask_configs");
  if (masks?.some(({ image }) => image)) {
    throw new UsageError(
      "Cannot use --mask-configs: a mask of the image needs an image, only labels are given",
    );
  }
  await using cache = new VolumeCache();
  using progress = showProgress(context, "partitions");
  const { counts, labels } = await writePartitions({
    inputVolume: required("--input-volume", values.inputVolume),
    outputVolume: required("--output-volume", values.outputVolume),
    thresholds: numberList("--thresholds", values.thresholds),
    lomRadius: xyzTriple("--lom-radius", required("--lom-radius", values.lomRadius)),
    minSize: values.minSize,
    idWhitelist: values.idWhitelist === undefined
      ? undefined
      : idList("--id-whitelist", values.idWhitelist),
    exclusionRegions: spheres(values.exclusionRegions),
    masks,
    openVolume: (volume) => cache.open(volume),
    rawLabels: values.rawLabels,
    overwrite: values.overwrite,
    threads: values.threads ?? navigator.hardwareConcurrency,
    signal: context.signal,
    log: context.note,
    progress: (fraction) => progress.update({ fraction, counts: {} }),
  });
  context.print(`${labels} labels in ${values.outputVolume}`);
  for (const [value, count] of counts) {
    const what = value === EXCLUDED ? "excluded" : value === 0 ? "background" : `class ${value}`;
    context.print(`${what.padEnd(10)} ${String(count).padStart(12)} voxels`);
  }
}

/** @throws {UsageError} when a flag without a default was not given. */
export function required<T>(flag: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new UsageError(`Cannot run without ${flag}`);
}

/** `x:y:z:r,…`. */
function spheres(text: string | undefined): Sphere[] {
  if (text === undefined) return [];
  return text.split(",").map((part) => {
    const [x, y, z, radius, ...more] = part.split(":").map((p) =>
      p.trim() === "" ? NaN : Number(p)
    );
    if ([x, y, z, radius].every(Number.isFinite) && more.length === 0) {
      return { center: toZyx({ x, y, z }), radius };
    }
    throw new UsageError(
      `Cannot use --exclusion-regions "${text}": it must be x:y:z:radius separated by commas, current part is "${part}"`,
    );
  });
}
