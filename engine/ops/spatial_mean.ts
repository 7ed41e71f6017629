/** Mean over the voxels of each sample: x `[batch, z, y, x, channel]` to `[batch, channel]`, and its gradient. */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { reals, requireRank, workOf } from "./op.ts";

/** Input dy `[batch, channel]`, attribute `size` (zyx of x); output dx, dy / voxels everywhere. */
export const spatialMeanGrad: Op = {
  name: "spatial_mean_grad",
  shapes([dy]: readonly Shape[], { size }: Attributes): Shape[] {
    requireRank("compute the gradient of a mean", dy, 2);
    if (Array.isArray(size) && size.length === 3) {
      const dx = [dy[0], ...size, dy[1]];
      requireRank("compute the gradient of a mean", dx, 5);
      return [dx];
    }
    throw new RangeError(
      `Cannot compute the gradient of a mean: size must be three extents zyx, current value is ${size}`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[]): void {
    const [dy, dx] = [reals(inputs[0]), reals(outputs[0])];
    const [batch, channels] = inputs[0].shape;
    const sample = dx.length / batch;
    for (let i = 0; i < dx.length; i++) {
      dx[i] = dy[Math.floor(i / sample) * channels + i % channels] * channels / sample;
    }
  },
  work: (call: Call) => workOf(call, elementCount(call.outputs[0].shape)),
};

/** Input x `[batch, z, y, x, channel]`; output `[batch, channel]`. */
export const spatialMean: Op = {
  name: "spatial_mean",
  shapes([x]: readonly Shape[]): Shape[] {
    requireRank("average over voxels", x, 5);
    return [[x[0], x[4]]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[]): void {
    const [x, y] = [reals(inputs[0]), reals(outputs[0])];
    const [batch, channels] = outputs[0].shape;
    const sample = x.length / batch;
    for (let at = 0; at < y.length; at++) {
      const first = Math.floor(at / channels) * sample;
      let sum = 0;
      for (let i = at % channels; i < sample; i += channels) sum += x[first + i];
      y[at] = sum * channels / sample;
    }
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(spatialMeanGrad, [dy], { size: call.inputs[0].shape.slice(1, 4) }),
  work: (call: Call) => workOf(call, elementCount(call.inputs[0].shape)),
};

/** Appends the mean over the voxels of x `[batch, z, y, x, channel]`: `[batch, channel]`. */
export function appendSpatialMean(graph: GraphWriter, x: Value): Value {
  return graph.call(spatialMean, [x])[0];
}
