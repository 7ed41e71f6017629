import { elementCount, type NdArray } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";
import type { Random } from "./random.ts";

/** Standard deviation of a normal distribution that is cut off at two of its own. */
const TRUNCATED_STDEV = 0.87962566103423978;

/**
 * Variables of a network that has learnt nothing: scales 1, biases 0, and weights of layers as where their names come from.
 * `weights` (TensorFlow): uniform within ±sqrt(6 / (fan in + fan out)), as Glorot and Bengio propose. `kernel` (flax):
 * normal with variance 1 / fan in, cut off at two standard deviations.
 */
export function initialVariables(
  model: { readonly variables: readonly Variable[] },
  random: Random,
): Map<string, NdArray> {
  const variables = new Map<string, NdArray>();
  for (const { name, shape } of model.variables) {
    const data = new Float32Array(elementCount(shape));
    if (shape.length > 1) {
      const taps = elementCount(shape.slice(0, -2));
      const [inputs, outputs] = shape.slice(-2);
      const draw = name.endsWith("/kernel")
        ? lecunNormal(taps * inputs, random)
        : glorotUniform(taps * (inputs + outputs), random);
      for (let i = 0; i < data.length; i++) data[i] = draw();
    } else if (/\/(scale|gamma|moving_variance)$/.test(name)) data.fill(1);
    variables.set(name, { dtype: "float32", shape, data });
  }
  return variables;
}

function glorotUniform(fans: number, random: Random): () => number {
  const limit = Math.sqrt(6 / fans);
  return () => limit * (2 * random.uniform() - 1);
}

function lecunNormal(fanIn: number, random: Random): () => number {
  const stdev = Math.sqrt(1 / fanIn) / TRUNCATED_STDEV;
  return () => {
    for (;;) {
      const value = random.normal();
      if (Math.abs(value) <= 2) return stdev * value;
    }
  };
}
