/** Reads the case of a training step, as `conv_stack_case.ts` writes it. */
import type { NdArray } from "../../engine/formats/nd_array.ts";
import type { Model } from "../../engine/models/model.ts";
import { DEFAULT_OPTIMIZER, type OptimizerOptions } from "../../engine/training/optimizer.ts";
import type { Batch } from "../../engine/training/training_step.ts";
import { readCase, stackModel, type StackShape } from "./conv_stack_case.ts";

/** What a step of our side needs. */
export interface TrainingCase {
  readonly model: Model;
  readonly batchSize: number;
  readonly batch: Batch;
  readonly variables: ReadonlyMap<string, NdArray>;
}

/** Reads a case with labels and weights. */
export async function readTrainingCase(path: string, shape: StackShape): Promise<TrainingCase> {
  const model = stackModel(shape);
  const { image, seed, source, floats } = await readCase(path, model);
  const variables = new Map<string, NdArray>();
  for (const { name } of model.variables) variables.set(name, await source.read(name));
  const batchSize = image.length / model.imageSize.reduce((a, b) => a * b, 1);
  const batch = { image, seed, labels: await floats("labels"), weights: await floats("weights") };
  return { model, batchSize, batch, variables };
}

/** Plain SGD. */
export function trainingOptimizer(learningRate: number, clip: number): OptimizerOptions {
  return { ...DEFAULT_OPTIMIZER, name: "sgd", learningRate, clip };
}
