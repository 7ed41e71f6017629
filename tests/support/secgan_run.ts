/** Runs one iteration of SECGAN on the spec's fill. */
import type { Backend } from "../../engine/backends/backend.ts";
import { elementCount, type NdArray } from "../../engine/formats/nd_array.ts";
import type { NetworkVariable } from "../../engine/models/secgan/layers.ts";
import { secganGeometry } from "../../engine/models/secgan/geometry.ts";
import { type SecganModel, secganVariables } from "../../engine/models/secgan/secgan.ts";
import { DEFAULT_LAMBDAS, FAKE, REAL } from "../../engine/training/secgan/losses.ts";
import {
  type SecganBatch,
  SecganStep,
  type SecganStepOptions,
} from "../../engine/training/secgan/secgan_step.ts";
import { segmenterSeed } from "../../engine/training/secgan/segmenter_seed.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { smallModel } from "./small_networks.ts";
import { fillSecgan } from "./spec_fill.ts";

/** Networks for tests: images of 21, 13 and 5 voxels, few channels. */
export const SMALL_SECGAN: SecganModel = {
  geometry: secganGeometry(5, 2),
  generator: { depth: 2, channels: 4, norm: "none", dropout: false },
  discriminator: {
    ...{ kind: "convdisc", norm: "instance", earlyMaxpool: false, depth: 1, head: "dense" },
  },
  segmenter: { depth: 2, features: [4, 4, 4, 4], featuresLayer: 12 },
};

function filled(name: string, shape: readonly number[]): NdArray<Float32Array> {
  return { dtype: "float32", shape, data: fillSecgan(name, shape, 0) };
}

function filledVariable({ name, shape, trained }: NetworkVariable): NdArray {
  if (trained) return filled(name, shape);
  return { dtype: "float32", shape, data: new Float32Array(elementCount(shape)) };
}

/** The networks' variables, as the spec fills them. */
export function filledVariables(model: SecganModel): Map<string, NdArray> {
  return new Map(
    secganVariables(model).map((variable) => [variable.name, filledVariable(variable)]),
  );
}

/** The frozen network's, as the spec fills them. */
export function filledSegmenter({ geometry, segmenter }: SecganModel): Map<string, NdArray> {
  if (!segmenter) return new Map();
  const edge = geometry.fovSize;
  const network = smallModel([edge, edge, edge], [1, 1, 1], segmenter.depth, segmenter.features[0]);
  return new Map(network.variables.map(({ name, shape }) => [name, filled(name, shape)]));
}

/** The inputs of a batch, as the spec fills them, without noise on the targets. */
export function filledBatch({ geometry }: SecganModel, batchSize: number): SecganBatch {
  const { cycleSize, discSize } = geometry;
  const images = (name: string, edge: number) =>
    filled(name, [batchSize, edge, edge, edge, 1]).data;
  return {
    labeled: images("input_labeled", cycleSize),
    unlabeled: images("input_unlabeled", cycleSize),
    pooledLabeled: images("fake_labeled", discSize),
    pooledUnlabeled: images("fake_unlabeled", discSize),
    dropoutSeed: 7,
    target: (name, elements) =>
      new Float32Array(elements).fill(name.startsWith("fake") ? FAKE : REAL),
  };
}

/** The reference's weights of losses and its seed; two samples at once, plain sgd. */
export function stepOptions(
  model: SecganModel,
  options: Partial<SecganStepOptions> = {},
): SecganStepOptions {
  return {
    model,
    ...{ batchSize: 2, microBatch: options.batchSize ?? 2, recompute: false },
    lambdas: DEFAULT_LAMBDAS,
    optimizer: { ...DEFAULT_OPTIMIZER, clip: Infinity },
    seed: segmenterSeed(model.geometry.fovSize, true),
    ...options,
  };
}

/** A step over the filled networks, of which no copy stays here. */
export function openFilledStep(
  model: SecganModel,
  backend: Backend,
  options: Partial<SecganStepOptions> = {},
): SecganStep {
  const variables = new Map(secganVariables(model).map((variable) => [variable.name, variable]));
  const get = (name: string) => {
    const variable = variables.get(name);
    return variable && filledVariable(variable);
  };
  return SecganStep.open(stepOptions(model, options), { get }, filledSegmenter(model), backend);
}

/** Euclidean norm of several arrays together. */
export function normOf(...arrays: readonly Float32Array[]): number {
  return Math.sqrt(
    arrays.reduce((sum, data) => data.reduce((inner, v) => inner + v * v, sum), 0),
  );
}
