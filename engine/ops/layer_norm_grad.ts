/**
 * Gradients of layer normalisation. With n = (x - mean) / sqrt(var + epsilon) and g = dy * scale, per voxel over its
 * channels:
 *
 *   dx     = (g - mean(g) - n * mean(g * n)) / sqrt(var + epsilon)
 *   dscale = sum over voxels of dy * n
 *   dbias  = sum over voxels of dy
 */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, Host, Op, Shape } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";

/** flax's, and that of `layer_norm`. */
const DEFAULT_EPSILON = 1e-6;

/** Epsilon of a call. */
export function gradEpsilon({ epsilon = DEFAULT_EPSILON }: Attributes): number {
  if (typeof epsilon === "number" && epsilon > 0) return epsilon;
  throw new RangeError(`Cannot normalise with epsilon ${epsilon}: it must be a number above 0`);
}

/** Inputs x and dy `[batch, z, y, x, channel]` and scale `[channel]`; outputs dx, dscale and dbias. */
export const layerNormGrad: Op = {
  name: "layer_norm_grad",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    gradEpsilon(attributes);
    const [x, dy, scale] = inputs;
    requireRank("compute the gradient of a normalisation", x, 5);
    if (describeShape(x) !== describeShape(dy) || scale.length !== 1 || scale[0] !== x[4]) {
      throw new RangeError(
        `Cannot compute the gradient of a normalisation: x and dy must have one shape and scale its channels, current shapes are ${
          inputs.map(describeShape).join(", ")
        }`,
      );
    }
    return [x, scale, scale];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const epsilon = gradEpsilon(attributes);
    const [x, dy, scale] = inputs.map(reals);
    const dx = reals(outputs[0]);
    const channels = scale.length;
    const [dscale, dbias] = [new Float64Array(channels), new Float64Array(channels)];
    for (let first = 0; first < x.length; first += channels) {
      let mean = 0, variance = 0, meanG = 0, meanGN = 0;
      for (let c = 0; c < channels; c++) mean += x[first + c] / channels;
      for (let c = 0; c < channels; c++) variance += (x[first + c] - mean) ** 2 / channels;
      const inverse = 1 / Math.sqrt(variance + epsilon);
      const n = (c: number) => (x[first + c] - mean) * inverse;
      for (let c = 0; c < channels; c++) {
        const g = dy[first + c] * scale[c];
        meanG += g / channels;
        meanGN += g * n(c) / channels;
        dscale[c] += dy[first + c] * n(c);
        dbias[c] += dy[first + c];
      }
      for (let c = 0; c < channels; c++) {
        dx[first + c] = (dy[first + c] * scale[c] - meanG - n(c) * meanGN) * inverse;
      }
    }
    reals(outputs[1]).set(dscale);
    reals(outputs[2]).set(dbias);
  },
  work(call: Call) {
    return workOf(call, 16 * elementCount(call.outputs[0].shape));
  },
};
