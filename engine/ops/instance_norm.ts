/** Instance normalisation: every channel of every sample over its voxels (`channel_norm.ts` has the formulas). */
import { elementCount } from "../formats/nd_array.ts";
import { epsilonOf, type Groups, normalise, normaliseGrad } from "./channel_norm.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";

/** That of the layer library whose networks we read. */
const DEFAULT_EPSILON = 1e-6;

/** Epsilon of an instance normalisation or its gradient. */
export function instanceEpsilon(attributes: Attributes): number {
  return epsilonOf(attributes, DEFAULT_EPSILON);
}

function groupsOf({ shape }: Host): Groups {
  return { groups: shape[0], channels: shape[4] };
}

/** Inputs x and dy `[batch, z, y, x, channel]` and scale `[channel]`; outputs dx, dscale and dbias. */
export const instanceNormGrad: Op = {
  name: "instance_norm_grad",
  shapes([x, dy, scale]: readonly Shape[], attributes: Attributes): Shape[] {
    instanceEpsilon(attributes);
    requireRank("compute the gradient of a normalisation", x, 5);
    if (describeShape(x) === describeShape(dy) && scale.length === 1 && scale[0] === x[4]) {
      return [x, scale, scale];
    }
    throw new RangeError(
      `Cannot compute the gradient of a normalisation: x and dy must have one shape and scale its channels, current shapes are ${
        [x, dy, scale].map(describeShape).join(", ")
      }`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, dy, scale] = inputs.map(reals);
    const [dx, dscale, dbias] = outputs.map(reals);
    const arrays = { x, dy, scale, dx, dscale, dbias };
    normaliseGrad(arrays, groupsOf(inputs[0]), instanceEpsilon(attributes));
  },
  work: (call: Call) => workOf(call, 14 * elementCount(call.outputs[0].shape)),
};

/** Inputs x `[batch, z, y, x, channel]`, scale and bias `[channel]`, attribute `epsilon`. */
export const instanceNorm: Op = {
  name: "instance_norm",
  shapes([x, scale, bias]: readonly Shape[], attributes: Attributes): Shape[] {
    instanceEpsilon(attributes);
    requireRank("normalise", x, 5);
    if ([scale, bias].every((shape) => shape.length === 1 && shape[0] === x[4])) return [x];
    throw new RangeError(
      `Cannot normalise x ${describeShape(x)}: scale and bias must have shape [${
        x[4]
      }], current shapes are ${describeShape(scale)} and ${describeShape(bias)}`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, scale, bias] = inputs.map(reals);
    const y = reals(outputs[0]);
    normalise({ x, scale, bias, y }, groupsOf(inputs[0]), instanceEpsilon(attributes));
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(instanceNormGrad, [call.inputs[0], dy, call.inputs[1]], call.attributes),
  work: (call: Call) => workOf(call, 7 * elementCount(call.outputs[0].shape)),
};

/** Appends the normalisation of x `[batch, z, y, x, channel]` per sample, with scale and bias `[channel]`. */
export function appendInstanceNorm(
  graph: GraphWriter,
  x: Value,
  scale: Value,
  bias: Value,
): Value {
  return graph.call(instanceNorm, [x, scale, bias])[0];
}
