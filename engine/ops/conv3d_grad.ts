/**
 * Gradients of the plain convolution y = conv3d(x, w, bias), stride 1, zero SAME padding:
 *
 *   dx[b, p, i]    = sum over taps t and channels o of dy[b, p - t + lo, o] * w[t, i, o]
 *   dw[t, i, o]    = sum over b and p of x[b, p + t - lo, i] * dy[b, p, o]
 *   dbias[o]       = sum over b and p of dy[b, p, o]
 */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";
import { samePadding } from "./same_padding.ts";

/** Calls `use` with each pair of an output voxel and a tap that reads inside the input, as voxel and tap numbers. */
function eachTap(
  [batch, depth, height, width]: Shape,
  [kz, ky, kx]: Shape,
  use: (output: number, tap: number, input: number) => void,
): void {
  const [lz, ly, lx] = [kz, ky, kx].map((k) => samePadding(k).before);
  for (let b = 0, output = 0; b < batch; b++) {
    for (let z = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, output++) {
          for (let tap = 0; tap < kz * ky * kx; tap++) {
            const iz = z + Math.floor(tap / ky / kx) - lz;
            const iy = y + Math.floor(tap / kx) % ky - ly;
            const ix = x + tap % kx - lx;
            const inside = iz >= 0 && iz < depth && iy >= 0 && iy < height && ix >= 0 && ix < width;
            if (inside) use(output, tap, ((b * depth + iz) * height + iy) * width + ix);
          }
        }
      }
    }
  }
}

/** Switches of the gradient of an input; both are off in what `appendGradients` writes, the fusion passes set them. */
export interface InputGradAttributes {
  /** A further input of the shape of dx: where it is not above 0, dx is 0, as behind a ReLU. */
  readonly masked: boolean;
  /** A last input of the shape of dx that is added. */
  readonly residual: boolean;
}

/** Attributes of a call with the defaults filled in. */
export function inputGradAttributes(attributes: Attributes): InputGradAttributes {
  return { masked: attributes.masked === true, residual: attributes.residual === true };
}

/**
 * Inputs dy `[batch, z, y, x, out]` and weights `[z, y, x, in, out]`, then mask and residual where asked for; output dx
 * `[batch, z, y, x, in]`.
 */
export const conv3dInputGrad: Op = {
  name: "conv3d_input_grad",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    const [dy, weights, ...more] = inputs;
    requireRank("convolve dy", dy, 5);
    requireRank("convolve with weights", weights, 5);
    if (dy[4] !== weights[4]) {
      throw new RangeError(
        `Cannot convolve dy ${describeShape(dy)}: the weights ${describeShape(weights)} give ${
          weights[4]
        } channels, current number is ${dy[4]}`,
      );
    }
    const dx = [...dy.slice(0, 4), weights[3]];
    const { masked, residual } = inputGradAttributes(attributes);
    const wanted = Number(masked) + Number(residual);
    if (more.length !== wanted || more.some((s) => describeShape(s) !== describeShape(dx))) {
      throw new RangeError(
        `Cannot convolve dy: mask and residual must be ${wanted} inputs of shape ${
          describeShape(dx)
        }, current are ${more.map(describeShape).join(", ") || "none"}`,
      );
    }
    return [dx];
  },
  reference(
    inputs: readonly Host[],
    outputs: readonly Host[],
    attributes: Attributes,
  ): void {
    const [dy, w, ...more] = inputs.map(reals);
    const [ci, co] = inputs[1].shape.slice(3);
    const sums = new Float64Array(elementCount(outputs[0].shape));
    eachTap(inputs[0].shape, inputs[1].shape, (output, tap, input) => {
      for (let i = 0; i < ci; i++) {
        for (let o = 0; o < co; o++) {
          sums[input * ci + i] += dy[output * co + o] * w[(tap * ci + i) * co + o];
        }
      }
    });
    const { masked, residual } = inputGradAttributes(attributes);
    if (masked) more[0].forEach((value, i) => value > 0 ? undefined : sums[i] = 0);
    if (residual) more.at(-1)!.forEach((value, i) => sums[i] += value);
    reals(outputs[0]).set(sums);
  },
  work(call: Call) {
    const taps = elementCount(call.inputs[1].shape.slice(0, 4));
    return workOf(call, 2 * taps * elementCount(call.inputs[0].shape));
  },
};

/** Taps of the kernel, zyx. */
export function kernelAttribute(attributes: Attributes): readonly [number, number, number] {
  const { kernel } = attributes;
  const isKernel = Array.isArray(kernel) && kernel.length === 3 &&
    kernel.every((n) => Number.isSafeInteger(n) && n >= 1);
  if (isKernel) return kernel as [number, number, number];
  throw new RangeError(
    `Cannot compute the gradient of weights: kernel must be three sizes zyx, current value is ${kernel}`,
  );
}

/**
 * Inputs x `[batch, z, y, x, in]` and dy `[batch, z, y, x, out]`, attributes `kernel` (zyx) and `reluInput` (x counts as
 * max(x, 0); a fusion pass sets it); outputs dw `[z, y, x, in, out]` and dbias `[out]`.
 */
export const conv3dWeightGrad: Op = {
  name: "conv3d_weight_grad",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    const [x, dy] = inputs;
    requireRank("convolve x", x, 5);
    requireRank("convolve dy", dy, 5);
    if (describeShape(x.slice(0, 4)) !== describeShape(dy.slice(0, 4))) {
      throw new RangeError(
        `Cannot compute the gradient of weights: x and dy must have the same voxels, current shapes are ${
          describeShape(x)
        } and ${describeShape(dy)}`,
      );
    }
    return [[...kernelAttribute(attributes), x[4], dy[4]], [dy[4]]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], { reluInput }: Attributes): void {
    const [given, dy] = inputs.map(reals);
    const x = reluInput === true ? given.map((value) => value < 0 ? 0 : value) : given;
    const [ci, co] = outputs[0].shape.slice(3);
    const sums = new Float64Array(elementCount(outputs[0].shape));
    eachTap(inputs[1].shape, outputs[0].shape, (output, tap, input) => {
      for (let i = 0; i < ci; i++) {
        for (let o = 0; o < co; o++) {
          sums[(tap * ci + i) * co + o] += x[input * ci + i] * dy[output * co + o];
        }
      }
    });
    reals(outputs[0]).set(sums);
    const bias = new Float64Array(co);
    dy.forEach((value, i) => bias[i % co] += value);
    reals(outputs[1]).set(bias);
  },
  work(call: Call) {
    const taps = elementCount(call.outputs[0].shape.slice(0, 4));
    return workOf(call, 2 * taps * elementCount(call.inputs[1].shape));
  },
};

/** Appends the gradients of x, weights and bias of a convolution; that of x only where it is needed. */
export function appendConv3dGradients(
  call: Call,
  dy: Value,
  graph: GraphWriter,
  needsInput: boolean,
): (Value | null)[] {
  const [x, weights] = call.inputs;
  const kernel = weights.shape.slice(0, 3);
  const dx = needsInput ? graph.call(conv3dInputGrad, [dy, weights])[0] : null;
  return [dx, ...graph.call(conv3dWeightGrad, [x, dy], { kernel })];
}
