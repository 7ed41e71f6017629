/** Joins arrays along the channel axis: inputs `[batch, z, y, x, c_i]`, output `[batch, z, y, x, sum of c_i]`, in the order given. */
import type { Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";
import { sliceChannels } from "./slice_channels.ts";

/** Concatenation op of one or more inputs that agree in all but their channels. */
export const concatChannels: Op = {
  name: "concat_channels",
  shapes(inputs: readonly Shape[]): Shape[] {
    if (inputs.length === 0) {
      throw new RangeError("Cannot concatenate: it takes 1 or more inputs, current number is 0");
    }
    for (const shape of inputs) {
      requireRank("concatenate", shape, 5);
      if (describeShape(shape.slice(0, 4)) !== describeShape(inputs[0].slice(0, 4))) {
        throw new RangeError(
          `Cannot concatenate: all but the channels must agree, current shapes are ${
            describeShape(inputs[0])
          } and ${describeShape(shape)}`,
        );
      }
    }
    const channels = inputs.reduce((sum, shape) => sum + shape[4], 0);
    return [[...inputs[0].slice(0, 4), channels]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[]): void {
    const y = reals(outputs[0]);
    const total = outputs[0].shape[4];
    let first = 0;
    for (const input of inputs) {
      const x = reals(input);
      const channels = input.shape[4];
      for (let voxel = 0; voxel * channels < x.length; voxel++) {
        for (let c = 0; c < channels; c++) y[voxel * total + first + c] = x[voxel * channels + c];
      }
      first += channels;
    }
  },
  gradient(
    call: Call,
    [dy]: readonly Value[],
    graph: GraphWriter,
    needs: readonly boolean[],
  ): (Value | null)[] {
    let first = 0;
    return call.inputs.map(({ shape }, i) => {
      const range = { first, count: shape[4] };
      first += shape[4];
      return needs[i] ? graph.call(sliceChannels, [dy], range)[0] : null;
    });
  },
  work(call: Call) {
    return workOf(call, 0);
  },
};

/** Appends the concatenation of `values` along their channels. */
export function appendConcatChannels(graph: GraphWriter, values: readonly Value[]): Value {
  return graph.call(concatChannels, values)[0];
}
