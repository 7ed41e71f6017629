/** The loss of a training step and its gradient, on arrays of one layout. */
import { elementCount } from "../engine/formats/nd_array.ts";
import {
  type DeviceProfile,
  floatBits,
  groupsFor,
  type Launcher,
  type Operand,
  type PlacedCall,
  type Plan,
  words,
  WORKGROUP,
} from "./kernel.ts";
import { layoutKey, sizeBytes } from "./layout.ts";
import { splitsOf, sumParts } from "./reduction.ts";
import loss from "./sigmoid_cross_entropy.wgsl" with { type: "text" };
import gradient from "./sigmoid_cross_entropy_grad.wgsl" with { type: "text" };

const INPUTS = [0, 1, 2].map((index): { operand: Operand } => ({
  operand: { kind: "input", index },
}));
const OUTPUT: Operand = { kind: "output", index: 0 };
const PARTS: Operand = { kind: "scratch", name: "parts" };

/** Elements in memory, and the share of one in the mean. */
function extent({ call, inputs: [logits] }: PlacedCall): { elements: number; scale: number } {
  return {
    elements: sizeBytes(logits) / 4,
    scale: floatBits(1 / elementCount(call.inputs[0].shape)),
  };
}

function isAligned(placed: PlacedCall, profile: DeviceProfile): boolean {
  const [logits, ...others] = placed.inputs;
  return logits.real === "f32" && others.every((l) => layoutKey(l) === layoutKey(logits)) &&
    groupsFor(extent(placed).elements) <= profile.maxWorkgroups;
}

/** The mean loss. */
export const sigmoidCrossEntropyLauncher: Launcher = {
  variants: [{
    name: "flat",
    supports: isAligned,
    plan(placed, profile): Plan {
      const { elements, scale } = extent(placed);
      const each = { bytes: 4, threads: WORKGROUP };
      const splits = splitsOf(elements, 4 * WORKGROUP, each, profile);
      const label = "sigmoid_cross_entropy";
      return {
        scratch: { parts: 4 * splits.count },
        packed: {},
        prepare: [],
        launches: [{
          label,
          source: loss,
          constants: {},
          bindings: [...INPUTS, { operand: PARTS, write: true }],
          params: words(elements, splits.size, scale),
          workgroups: [splits.count, 1, 1],
        }, sumParts(label, { parts: PARTS, y: OUTPUT }, splits, [1, 1, 1])],
      };
    },
  }],
};

/** The gradient of the mean loss by the logits. */
export const sigmoidCrossEntropyGradLauncher: Launcher = {
  variants: [{
    name: "flat",
    supports: (placed, profile) =>
      isAligned(placed, profile) && layoutKey(placed.outputs[0]) === layoutKey(placed.inputs[0]),
    plan(placed): Plan {
      const { elements, scale } = extent(placed);
      return {
        scratch: {},
        packed: {},
        prepare: [],
        launches: [{
          label: "sigmoid_cross_entropy_grad",
          source: gradient,
          constants: {},
          bindings: [...INPUTS, { operand: OUTPUT, write: true }],
          params: words(elements, scale),
          workgroups: [groupsFor(elements), 1, 1],
        }],
      };
    },
  }],
};
