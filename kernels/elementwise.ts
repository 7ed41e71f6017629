/** The element-wise families and the joining of channels: kernels that read any layout. */
import { binaryFunction } from "../engine/ops/binary.ts";
import { unaryFunction } from "../engine/ops/unary.ts";
import binarySource from "./binary.wgsl" with { type: "text" };
import concatSource from "./concat_channels.wgsl" with { type: "text" };
import unarySource from "./unary.wgsl" with { type: "text" };
import {
  type DeviceProfile,
  groupsFor,
  type Launch,
  type Launcher,
  type Operand,
  type PlacedCall,
  type Plan,
  words,
} from "./kernel.ts";
import { type Layout, layoutWords, voxelCount } from "./layout.ts";

const UNARY_CODES = { relu: 0, sigmoid: 1 } as const;
const BINARY_CODES = { add: 0, subtract: 1, multiply: 2 } as const;

const Y: Operand = { kind: "output", index: 0 };

function only(...launches: Launch[]): Plan {
  return { scratch: {}, packed: {}, prepare: [], launches };
}

/** One thread per voxel: what a dispatch can span. */
function fitsGrid({ outputs }: PlacedCall, profile: DeviceProfile): boolean {
  return groupsFor(voxelCount(outputs[0])) <= profile.maxWorkgroups;
}

function grid(layout: Layout): [number, number, number] {
  return [groupsFor(voxelCount(layout)), layout.channels, layout.batch];
}

/** Copies all channels of `from` behind the first `first` channels of `to`; both have the same voxels. */
export function copyChannels(
  label: string,
  x: { operand: Operand; layout: Layout },
  y: { operand: Operand; layout: Layout },
  first = 0,
): Launch {
  const { layout } = x;
  return {
    label,
    source: concatSource,
    constants: { RealX: layout.real, RealY: y.layout.real },
    bindings: [{ operand: x.operand }, { operand: y.operand, write: true }],
    params: words(
      ...[layout.z, layout.y, layout.x, first],
      ...layoutWords(layout),
      ...layoutWords(y.layout),
    ),
    workgroups: grid(layout),
  };
}

/** y = f(x). */
export const unaryLauncher: Launcher = {
  variants: [{
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

/** y = f(a, b). */
export const binaryLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: fitsGrid,
    plan({ call, inputs: [a, b], outputs: [y] }): Plan {
      const name = binaryFunction(call.attributes);
      return only({
        label: name,
        source: binarySource,
        constants: { FUNCTION: BINARY_CODES[name], RealA: a.real, RealB: b.real, RealY: y.real },
        bindings: [
          { operand: { kind: "input", index: 0 } },
          { operand: { kind: "input", index: 1 } },
          { operand: Y, write: true },
        ],
        params: words(...[y.z, y.y, y.x], ...[a, b, y].flatMap(layoutWords)),
        workgroups: grid(y),
      });
    },
  }],
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
          first,
        );
        first += layout.channels;
        return launch;
      }));
    },
  }],
};
