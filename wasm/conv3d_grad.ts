/** Gradients of convolutions: that of the input is a convolution with flipped weights, that of the weights a sum over voxels. */
import { conv3d as forward } from "../engine/ops/conv3d.ts";
import {
  conv3dInputGrad as inputOp,
  conv3dWeightGrad as weightOp,
} from "../engine/ops/conv3d_grad.ts";
import { elementCount } from "../engine/formats/nd_array.ts";
import type { Call, Value } from "../engine/ops/op.ts";
import { conv3d } from "./conv3d.ts";
import { directGradHalo, launchDirectGrad } from "./conv3d_weight_grad.ts";
import {
  launchWinogradGrad,
  winogradGradFits,
  winogradGradHalos,
} from "./conv3d_weight_grad_winograd.ts";
import { FLOAT_BYTES } from "./layout.ts";
import { type Launcher, offsetBy } from "./launcher.ts";

/** The convolution that gives the gradient of an input; its weights and bias are no values of the graph. */
function flippedCall(call: Call): Call {
  const [dy, weights] = call.inputs;
  const [kz, ky, kx, ci, co] = weights.shape;
  const derived = (id: number, shape: number[]): Value => ({ ...weights, id, shape });
  return {
    op: forward,
    inputs: [dy, derived(-1, [kz, ky, kx, co, ci]), derived(-2, [ci])],
    outputs: call.outputs,
    attributes: {},
  };
}

/** Gradient of the input. */
export const conv3dInputGrad: Launcher = {
  op: inputOp.name,
  refuse: ({ inputs: [, weights] }) =>
    weights.shape.slice(0, 3).every((n) => n % 2 === 1) ? null : "its kernel has an even size",
  halo: (call, surroundings) => conv3d.halo!(flippedCall(call), surroundings),
  launch(call, context) {
    const flipped = flippedCall(call);
    const [, weights] = call.inputs;
    const [, flippedWeights, zeroBias] = flipped.inputs;
    const [ci, co] = weights.shape.slice(3);
    const sizeBytes = elementCount(weights.shape) * FLOAT_BYTES;
    const place = context.derive([weights], sizeBytes + ci * FLOAT_BYTES, (to) => ({
      kernel: "flip_conv3d",
      args: [
        elementCount(weights.shape.slice(0, 3)),
        ci,
        co,
        context.place(weights),
        to,
        offsetBy(to, sizeBytes),
      ],
      items: elementCount(weights.shape.slice(0, 3)),
    }));
    conv3d.launch(flipped, {
      ...context,
      place: (value) =>
        value === flippedWeights
          ? place
          : value === zeroBias
          ? offsetBy(place, sizeBytes)
          : context.place(value),
      derive: (_from, bytes, step) => context.derive([weights], bytes, step),
    });
  },
};

/** Gradients of weights and bias. */
export const conv3dWeightGrad: Launcher = {
  op: weightOp.name,
  halo: (call, surroundings) =>
    winogradGradFits(call, surroundings) ? winogradGradHalos(call).x : directGradHalo(call),
  secondHalo: (call, surroundings) =>
    winogradGradFits(call, surroundings) ? winogradGradHalos(call).dy : null,
  launch(call, context) {
    if (winogradGradFits(call, context)) launchWinogradGrad(call, context);
    else launchDirectGrad(call, context);
  },
};
