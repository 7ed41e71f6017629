/** Gradients of convolutions: that of the input is convolutions with flipped weights, that of the weights a sum over voxels. */
import { conv3d as forward } from "../engine/ops/conv3d.ts";
import {
  conv3dInputGrad as inputOp,
  conv3dWeightGrad as weightOp,
  inputGradAttributes,
} from "../engine/ops/conv3d_grad.ts";
import { elementCount } from "../engine/formats/nd_array.ts";
import type { Call, Value } from "../engine/ops/op.ts";
import { binary } from "./binary.ts";
import { launchDirect as launchDirectConvolution } from "./conv3d.ts";
import { gradHalo, type Phase, phasesOf } from "./conv3d_phases.ts";
import { directGradHalo, launchDirectGrad } from "./conv3d_weight_grad.ts";
import {
  launchWinogradGrad,
  winogradGradFits,
  winogradGradHalos,
} from "./conv3d_weight_grad_winograd.ts";
import { launchWinograd, winogradFits, winogradHalo } from "./conv3d_winograd.ts";
import { FLOAT_BYTES } from "./layout.ts";
import {
  atFirstTap,
  byStride,
  type CallSurroundings,
  type LaunchContext,
  type Launcher,
  offsetBy,
  type View,
} from "./launcher.ts";
import { unaryGrad } from "./unary_grad.ts";

/** The convolution that gives a phase of the gradient; its weights and bias are no values of the graph. */
function flippedCall(call: Call, { taps }: Phase): Call {
  const [dy, weights] = call.inputs;
  const { residual, residualMargin } = inputGradAttributes(call.attributes);
  const { cpuVariant = "any" } = call.attributes;
  const [ci, co] = weights.shape.slice(3);
  const derived = (id: number, shape: number[]): Value => ({ ...weights, id, shape });
  const inputs = [dy, derived(-1, [...taps, co, ci]), derived(-2, [ci])];
  return {
    op: forward,
    inputs: residual ? [...inputs, call.inputs.at(-1)!] : inputs,
    outputs: call.outputs,
    attributes: { cpuVariant, residualMargin, embedsResidual: true },
  };
}

function maskOf({ inputs, attributes }: Call): Value | undefined {
  return inputGradAttributes(attributes).masked ? inputs[2] : undefined;
}

/** A context in which the weights and bias of a flipped call are what `flip_conv3d` makes. */
function flipIn(context: LaunchContext, call: Call, flipped: Call, phase: Phase): LaunchContext {
  const [, weights] = call.inputs;
  const [, flippedWeights, zeroBias] = flipped.inputs;
  const [ci, co] = weights.shape.slice(3);
  const sizeBytes = elementCount(flippedWeights.shape) * FLOAT_BYTES;
  const place = context.derive([weights], sizeBytes + ci * FLOAT_BYTES, (to) => ({
    kernel: "flip_conv3d",
    args: [
      ...weights.shape.slice(0, 3),
      phase.stride,
      ...phase.firstTap,
      ...phase.taps,
      ci,
      co,
      context.place(weights),
      to,
      offsetBy(to, sizeBytes),
    ],
    items: Math.max(1, elementCount(phase.taps)),
  }));
  return {
    ...context,
    place: (value) =>
      value === flippedWeights
        ? place
        : value === zeroBias
        ? offsetBy(place, sizeBytes)
        : context.place(value),
    derive: (_from, bytes, step) => context.derive([weights], bytes, step),
  };
}

/** Direct summation phase by phase, then mask and residual one after the other. */
function launchDirect(call: Call, context: LaunchContext): void {
  const [dx] = call.outputs;
  const view = context.view(dx);
  for (const phase of phasesOf(call)) {
    const flipped = flippedCall(call, phase);
    launchDirectConvolution(
      { ...flipped, inputs: flipped.inputs.slice(0, 3) },
      flipIn(context, call, flipped, phase),
      { before: phase.before, stride: 1, size: phase.size, y: atPhase(view, phase) },
    );
  }
  const mask = maskOf(call);
  const attributes = { function: "relu" };
  if (mask) unaryGrad.launch({ ...call, inputs: [mask, dx], attributes }, context);
  const { residual, residualMargin: back } = inputGradAttributes(call.attributes);
  if (!residual) return;
  const added = call.inputs.at(-1)!;
  const wide = atFirstTap(context.view(added), [back, back, back]);
  binary.launch(
    { ...call, inputs: [dx, added], attributes: { function: "add" } },
    { ...context, view: (value) => value === added ? wide : context.view(value) },
  );
}

/** The voxels of dx that belong to a phase. */
function atPhase(view: View, { first: [z, y, x], stride }: Phase): View {
  const place = offsetBy(view.place, z * view.slice + y * view.row + x * view.voxel);
  return byStride({ ...view, place }, stride);
}

/** The only phase and its convolution where Winograd's method runs it, else null. */
function winogradOf(
  call: Call,
  surroundings: CallSurroundings,
): { phase: Phase; flipped: Call } | null {
  const phases = phasesOf(call);
  if (phases.length > 1) return null;
  const [phase] = phases;
  const flipped = flippedCall(call, phase);
  return winogradFits(flipped, surroundings, maskOf(call)) ? { phase, flipped } : null;
}

const INSIDE: CallSurroundings = { isBound: () => false };

/** Gradient of the input. */
export const conv3dInputGrad: Launcher = {
  op: inputOp.name,
  halo: (call, surroundings) => {
    const winograd = winogradOf(call, surroundings);
    return winograd ? winogradHalo(winograd.flipped, winograd.phase.before) : gradHalo(call);
  },
  lastHalo: ({ attributes }) => {
    const { residualMargin: m } = inputGradAttributes(attributes);
    return m > 0 ? { before: [m, m, m], after: [m, m, m] } : null;
  },
  plain: { inputs: [1] },
  // Direct summation writes dx before it reads the residual. With whole vectors of channels no binding can call for it.
  inPlace: (call) => {
    const winograd = winogradOf(call, INSIDE);
    if (call.inputs[1].shape[3] % 4 !== 0 || !winograd) return [];
    return winograd.flipped.inputs.slice(3)
      .filter((v) => v !== call.inputs[0] && v !== maskOf(call));
  },
  launch(call, context) {
    const winograd = winogradOf(call, context);
    if (!winograd) return launchDirect(call, context);
    const { phase, flipped } = winograd;
    const inner = flipIn(context, call, flipped, phase);
    launchWinograd(flipped, phase.before, inner, maskOf(call));
  },
};

/** Gradients of weights and bias. */
export const conv3dWeightGrad: Launcher = {
  op: weightOp.name,
  plain: { outputs: [0, 1] },
  halo: (call, surroundings) =>
    winogradGradFits(call, surroundings) ? winogradGradHalos(call).x : directGradHalo(call),
  secondHalo: (call, surroundings) =>
    winogradGradFits(call, surroundings) ? winogradGradHalos(call).dy : null,
  launch(call, context) {
    if (winogradGradFits(call, context)) launchWinogradGrad(call, context);
    else launchDirectGrad(call, context);
  },
};
