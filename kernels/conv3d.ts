import { conv3dAttributes } from "../engine/ops/conv3d.ts";
import columns from "./conv3d_columns.wgsl" with { type: "text" };
import generic from "./conv3d_generic.wgsl" with { type: "text" };
import pointwise from "./conv3d_pointwise.wgsl" with { type: "text" };
import rows from "./conv3d_rows.wgsl" with { type: "text" };
import wide from "./conv3d_wide.wgsl" with { type: "text" };
import {
  hasMargin,
  isBlocked3x3x3,
  keepingSize,
  packBias,
  packedBiasBytes,
  packWeights,
  residualOf,
  switches,
  windowWords,
} from "./conv3d_call.ts";
import { croppedVariant } from "./conv3d_valid.ts";
import { windowsVariant } from "./conv3d_windows.ts";
import {
  fullWinograd,
  fullWinogradBroadcast,
  nestedWinograd,
  nestedWinogradQuad,
} from "./conv3d_winograd.ts";
import {
  groupsFor,
  type Launch,
  type Launcher,
  type Operand,
  type Plan,
  type Variant,
  words,
} from "./kernel.ts";
import { isBlocked, type Layout, layoutWords, voxelCount } from "./layout.ts";

const X: Operand = { kind: "input", index: 0 };
const WEIGHTS: Operand = { kind: "input", index: 1 };
const BIAS: Operand = { kind: "input", index: 2 };
const Y: Operand = { kind: "output", index: 0 };
const PACKED_WEIGHTS: Operand = { kind: "packed", name: "weights" };
const PACKED_BIAS: Operand = { kind: "packed", name: "bias" };

/** A convolution by one kernel that holds `span` voxels of a row or column and `channels` output channels per thread. */
function direct(
  name: string,
  source: string,
  tile: { threads: (y: Layout) => number; channelBlocks: number },
): Variant {
  return {
    name,
    supports: (placed, profile) =>
      isBlocked3x3x3(placed, profile) && placed.outputs[0].blocks % tile.channelBlocks === 0,
    plan(placed): Plan {
      const [x, y] = [placed.inputs[0], placed.outputs[0]];
      const [ci, co] = placed.call.inputs[1].shape.slice(3);
      const pack = packWeights(placed);
      const launch: Launch = {
        label: `conv3d ${name} ${ci}->${co}`,
        source,
        constants: { ...switches(placed), Real: x.real },
        bindings: [
          { operand: X },
          { operand: PACKED_WEIGHTS },
          { operand: PACKED_BIAS },
          { operand: residualOf(placed) },
          { operand: Y, write: true },
        ],
        params: words(y.z, y.y, y.x, x.blocks, y.blocks),
        workgroups: [groupsFor(tile.threads(y)), y.blocks / tile.channelBlocks, y.batch],
      };
      return {
        scratch: {},
        packed: { weights: pack.bytes, bias: packedBiasBytes(co) },
        prepare: [pack.launch, packBias(co)],
        launches: [launch],
      };
    },
  };
}

const pointwiseVariant: Variant = {
  name: "pointwise",
  supports: ({ call, inputs, outputs }) =>
    call.inputs[1].shape.slice(0, 3).every((n) => n === 1) && isBlocked(inputs[0]) &&
    outputs[0].channels === 1,
  plan(placed): Plan {
    const [x, y] = [placed.inputs[0], placed.outputs[0]];
    const { residual } = conv3dAttributes(placed.call.attributes);
    const launch: Launch = {
      label: `conv3d pointwise ${x.channels}->1`,
      source: pointwise,
      constants: { ...switches(placed), Real: x.real },
      bindings: [
        { operand: X },
        { operand: WEIGHTS },
        { operand: BIAS },
        { operand: residual ? residualOf(placed) : BIAS },
        { operand: Y, write: true },
      ],
      params: words(y.z, y.y, y.x, x.channels),
      workgroups: [groupsFor(voxelCount(y)), 1, y.batch],
    };
    return { scratch: {}, packed: {}, prepare: [], launches: [launch] };
  },
};

const genericVariant: Variant = {
  name: "generic",
  supports: (placed) => !hasMargin(placed),
  plan(placed): Plan {
    const [x, y] = [placed.inputs[0], placed.outputs[0]];
    const residual = conv3dAttributes(placed.call.attributes).residual ? placed.inputs[3] : x;
    const [kz, ky, kx, ci, co] = placed.call.inputs[1].shape;
    const launch: Launch = {
      label: `conv3d generic ${ci}->${co}`,
      source: generic,
      constants: {
        ...switches(placed),
        RealX: x.real,
        RealR: residual.real,
        RealY: y.real,
      },
      bindings: [
        { operand: X },
        { operand: WEIGHTS },
        { operand: BIAS },
        { operand: residualOf(placed) },
        { operand: Y, write: true },
      ],
      params: words(
        ...[y.z, y.y, y.x, x.z, x.y, x.x, kz, ky, kx, ci, co],
        ...windowWords(x, [kz, ky, kx], placed.call.attributes),
        ...layoutWords(x),
        ...layoutWords(residual),
        ...layoutWords(y),
      ),
      workgroups: [groupsFor(voxelCount(y)), co, y.batch],
    };
    return { scratch: {}, packed: {}, prepare: [], launches: [launch] };
  },
};

/** Those for 3x3x3 kernels between blocked arrays. */
export const blockedVariants: readonly Variant[] = [
  nestedWinograd,
  direct("rows", rows, {
    threads: (y) => Math.ceil(y.x / 11) * y.y * y.z,
    channelBlocks: 1,
  }),
  direct("columns", columns, {
    threads: (y) => Math.ceil(y.y / 8) * y.x * y.z,
    channelBlocks: 1,
  }),
  fullWinograd,
  fullWinogradBroadcast,
  nestedWinogradQuad,
  direct("wide", wide, {
    threads: (y) => Math.ceil(y.x / 4) * y.y * y.z,
    channelBlocks: 2,
  }),
];

/** 3-d convolution: which variant is fastest differs between devices, so a backend may measure them. */
export const conv3dLauncher: Launcher = {
  variants: [
    ...[pointwiseVariant, ...blockedVariants].map(keepingSize),
    ...blockedVariants.map(croppedVariant),
    windowsVariant,
    genericVariant,
  ],
  plain: { inputs: [1] },
};
