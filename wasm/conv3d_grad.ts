/** Gradients of convolutions: that of the input is a convolution with flipped weights, that of the weights a sum over voxels. */
import { conv3d as forward } from "../engine/ops/conv3d.ts";
import {
  conv3dInputGrad as inputOp,
  conv3dWeightGrad as weightOp,
  inputGradAttributes,
} from "../engine/ops/conv3d_grad.ts";
import { keepsSize } from "../engine/ops/windows.ts";
import { elementCount } from "../engine/formats/nd_array.ts";
import type { Call, Value } from "../engine/ops/op.ts";
import { binary } from "./binary.ts";
import { directHalo, launchDirect as launchDirectConvolution } from "./conv3d.ts";
import { directGradHalo, launchDirectGrad } from "./conv3d_weight_grad.ts";
import {
  launchWinogradGrad,
  winogradGradFits,
  winogradGradHalos,
} from "./conv3d_weight_grad_winograd.ts";
import { launchWinograd, winogradFits, winogradHalo } from "./conv3d_winograd.ts";
import { FLOAT_BYTES } from "./layout.ts";
import { type CallSurroundings, type LaunchContext, type Launcher, offsetBy } from "./launcher.ts";
import { unaryGrad } from "./unary_grad.ts";

/** The convolution that gives the gradient of an input; its weights and bias are no values of the graph. */
function flippedCall(call: Call): Call {
  const [dy, weights] = call.inputs;
  const { residual } = inputGradAttributes(call.attributes);
  const [kz, ky, kx, ci, co] = weights.shape;
  const derived = (id: number, shape: number[]): Value => ({ ...weights, id, shape });
  const inputs = [dy, derived(-1, [kz, ky, kx, co, ci]), derived(-2, [ci])];
  return {
    op: forward,
    inputs: residual ? [...inputs, call.inputs.at(-1)!] : inputs,
    outputs: call.outputs,
    attributes: {},
  };
}

function maskOf({ inputs, attributes }: Call): Value | undefined {
  return inputGradAttributes(attributes).masked ? inputs[2] : undefined;
}

/** Direct summation, then mask and residual one after the other. */
function launchDirect(call: Call, flipped: Call, context: LaunchContext): void {
  launchDirectConvolution({ ...flipped, inputs: flipped.inputs.slice(0, 3) }, context);
  const [dx] = call.outputs;
  const mask = maskOf(call);
  const attributes = { function: "relu" };
  if (mask) unaryGrad.launch({ ...call, inputs: [mask, dx], attributes }, context);
  if (flipped.inputs.length < 4) return;
  binary.launch(
    { ...call, inputs: [dx, flipped.inputs[3]], attributes: { function: "add" } },
    context,
  );
}

const INSIDE: CallSurroundings = { isBound: () => false };

/** Gradient of the input. */
export const conv3dInputGrad: Launcher = {
  op: inputOp.name,
  refuse: ({ inputs: [, weights], attributes }) =>
    !keepsSize(attributes)
      ? "its windows have no kernel yet"
      : weights.shape.slice(0, 3).every((n) => n % 2 === 1)
      ? null
      : "its kernel has an even size",
  halo: (call, surroundings) => {
    const flipped = flippedCall(call);
    return winogradFits(flipped, surroundings, maskOf(call))
      ? winogradHalo(flipped)
      : directHalo(flipped);
  },
  // Direct summation writes dx before it reads the residual. With whole vectors of channels no binding can call for it.
  inPlace: (call) => {
    const flipped = flippedCall(call);
    if (call.inputs[1].shape[3] % 4 !== 0) return [];
    const kept = flipped.inputs.slice(3).filter((v) => v !== call.inputs[0] && v !== maskOf(call));
    return winogradFits(flipped, INSIDE) ? kept : [];
  },
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
    const onFlipped: LaunchContext = {
      ...context,
      place: (value) =>
        value === flippedWeights
          ? place
          : value === zeroBias
          ? offsetBy(place, sizeBytes)
          : context.place(value),
      derive: (_from, bytes, step) => context.derive([weights], bytes, step),
    };
    const mask = maskOf(call);
    if (winogradFits(flipped, context, mask)) launchWinograd(flipped, onFlipped, mask);
    else launchDirect(call, flipped, onFlipped);
  },
};

/** Gradients of weights and bias. */
export const conv3dWeightGrad: Launcher = {
  op: weightOp.name,
  refuse: ({ attributes }) => keepsSize(attributes) ? null : "its windows have no kernel yet",
  halo: (call, surroundings) =>
    winogradGradFits(call, surroundings) ? winogradGradHalos(call).x : directGradHalo(call),
  secondHalo: (call, surroundings) =>
    winogradGradFits(call, surroundings) ? winogradGradHalos(call).dy : null,
  launch(call, context) {
    if (winogradGradFits(call, context)) launchWinogradGrad(call, context);
    else launchDirectGrad(call, context);
  },
};
