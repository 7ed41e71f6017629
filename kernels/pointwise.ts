/** Element-wise ops beside the families: linear maps, dropout, and mean errors with their gradients; arrays of any layout. */
import { elementCount } from "../engine/formats/nd_array.ts";
import { affineConstants } from "../engine/ops/affine.ts";
import { dropoutAttributes, keepThreshold, streamKey } from "../engine/ops/dropout.ts";
import { errorAttributes } from "../engine/ops/mean_error.ts";
import affineSource from "./affine.wgsl" with { type: "text" };
import dropoutSource from "./dropout.wgsl" with { type: "text" };
import { fitsGrid, grid } from "./elementwise.ts";
import { floatBits, type Launch, type Launcher, type Operand, words, WORKGROUP } from "./kernel.ts";
import { type Layout, layoutWords, voxelCount } from "./layout.ts";
import errorSource from "./mean_error.wgsl" with { type: "text" };
import errorGradSource from "./mean_error_grad.wgsl" with { type: "text" };
import { splitsOf, sumParts } from "./reduction.ts";

const Y: Operand = { kind: "output", index: 0 };
const PARTS: Operand = { kind: "scratch", name: "parts" };

const input = (index: number): { operand: Operand } => ({ operand: { kind: "input", index } });

/** An op of one launch, a thread per voxel and channel. */
function elementwise(launchFor: (placed: Parameters<typeof fitsGrid>[0]) => Launch): Launcher {
  return {
    variants: [{
      name: "generic",
      supports: (placed, profile) =>
        [...placed.inputs, ...placed.outputs].every(({ real }) => real === "f32") &&
        fitsGrid(placed, profile),
      plan: (placed) => ({
        scratch: {},
        packed: {},
        prepare: [],
        launches: [launchFor(placed)],
      }),
    }],
  };
}

function size({ z, y, x }: Layout): [number, number, number] {
  return [z, y, x];
}

/** y = scale * x + shift. */
export const affineLauncher: Launcher = elementwise(({ call, inputs: [x], outputs: [y] }) => {
  const { scale, shift } = affineConstants(call.attributes);
  return {
    label: "affine",
    source: affineSource,
    constants: {},
    bindings: [input(0), { operand: Y, write: true }],
    params: words(...size(y), ...[x, y].flatMap(layoutWords), ...[scale, shift].map(floatBits)),
    workgroups: grid(y),
  };
});

/** Elements that a hash keeps. */
export const dropoutLauncher: Launcher = elementwise(({ call, inputs: [x], outputs: [y] }) => {
  const { keep, stream } = dropoutAttributes(call.attributes);
  return {
    label: "dropout",
    source: dropoutSource,
    constants: {},
    bindings: [input(0), input(1), { operand: Y, write: true }],
    params: words(
      ...[...size(y), y.channels, ...[x, y].flatMap(layoutWords)],
      ...[keepThreshold(keep), streamKey(stream), floatBits(1 / keep)],
    ),
    workgroups: grid(y),
  };
});

/** Gradient of a mean error. */
export const meanErrorGradLauncher: Launcher = elementwise(({ call, inputs, outputs: [da] }) => {
  const { name, weight } = errorAttributes(call.attributes);
  const slope = name === "absolute" ? 1 : 2;
  return {
    label: "mean_error_grad",
    source: errorGradSource,
    constants: { SQUARED: name === "squared" },
    bindings: [input(0), input(1), { operand: Y, write: true }],
    params: words(
      ...[...size(da), ...[...inputs, da].flatMap(layoutWords)],
      floatBits(slope * weight / elementCount(call.outputs[0].shape)),
    ),
    workgroups: grid(da),
  };
});

/** Mean of absolute or squared differences, in parts. */
export const meanErrorLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: ({ inputs }) => inputs.every(({ real }) => real === "f32"),
    plan({ call, inputs }, profile) {
      const [a] = inputs;
      const { name, weight } = errorAttributes(call.attributes);
      const elements = a.batch * voxelCount(a) * a.channels;
      const each = { bytes: 4, threads: WORKGROUP };
      const splits = splitsOf(elements, 4 * WORKGROUP, each, profile);
      const label = "mean_error";
      return {
        scratch: { parts: 4 * splits.count },
        packed: {},
        prepare: [],
        launches: [{
          label,
          source: errorSource,
          constants: { SQUARED: name === "squared" },
          bindings: [input(0), input(1), { operand: PARTS, write: true }],
          params: words(
            ...[...size(a), a.channels, elements, splits.size, ...inputs.flatMap(layoutWords)],
            floatBits(weight / elements),
          ),
          workgroups: [splits.count, 1, 1],
        }, sumParts(label, { parts: PARTS, y: Y }, splits, [1, 1, 1])],
      };
    },
  }],
};
