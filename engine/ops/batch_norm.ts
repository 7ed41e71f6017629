/**
 * Batch normalisation: every channel over the voxels of the whole batch (`channel_norm.ts` has the formulas), always with the
 * statistics of the batch at hand, and without a scale. Moving averages are no business of the op.
 */
import { elementCount } from "../formats/nd_array.ts";
import { epsilonOf, type Groups, normalise, normaliseGrad } from "./channel_norm.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";

/** That of the layer library whose networks we read. */
const DEFAULT_EPSILON = 1e-3;

/** Epsilon of a batch normalisation or its gradient. */
export function batchEpsilon(attributes: Attributes): number {
  return epsilonOf(attributes, DEFAULT_EPSILON);
}

function groupsOf({ shape }: Host): Groups {
  return { groups: 1, channels: shape[4] };
}

/** Inputs x and dy `[batch, z, y, x, channel]`; outputs dx and dbias `[channel]`. */
export const batchNormGrad: Op = {
  name: "batch_norm_grad",
  shapes([x, dy]: readonly Shape[], attributes: Attributes): Shape[] {
    batchEpsilon(attributes);
    requireRank("compute the gradient of a normalisation", x, 5);
    if (describeShape(x) === describeShape(dy)) return [x, [x[4]]];
    throw new RangeError(
      `Cannot compute the gradient of a normalisation: x and dy must have one shape, current shapes are ${
        describeShape(x)
      } and ${describeShape(dy)}`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, dy] = inputs.map(reals);
    const [dx, dbias] = outputs.map(reals);
    const arrays = { x, dy, scale: null, dx, dscale: null, dbias };
    normaliseGrad(arrays, groupsOf(inputs[0]), batchEpsilon(attributes));
  },
  work: (call: Call) => workOf(call, 14 * elementCount(call.outputs[0].shape)),
};

/** Inputs x `[batch, z, y, x, channel]` and bias `[channel]`, attribute `epsilon`. */
export const batchNorm: Op = {
  name: "batch_norm",
  shapes([x, bias]: readonly Shape[], attributes: Attributes): Shape[] {
    batchEpsilon(attributes);
    requireRank("normalise", x, 5);
    if (bias.length === 1 && bias[0] === x[4]) return [x];
    throw new RangeError(
      `Cannot normalise x ${describeShape(x)}: bias must have shape [${x[4]}], current shape is ${
        describeShape(bias)
      }`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, bias] = inputs.map(reals);
    const y = reals(outputs[0]);
    normalise({ x, scale: null, bias, y }, groupsOf(inputs[0]), batchEpsilon(attributes));
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(batchNormGrad, [call.inputs[0], dy], call.attributes),
  work: (call: Call) => workOf(call, 7 * elementCount(call.outputs[0].shape)),
};

/** Appends the normalisation of x `[batch, z, y, x, channel]` over the batch, with bias `[channel]`. */
export function appendBatchNorm(graph: GraphWriter, x: Value, bias: Value): Value {
  return graph.call(batchNorm, [x, bias])[0];
}
