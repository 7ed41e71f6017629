import type { Call } from "../engine/ops/op.ts";
import { kernelAttribute } from "../engine/ops/windows.ts";
import { windowWords } from "./conv3d_call.ts";
import { fitsGrid, grid } from "./elementwise.ts";
import { type Launcher, type Operand, words } from "./kernel.ts";
import { type Layout, layoutWords } from "./layout.ts";
import source from "./pool3d.wgsl" with { type: "text" };
import gradSource from "./pool3d_grad.wgsl" with { type: "text" };

const Y: Operand = { kind: "output", index: 0 };

const input = (index: number): { operand: Operand } => ({ operand: { kind: "input", index } });

/** Sizes of what is pooled and of x, and the windows. */
function windowParams({ attributes }: Call, x: Layout, y: Layout): number[] {
  const kernel = kernelAttribute(attributes);
  return [y.z, y.y, y.x, x.z, x.y, x.x, ...kernel, ...windowWords(x, kernel, attributes)];
}

/** Maxima over windows. */
export const pool3dLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: (placed, profile) => placed.inputs[0].real === "f32" && fitsGrid(placed, profile),
    plan: ({ call, inputs: [x], outputs: [y] }) => ({
      scratch: {},
      packed: {},
      prepare: [],
      launches: [{
        label: "pool3d",
        source,
        constants: {},
        bindings: [input(0), { operand: Y, write: true }],
        params: words(...windowParams(call, x, y), ...[x, y].flatMap(layoutWords)),
        workgroups: grid(y),
      }],
    }),
  }],
};

/** Their gradient: each voxel of x asks the windows that see it. */
export const pool3dGradLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: (placed, profile) => placed.inputs[0].real === "f32" && fitsGrid(placed, profile),
    plan: ({ call, inputs: [x, dy], outputs: [dx] }) => ({
      scratch: {},
      packed: {},
      prepare: [],
      launches: [{
        label: "pool3d_grad",
        source: gradSource,
        constants: {},
        bindings: [input(0), input(1), { operand: Y, write: true }],
        params: words(...windowParams(call, x, dy), ...[x, dy, dx].flatMap(layoutWords)),
        workgroups: grid(dx),
      }],
    }),
  }],
};
