/**
 * 3-d convolution (cross-correlation), with an optional prologue and epilogue:
 *
 *   y[b, p, o] = act( bias[o] + sum over taps t and channels i of pre(x[b, p * stride + t - lo, i]) * w[t, i, o] + residual[b, p, o] )
 *
 * Attributes `stride` (default 1) and `padding` ("same", with zeros, or "valid") place the windows; `lo` is the padding
 * before the first voxel (`windows.ts`). Models append the plain form; the fusion passes set the switches.
 */
import { UnsupportedError } from "../errors/errors.ts";
import { elementCount } from "../formats/nd_array.ts";
import { appendConv3dGradients } from "./conv3d_grad.ts";
import { crop, marginOf, widened } from "./crop.ts";
import type { Attributes, Call, GraphWriter, Host, Op } from "./op.ts";
import { describeShape, reals, requireRank, type Shape, type Value, workOf } from "./op.ts";
import { spansOf, windowsOf } from "./windows.ts";

/** Switches of a convolution; all are off in a model as written. */
export interface Conv3dAttributes {
  /** ReLU on every input value as it is loaded. */
  readonly reluInput: boolean;
  /** ReLU on every output value, after bias and residual. */
  readonly reluOutput: boolean;
  /** A fourth input of the shape of the output is added before the output's ReLU. */
  readonly residual: boolean;
  /** Voxels by which the residual is larger at each face: only its middle is added. */
  readonly residualMargin: number;
}

/** Attributes of a call with the defaults filled in. */
export function conv3dAttributes(attributes: Attributes): Conv3dAttributes {
  return {
    reluInput: attributes.reluInput === true,
    reluOutput: attributes.reluOutput === true,
    residual: attributes.residual === true,
    residualMargin: marginOf({ margin: attributes.residualMargin ?? 0 }),
  };
}

function shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
  const { residual, residualMargin } = conv3dAttributes(attributes);
  const expected = residual ? 4 : 3;
  if (inputs.length !== expected) {
    throw new RangeError(
      `Cannot convolve: the call needs ${expected} inputs (x, weights, bias${
        residual ? ", residual" : ""
      }), current number is ${inputs.length}`,
    );
  }
  const [x, weights, bias] = inputs;
  requireRank("convolve x", x, 5);
  requireRank("convolve with weights", weights, 5);
  const [inChannels, outChannels] = weights.slice(3);
  if (x[4] !== inChannels) {
    throw new RangeError(
      `Cannot convolve x ${describeShape(x)}: the weights ${
        describeShape(weights)
      } take ${inChannels} channels, current number is ${x[4]}`,
    );
  }
  if (bias.length !== 1 || bias[0] !== outChannels) {
    throw new RangeError(
      `Cannot convolve: bias must have shape [${outChannels}], current shape is ${
        describeShape(bias)
      }`,
    );
  }
  const spans = spansOf(x.slice(1, 4), weights, windowsOf(attributes));
  const output = [x[0], ...spans.map(({ count }) => count), outChannels];
  const wanted = describeShape(widened(output, residualMargin));
  if (residual && describeShape(inputs[3]) !== wanted) {
    throw new RangeError(
      `Cannot convolve: residual must have the shape of the output ${wanted}, current shape is ${
        describeShape(inputs[3])
      }`,
    );
  }
  return [output];
}

function reference(
  inputs: readonly Host[],
  outputs: readonly Host[],
  attributes: Attributes,
): void {
  const { reluInput, reluOutput, residual, residualMargin } = conv3dAttributes(attributes);
  const { stride } = windowsOf(attributes);
  const [, depth, height, width, ci] = inputs[0].shape;
  const [batch, outDepth, outHeight, outWidth, co] = outputs[0].shape;
  const [kz, ky, kx] = inputs[1].shape;
  const [x, w, bias] = inputs.slice(0, 3).map(reals);
  const y = reals(outputs[0]);
  const add = residual ? y.slice() : null;
  if (add) {
    const middle = { shape: outputs[0].shape, data: add };
    crop.reference([inputs[3]], [middle], { margin: residualMargin });
  }
  const [lz, ly, lx] = spansOf([depth, height, width], [kz, ky, kx], windowsOf(attributes))
    .map(({ before }) => before);
  let at = 0;
  for (let b = 0; b < batch; b++) {
    for (let z = 0; z < outDepth; z++) {
      for (let v = 0; v < outHeight; v++) {
        for (let u = 0; u < outWidth; u++) {
          for (let o = 0; o < co; o++, at++) {
            let sum = bias[o];
            for (let tz = 0; tz < kz; tz++) {
              const iz = z * stride + tz - lz;
              if (iz < 0 || iz >= depth) continue;
              for (let ty = 0; ty < ky; ty++) {
                const iy = v * stride + ty - ly;
                if (iy < 0 || iy >= height) continue;
                for (let tx = 0; tx < kx; tx++) {
                  const ix = u * stride + tx - lx;
                  if (ix < 0 || ix >= width) continue;
                  const from = (((b * depth + iz) * height + iy) * width + ix) * ci;
                  const tap = ((tz * ky + ty) * kx + tx) * ci * co + o;
                  for (let i = 0; i < ci; i++) {
                    const value = x[from + i];
                    sum += (reluInput && value < 0 ? 0 : value) * w[tap + i * co];
                  }
                }
              }
            }
            if (add) sum += add[at];
            y[at] = reluOutput && sum < 0 ? 0 : sum;
          }
        }
      }
    }
  }
}

/** Convolution op: inputs x `[batch, z, y, x, in]`, weights `[z, y, x, in, out]`, bias `[out]`, and a residual where asked for. */
export const conv3d: Op = {
  name: "conv3d",
  shapes,
  reference,
  gradient(
    call: Call,
    [dy]: readonly Value[],
    graph: GraphWriter,
    needs: readonly boolean[],
  ): (Value | null)[] {
    const { reluInput, reluOutput, residual } = conv3dAttributes(call.attributes);
    if (!reluInput && !reluOutput && !residual) {
      return appendConv3dGradients(call, dy, graph, needs);
    }
    throw new UnsupportedError(
      "Cannot differentiate a fused convolution: take the gradient of the graph before fusions",
    );
  },
  work(call: Call) {
    const taps = elementCount(call.inputs[1].shape.slice(0, 4));
    return workOf(call, 2 * taps * elementCount(call.outputs[0].shape));
  },
};

/**
 * Appends a plain convolution of x `[batch, z, y, x, in]` with weights `[z, y, x, in, out]` and bias `[out]`.
 *
 * @param attributes `stride` and `padding`, by default 1 and "same".
 */
export function appendConv3d(
  graph: GraphWriter,
  x: Value,
  weights: Value,
  bias: Value,
  attributes: Attributes = {},
): Value {
  return graph.call(conv3d, [x, weights, bias], attributes)[0];
}
