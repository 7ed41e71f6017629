/** The element-wise families, and copies of channels: kernels that read any layout, and one for arrays of the same layout. */
import { binaryFunction } from "../engine/ops/binary.ts";
import { channelRange } from "../engine/ops/slice_channels.ts";
import { unaryFunction } from "../engine/ops/unary.ts";
import binarySource from "./binary.wgsl" with { type: "text" };
import flatSource from "./binary_flat.wgsl" with { type: "text" };
import concatSource from "./concat_channels.wgsl" with { type: "text" };
import reluSource from "./relu_flat.wgsl" with { type: "text" };
import unarySource from "./unary.wgsl" with { type: "text" };
import {
  type DeviceProfile,
  groupsFor,
  type Launch,
  type Launcher,
  type Operand,
  type PlacedCall,
  type Plan,
  type Variant,
  words,
} from "./kernel.ts";
import { isBlocked, type Layout, layoutKey, layoutWords, sizeBytes, voxelCount } from "./layout.ts";

const UNARY_CODES = { relu: 0, sigmoid: 1, leaky_relu: 2, tanh: 3 } as const;
const BINARY_CODES = { add: 0, subtract: 1, multiply: 2 } as const;
/** Gradients of the unary functions, as functions of their results and of what arrived. */
const UNARY_GRAD_CODES = { relu: 3, sigmoid: 4, leaky_relu: 5, tanh: 6 } as const;

const Y: Operand = { kind: "output", index: 0 };

function only(...launches: Launch[]): Plan {
  return { scratch: {}, packed: {}, prepare: [], launches };
}

/** One thread per voxel: what a dispatch can span. */
export function fitsGrid({ outputs }: PlacedCall, profile: DeviceProfile): boolean {
  return groupsFor(voxelCount(outputs[0])) <= profile.maxWorkgroups;
}

/** Workgroups of one thread per voxel and channel. */
export function grid(layout: Layout): [number, number, number] {
  return [groupsFor(voxelCount(layout)), layout.channels, layout.batch];
}

/** Copies `count` channels of `x`, by default all, from channel `xFirst` to channel `first` of `y`; both have the same voxels. */
export function copyChannels(
  label: string,
  x: { operand: Operand; layout: Layout },
  y: { operand: Operand; layout: Layout },
  { first = 0, xFirst = 0, count = x.layout.channels } = {},
): Launch {
  const { layout } = x;
  return {
    label,
    source: concatSource,
    constants: { RealX: layout.real, RealY: y.layout.real },
    bindings: [{ operand: x.operand }, { operand: y.operand, write: true }],
    params: words(
      ...[layout.z, layout.y, layout.x, first, xFirst],
      ...layoutWords(layout),
      ...layoutWords(y.layout),
    ),
    workgroups: [groupsFor(voxelCount(layout)), count, layout.batch],
  };
}

/** Number of vec4 in an array, halo included. */
function vectorsOf(layout: Layout): number {
  return sizeBytes(layout) / (layout.real === "f16" ? 8 : 16);
}

/** Whether all arrays lie alike in vec4, so that a kernel can walk through their memory. */
function isFlat({ inputs, outputs: [y] }: PlacedCall, profile: DeviceProfile): boolean {
  return isBlocked(y) && inputs.every((l) => layoutKey(l) === layoutKey(y)) &&
    groupsFor(vectorsOf(y)) <= profile.maxWorkgroups;
}

/** y = f(x). */
export const unaryLauncher: Launcher = {
  variants: [{
    name: "flat",
    supports: (placed, profile) =>
      unaryFunction(placed.call.attributes) === "relu" && isFlat(placed, profile),
    plan: ({ outputs: [y] }): Plan =>
      only({
        label: "relu",
        source: reluSource,
        constants: { Real: y.real },
        bindings: [{ operand: { kind: "input", index: 0 } }, { operand: Y, write: true }],
        params: words(vectorsOf(y)),
        workgroups: [groupsFor(vectorsOf(y)), 1, 1],
      }),
  }, {
    name: "generic",
    supports: fitsGrid,
    plan({ call, inputs: [x], outputs: [y] }): Plan {
      const name = unaryFunction(call.attributes);
      return only({
        label: name,
        source: unarySource,
        constants: { FUNCTION: UNARY_CODES[name], RealX: x.real, RealY: y.real },
        bindings: [{ operand: { kind: "input", index: 0 } }, { operand: Y, write: true }],
        params: words(...[y.z, y.y, y.x], ...layoutWords(x), ...layoutWords(y)),
        workgroups: grid(y),
      });
    },
  }],
};

/** A function of two arrays, by one vec4 per thread where all three lie alike. */
function binaryVariants(codeOf: (placed: PlacedCall) => number): Variant[] {
  const bindings = [
    { operand: { kind: "input", index: 0 } },
    { operand: { kind: "input", index: 1 } },
    { operand: Y, write: true },
  ] as const;
  return [{
    name: "flat",
    supports: isFlat,
    plan: (placed): Plan => {
      const [y] = placed.outputs;
      return only({
        label: `${placed.call.op.name} ${placed.call.attributes.function}`,
        source: flatSource,
        constants: { FUNCTION: codeOf(placed), Real: y.real },
        bindings,
        params: words(vectorsOf(y)),
        workgroups: [groupsFor(vectorsOf(y)), 1, 1],
      });
    },
  }, {
    name: "generic",
    supports: fitsGrid,
    plan: (placed): Plan => {
      const { call, inputs: [a, b], outputs: [y] } = placed;
      return only({
        label: `${call.op.name} ${call.attributes.function}`,
        source: binarySource,
        constants: {
          FUNCTION: codeOf(placed),
          RealA: a.real,
          RealB: b.real,
          RealY: y.real,
        },
        bindings,
        params: words(...[y.z, y.y, y.x], ...[a, b, y].flatMap(layoutWords)),
        workgroups: grid(y),
      });
    },
  }];
}

/** y = f(a, b). */
export const binaryLauncher: Launcher = {
  variants: binaryVariants(({ call }) => BINARY_CODES[binaryFunction(call.attributes)]),
};

/** dx = dy * f'(x), from y = f(x). */
export const unaryGradLauncher: Launcher = {
  variants: binaryVariants(({ call }) => UNARY_GRAD_CODES[unaryFunction(call.attributes)]),
};

/** Joins its inputs along the channels, one launch each. */
export const concatChannelsLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: fitsGrid,
    plan({ inputs, outputs: [y] }): Plan {
      let first = 0;
      return only(...inputs.map((layout, index) => {
        const launch = copyChannels(
          "concat_channels",
          { operand: { kind: "input", index }, layout },
          { operand: Y, layout: y },
          { first },
        );
        first += layout.channels;
        return launch;
      }));
    },
  }],
};

/** Takes some channels of its input. */
export const sliceChannelsLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: fitsGrid,
    plan({ call, inputs: [layout], outputs: [y] }): Plan {
      const { first, count } = channelRange(call.attributes);
      return only(copyChannels(
        "slice_channels",
        { operand: { kind: "input", index: 0 }, layout },
        { operand: Y, layout: y },
        { xFirst: first, count },
      ));
    },
  }],
};
