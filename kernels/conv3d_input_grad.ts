import { conv3d } from "../engine/ops/conv3d.ts";
import type { Value } from "../engine/ops/op.ts";
import { keepingSize, windowWords } from "./conv3d_call.ts";
import { embeddedVariant } from "./conv3d_valid.ts";
import { blockedVariants } from "./conv3d.ts";
import { windowsInputGrad } from "./conv3d_windows.ts";
import flip from "./conv3d_flip.wgsl" with { type: "text" };
import generic from "./conv3d_input_grad.wgsl" with { type: "text" };
import {
  groupsFor,
  type Launch,
  type Launcher,
  type Operand,
  type PlacedCall,
  type Plan,
  rowsFor,
  type Variant,
  words,
} from "./kernel.ts";
import { layoutWords, plainLayout, voxelCount } from "./layout.ts";

const WEIGHTS: Operand = { kind: "input", index: 1 };
const DX: Operand = { kind: "output", index: 0 };
const FLIPPED: Operand = { kind: "packed", name: "flipped" };

/** The convolution of dy with flipped weights and without a bias that gives dx; exact where the kernel is odd. */
function forwardCall({ call, inputs, outputs }: PlacedCall): PlacedCall {
  const [dy, weights] = call.inputs;
  const [kz, ky, kx, ci, co] = weights.shape;
  const flipped: Value = { ...weights, shape: [kz, ky, kx, co, ci] };
  const bias: Value = { ...weights, shape: [ci] };
  return {
    call: {
      op: conv3d,
      inputs: [dy, flipped, bias],
      outputs: call.outputs,
      attributes: call.attributes,
    },
    inputs: [inputs[0], plainLayout(flipped.shape), plainLayout(bias.shape)],
    outputs,
  };
}

/** Flips the weights and runs a kernel of the forward convolution on them. */
function flippedVariant(forward: Variant): Variant {
  return {
    name: forward.name,
    supports: (placed, profile) =>
      placed.inputs[0].real === "f32" && forward.supports(forwardCall(placed), profile),
    plan(placed, profile): Plan {
      const plan = forward.plan(forwardCall(placed), profile);
      const [kz, ky, kx, ci, co] = placed.call.inputs[1].shape;
      const weights = kz * ky * kx * ci * co;
      const onFlipped = (launch: Launch): Launch => ({
        ...launch,
        label: launch.label.replace("conv3d", "conv3d_input_grad"),
        bindings: launch.bindings.map((b) =>
          b.operand.kind === "input" && b.operand.index === 1 ? { ...b, operand: FLIPPED } : b
        ),
      });
      // The packed bias is left as it was allocated: zeros.
      const packs = plan.prepare.filter(({ bindings }) =>
        !bindings.some(({ operand }) => operand.kind === "input" && operand.index === 2)
      );
      const launch: Launch = {
        label: "conv3d_input_grad flip",
        source: flip,
        constants: {},
        bindings: [{ operand: WEIGHTS }, { operand: FLIPPED, write: true }],
        params: words(kz * ky * kx, ci, co),
        workgroups: rowsFor(weights),
      };
      return {
        scratch: plan.scratch,
        packed: { ...plan.packed, flipped: 4 * weights },
        prepare: [launch, ...packs.map(onFlipped)],
        launches: plan.launches.map(onFlipped),
      };
    },
  };
}

const genericVariant: Variant = {
  name: "generic",
  supports: ({ inputs, outputs }) => inputs[0].real === "f32" && outputs[0].real === "f32",
  plan({ call, inputs: [dy], outputs: [dx] }): Plan {
    const kernel = call.inputs[1].shape;
    const launch: Launch = {
      label: "conv3d_input_grad generic",
      source: generic,
      constants: {},
      bindings: [
        { operand: { kind: "input", index: 0 } },
        { operand: WEIGHTS },
        { operand: DX, write: true },
      ],
      params: words(
        ...[dx.z, dx.y, dx.x, dy.z, dy.y, dy.x, ...kernel],
        ...windowWords(dx, kernel, call.attributes),
        ...layoutWords(dy),
        ...layoutWords(dx),
      ),
      workgroups: [groupsFor(voxelCount(dx)), dx.channels, dx.batch],
    };
    return { scratch: {}, packed: {}, prepare: [], launches: [launch] };
  },
};

const flippedVariants = blockedVariants.map(flippedVariant);

/** Gradient of a convolution by its input. */
export const conv3dInputGradLauncher: Launcher = {
  variants: [
    ...flippedVariants.map(keepingSize),
    ...flippedVariants.map(embeddedVariant(0)),
    flippedVariant(windowsInputGrad),
    genericVariant,
  ],
  plain: { inputs: [1] },
};
