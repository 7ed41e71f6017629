/**
 * Gradients of the plain convolution y = conv3d(x, w, bias):
 *
 *   dx[b, q, i]    = sum over voxels p, taps t with p * stride + t - lo = q, and channels o of dy[b, p, o] * w[t, i, o]
 *   dw[t, i, o]    = sum over b and p of x[b, p * stride + t - lo, i] * dy[b, p, o]
 *   dbias[o]       = sum over b and p of dy[b, p, o]
 *
 * Attributes `stride` and `padding` are those of the convolution.
 */
import { elementCount } from "../formats/nd_array.ts";
import { embed, marginOf, widened } from "./crop.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";
import { keepsSize, kernelAttribute, spansOf, type Windows, windowsOf } from "./windows.ts";

/** Calls `use` with each pair of an output voxel and a tap that reads inside the input, as voxel and tap numbers. */
function eachTap(
  [batch, depth, height, width]: Shape,
  [kz, ky, kx]: Shape,
  windows: Windows,
  use: (output: number, tap: number, input: number) => void,
): void {
  const { stride } = windows;
  const [z, y, x] = spansOf([depth, height, width], [kz, ky, kx], windows);
  for (let b = 0, output = 0; b < batch; b++) {
    for (let p = 0; p < z.count * y.count * x.count; p++, output++) {
      const first = [
        Math.floor(p / (y.count * x.count)) * stride - z.before,
        Math.floor(p / x.count) % y.count * stride - y.before,
        p % x.count * stride - x.before,
      ];
      for (let tap = 0; tap < kz * ky * kx; tap++) {
        const iz = first[0] + Math.floor(tap / ky / kx);
        const iy = first[1] + Math.floor(tap / kx) % ky;
        const ix = first[2] + tap % kx;
        const inside = iz >= 0 && iz < depth && iy >= 0 && iy < height && ix >= 0 && ix < width;
        if (inside) use(output, tap, ((b * depth + iz) * height + iy) * width + ix);
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
  /** Voxels by which the residual is smaller at each face: it is added in the middle. */
  readonly residualMargin: number;
}

/** Attributes of a call with the defaults filled in. */
export function inputGradAttributes(attributes: Attributes): InputGradAttributes {
  return {
    masked: attributes.masked === true,
    residual: attributes.residual === true,
    residualMargin: marginOf({ margin: attributes.residualMargin ?? 0 }),
  };
}

/** Size of dx, zyx: the attribute `size`, which only a convolution that keeps its size may leave out. */
function inputSize(dy: Shape, weights: Shape, attributes: Attributes): readonly number[] {
  const { size = keepsSize(attributes) ? dy.slice(1, 4) : null } = attributes;
  if (Array.isArray(size) && size.length === 3) {
    const counts = spansOf(size, weights, windowsOf(attributes)).map(({ count }) => count);
    if (counts.every((count, axis) => count === dy[1 + axis])) return size;
    throw new RangeError(
      `Cannot convolve dy ${describeShape(dy)}: an input of size ${
        describeShape(size)
      } has an output of size ${describeShape(counts)}`,
    );
  }
  throw new RangeError(
    `Cannot convolve dy: size must be the three extents zyx of the input, current value is ${size}`,
  );
}

/**
 * Inputs dy `[batch, z, y, x, out]` and weights `[z, y, x, in, out]`, then mask and residual where asked for; attribute
 * `size` (zyx of dx) unless stride is 1 and padding "same"; output dx `[batch, z, y, x, in]`.
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
    const dx = [dy[0], ...inputSize(dy, weights, attributes), weights[3]];
    const { masked, residual, residualMargin } = inputGradAttributes(attributes);
    const wanted = [
      ...masked ? [dx] : [],
      ...residual ? [widened(dx, -residualMargin)] : [],
    ].map(describeShape);
    if (wanted.join() !== more.map(describeShape).join()) {
      throw new RangeError(
        `Cannot convolve dy: mask and residual must have the shapes ${
          wanted.join(", ") || "of none"
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
    eachTap(outputs[0].shape, inputs[1].shape, windowsOf(attributes), (output, tap, input) => {
      for (let i = 0; i < ci; i++) {
        for (let o = 0; o < co; o++) {
          sums[input * ci + i] += dy[output * co + o] * w[(tap * ci + i) * co + o];
        }
      }
    });
    const { masked, residual, residualMargin } = inputGradAttributes(attributes);
    if (masked) more[0].forEach((value, i) => value > 0 ? undefined : sums[i] = 0);
    if (residual) {
      const added = { shape: outputs[0].shape, data: new Float64Array(sums.length) };
      embed.reference([inputs.at(-1)!], [added], { margin: residualMargin });
      added.data.forEach((value, i) => sums[i] += value);
    }
    reals(outputs[0]).set(sums);
  },
  work(call: Call) {
    const taps = elementCount(call.inputs[1].shape.slice(0, 4));
    return workOf(call, 2 * taps * elementCount(call.inputs[0].shape));
  },
};

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
    const kernel = kernelAttribute(attributes);
    const spans = spansOf(x.slice(1, 4), kernel, windowsOf(attributes));
    const wanted = [x[0], ...spans.map(({ count }) => count), dy[4]];
    if (describeShape(wanted) !== describeShape(dy)) {
      throw new RangeError(
        `Cannot compute the gradient of weights: the convolution of x ${describeShape(x)} gives ${
          describeShape(wanted)
        }, current shape of dy is ${describeShape(dy)}`,
      );
    }
    return [[...kernel, x[4], dy[4]], [dy[4]]];
  },
  reference(
    inputs: readonly Host[],
    outputs: readonly Host[],
    attributes: Attributes,
  ): void {
    const [given, dy] = inputs.map(reals);
    const x = attributes.reluInput === true ? given.map((value) => value < 0 ? 0 : value) : given;
    const [ci, co] = outputs[0].shape.slice(3);
    const sums = new Float64Array(elementCount(outputs[0].shape));
    eachTap(inputs[0].shape, outputs[0].shape, windowsOf(attributes), (output, tap, input) => {
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

/** Appends the gradients of x, weights and bias of a convolution, of which `needs` says which are wanted. */
export function appendConv3dGradients(
  call: Call,
  dy: Value,
  graph: GraphWriter,
  [needsInput, ...needsWeights]: readonly boolean[],
): (Value | null)[] {
  const [x, weights] = call.inputs;
  const { stride = 1, padding = "same" } = call.attributes;
  const kept = keepsSize(call.attributes);
  const windows: Attributes = kept ? {} : { stride, padding };
  const size: Attributes = kept ? {} : { size: x.shape.slice(1, 4) };
  const kernel = weights.shape.slice(0, 3);
  const dx = needsInput
    ? graph.call(conv3dInputGrad, [dy, weights], { ...windows, ...size })[0]
    : null;
  return needsWeights.includes(true)
    ? [dx, ...graph.call(conv3dWeightGrad, [x, dy], { kernel, ...windows })]
    : [dx, null, null];
}
