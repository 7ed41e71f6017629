/** Flags of `ffn train-secgan`, checked. */
import { UsageError } from "../errors/errors.ts";
import type { NormName } from "../models/secgan/layers.ts";
import { secganGeometry } from "../models/secgan/geometry.ts";
import type { SecganModel } from "../models/secgan/secgan.ts";
import { checkFeaturesLayer, type SegmenterOptions } from "../models/secgan/segmenter.ts";
import type { OptimizerOptions } from "../training/optimizer.ts";
import type { SecganLambdas } from "../training/secgan/losses.ts";
import type { Values } from "./command.ts";
import { rateScale } from "./exchange_settings.ts";
import type { TRAIN_SECGAN_OPTIONS } from "./train_secgan_options.ts";

/** What the command line gives. */
export type SecganValues = Values<Record<never, never>, typeof TRAIN_SECGAN_OPTIONS>;

/** Volumes of both domains. */
export interface SecganVolumes {
  readonly labeled: readonly string[];
  readonly unlabeled: readonly string[];
}

/** @throws {UsageError} naming the flag that is missing. */
export function needed(values: SecganValues, name: keyof SecganValues & string): string {
  const value = values[name];
  if (value !== undefined && value !== "") return String(value);
  throw new UsageError(
    `Cannot train without --${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`,
  );
}

/** Specs separated by spaces; those inside the brackets of a slice do not count. */
export function volumeSpecs(values: SecganValues): SecganVolumes {
  const list = (name: "labeledVolumeSpecs" | "unlabeledVolumeSpecs") =>
    needed(values, name).trim().split(/\s+(?![^[]*\])/);
  return { labeled: list("labeledVolumeSpecs"), unlabeled: list("unlabeledVolumeSpecs") };
}

/** The networks; `segmenter` says what its checkpoint holds, null without one. */
export function secganModel(
  values: SecganValues,
  segmenter: Pick<SegmenterOptions, "depth" | "features"> | null,
): SecganModel {
  const { generatorDepth, ffnFovSize, ffnFeaturesLayer } = values;
  const norm = (name: "generatorNorm" | "discriminatorNorm") => values[name] as NormName;
  if (segmenter) checkFeaturesLayer(ffnFeaturesLayer, segmenter.depth);
  if (segmenter && ffnFovSize % 2 === 0) {
    throw new UsageError(
      `Cannot use --ffn_fov_size ${ffnFovSize}: a field of view has a middle voxel, so it must be odd`,
    );
  }
  return {
    geometry: secganGeometry(ffnFovSize, generatorDepth),
    generator: {
      depth: generatorDepth,
      channels: values.generatorChannels,
      norm: norm("generatorNorm"),
      dropout: values.generatorDropout,
    },
    discriminator: {
      kind: values.discriminator,
      norm: norm("discriminatorNorm"),
      earlyMaxpool: values.discEarlyMaxpool,
      depth: values.convdiscDepth,
      head: values.discHead,
    },
    segmenter: segmenter &&
      { ...segmenter, featuresLayer: ffnFeaturesLayer, imageScale: imageScale(values) },
  };
}

function imageScale({ ffnImageMean: mean, ffnImageStddev: stddev }: SecganValues) {
  if (mean !== undefined && stddev !== undefined) return { mean, stddev };
  if (mean === undefined && stddev === undefined) return undefined;
  throw new UsageError(
    "Cannot scale images for the segmenter: --ffn_image_mean and --ffn_image_stddev belong together",
  );
}

/** Weights of the losses. */
export function lambdasOf(values: SecganValues): SecganLambdas {
  return {
    cycleLabeled: values.cycleLLambda,
    cycleUnlabeled: values.cycleULambda,
    generator: values.generatorLambda,
    generatorSeg: values.generatorSegLambda,
    unlabeledDiscriminator: values.uDiscriminatorLambda,
    labeledDiscriminator: values.lDiscriminatorLambda,
  };
}

/** Gradients are not clipped; the rate is scaled where those of several workers make one update. */
export function secganOptimizer(values: SecganValues): OptimizerOptions {
  const scale = values.exchange === undefined ? 1 : rateScale(values);
  const learningRate = values.learningRate * scale;
  const { momentum, adamBeta1, adamBeta2, rmspropDecay, epsilon } = values;
  return {
    name: values.optimizer,
    clip: Infinity,
    ...{ learningRate, momentum, adamBeta1, adamBeta2, rmspropDecay, epsilon },
  };
}
