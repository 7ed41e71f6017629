/**
 * Layer normalisation of each voxel over its channels:
 *
 *   y[v, c] = act( (x[v, c] - mean_v) / sqrt(var_v + epsilon) * scale[c] + bias[c] )
 *
 * with the variance of the population (divided by the number of channels). Nothing is kept between runs, so training
 * and inference are the same.
 */
import { UnsupportedError } from "../errors/errors.ts";
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { layerNormGrad } from "./layer_norm_grad.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";

/** What flax uses. */
export const DEFAULT_EPSILON = 1e-6;

/** Attributes of a call with the defaults filled in. */
export function layerNormAttributes(
  attributes: Attributes,
): { readonly epsilon: number; readonly reluOutput: boolean } {
  const epsilon = attributes.epsilon ?? DEFAULT_EPSILON;
  if (typeof epsilon !== "number" || !(epsilon > 0)) {
    throw new RangeError(
      `Cannot normalise with epsilon ${epsilon}: it must be a number above 0, default is ${DEFAULT_EPSILON}`,
    );
  }
  return { epsilon, reluOutput: attributes.reluOutput === true };
}

/** Normalisation op: inputs x `[batch, z, y, x, channel]`, scale `[channel]`, bias `[channel]`. */
export const layerNorm: Op = {
  name: "layer_norm",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    layerNormAttributes(attributes);
    if (inputs.length !== 3) {
      throw new RangeError(
        `Cannot normalise: the call needs 3 inputs (x, scale, bias), current number is ${inputs.length}`,
      );
    }
    const [x, scale, bias] = inputs;
    requireRank("normalise", x, 5);
    for (const [name, shape] of [["scale", scale], ["bias", bias]] as const) {
      if (shape.length !== 1 || shape[0] !== x[4]) {
        throw new RangeError(
          `Cannot normalise x ${describeShape(x)}: ${name} must have shape [${
            x[4]
          }], current shape is ${describeShape(shape)}`,
        );
      }
    }
    return [x];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const { epsilon, reluOutput } = layerNormAttributes(attributes);
    const [x, scale, bias] = inputs.map(reals);
    const y = reals(outputs[0]);
    const channels = inputs[0].shape[4];
    for (let first = 0; first < x.length; first += channels) {
      let mean = 0;
      for (let c = 0; c < channels; c++) mean += x[first + c];
      mean /= channels;
      let variance = 0;
      for (let c = 0; c < channels; c++) variance += (x[first + c] - mean) ** 2;
      const inverse = 1 / Math.sqrt(variance / channels + epsilon);
      for (let c = 0; c < channels; c++) {
        const value = (x[first + c] - mean) * inverse * scale[c] + bias[c];
        y[first + c] = reluOutput && value < 0 ? 0 : value;
      }
    }
  },
  gradient(call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] {
    const { epsilon, reluOutput } = layerNormAttributes(call.attributes);
    if (reluOutput) {
      throw new UnsupportedError(
        "Cannot differentiate a fused normalisation: take the gradient of the graph before fusions",
      );
    }
    return graph.call(layerNormGrad, [call.inputs[0], dy, call.inputs[1]], { epsilon });
  },
  work(call: Call) {
    return workOf(call, 7 * elementCount(call.outputs[0].shape));
  },
};

/** Appends the normalisation of x `[batch, z, y, x, channel]` with scale and bias `[channel]`. */
export function appendLayerNorm(graph: GraphWriter, x: Value, scale: Value, bias: Value): Value {
  return graph.call(layerNorm, [x, scale, bias])[0];
}
