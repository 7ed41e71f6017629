import { elementCount, type NdArray } from "../formats/nd_array.ts";
import type { Model } from "../models/model.ts";
import type { Random } from "./random.ts";

/**
 * Variables of a network that has learnt nothing: weights of convolutions uniform within ±sqrt(6 / (fan in + fan out)), as
 * Glorot and Bengio propose, scales 1, everything else 0.
 */
export function initialVariables(model: Model, random: Random): Map<string, NdArray> {
  const variables = new Map<string, NdArray>();
  for (const { name, shape } of model.variables) {
    const data = new Float32Array(elementCount(shape));
    if (shape.length === 5) {
      const taps = shape[0] * shape[1] * shape[2];
      const limit = Math.sqrt(6 / (taps * (shape[3] + shape[4])));
      for (let i = 0; i < data.length; i++) data[i] = limit * (2 * random.uniform() - 1);
    } else if (name.endsWith("/scale")) data.fill(1);
    variables.set(name, { dtype: "float32", shape, data });
  }
  return variables;
}
