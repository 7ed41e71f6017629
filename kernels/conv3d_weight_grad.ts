import { kernelAttribute } from "../engine/ops/windows.ts";
import { keepingSize, windowWords } from "./conv3d_call.ts";
import { embeddedVariant } from "./conv3d_valid.ts";
import { windowsWeightGrad } from "./conv3d_windows.ts";
import direct from "./conv3d_weight_grad.wgsl" with { type: "text" };
import generic from "./conv3d_weight_grad_generic.wgsl" with { type: "text" };
import input from "./conv3d_winograd_input.wgsl" with { type: "text" };
import gradOutput from "./conv3d_winograd_grad_output.wgsl" with { type: "text" };
import gradProduct from "./conv3d_winograd_grad_product.wgsl" with { type: "text" };
import gradWeights from "./conv3d_winograd_grad_weights.wgsl" with { type: "text" };
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
import { isBlocked, type Layout, layoutWords, sizeBytes } from "./layout.ts";
import { channelSums, splitsOf, sumParts } from "./reduction.ts";

const X: Operand = { kind: "input", index: 0 };
const DY: Operand = { kind: "input", index: 1 };
const DW: Operand = { kind: "output", index: 0 };
const DBIAS: Operand = { kind: "output", index: 1 };
const PARTS: Operand = { kind: "scratch", name: "parts" };

/** Transform points of a 5x5 patch. */
const POINTS = 25;

/** Extents of dw in the order of memory, taps zyx taken together. */
function extents({ call, inputs: [x, dy] }: PlacedCall) {
  const kernel = kernelAttribute(call.attributes);
  const [ci, co] = [x.channels, dy.channels];
  return { kernel, taps: kernel[0] * kernel[1] * kernel[2], ci, co };
}

/** A plan of `launches` that leave dw, and of those that leave the gradient of the bias. */
function withBias(
  { inputs: [, dy] }: PlacedCall,
  profile: DeviceProfile,
  launches: readonly Launch[],
  scratch: Readonly<Record<string, number>>,
): Plan {
  const from = { operand: DY, layout: dy };
  const bias = channelSums("conv3d_bias_grad", from, DBIAS, "bias_parts", profile);
  return {
    scratch: { ...scratch, bias_parts: bias.bytes },
    packed: {},
    prepare: [],
    launches: [...launches, ...bias.launches],
  };
}

/** Whether both arrays are blocked ones of f32 that fit their bindings, under a 3x3x3 kernel. */
function isBlocked3x3x3(placed: PlacedCall, profile: DeviceProfile): boolean {
  const fits = (l: Layout) =>
    isBlocked(l) && l.real === "f32" && sizeBytes(l) <= profile.maxBindingBytes;
  return placed.inputs.every(fits) && extents(placed).kernel.every((n) => n === 3);
}

const directVariant: Variant = {
  name: "direct",
  supports: isBlocked3x3x3,
  plan(placed, profile): Plan {
    const [x, dy] = placed.inputs;
    const { ci, co, taps } = extents(placed);
    const rows = dy.batch * dy.z * dy.y;
    const bytes = taps * 16 * x.blocks * dy.blocks * 4;
    const threads = 9 * x.blocks * dy.blocks;
    const splits = splitsOf(rows, 8, { bytes, threads }, profile);
    const label = `conv3d_weight_grad direct ${ci}->${co}`;
    const launch: Launch = {
      label,
      source: direct,
      constants: {},
      bindings: [{ operand: X }, { operand: DY }, { operand: PARTS, write: true }],
      params: words(dy.z, dy.y, dy.x, x.blocks, dy.blocks, rows, splits.size),
      workgroups: [groupsFor(threads * splits.count), 1, 1],
    };
    const padded = [4 * x.blocks, 4 * dy.blocks] as const;
    const sum = sumParts(label, { parts: PARTS, y: DW }, splits, [taps, ci, co], padded);
    return withBias(placed, profile, [launch, sum], { parts: splits.count * bytes });
  },
};

const genericVariant: Variant = {
  name: "generic",
  supports: ({ inputs }) => inputs.every(({ real }) => real === "f32"),
  plan(placed, profile): Plan {
    const [x, dy] = placed.inputs;
    const { kernel, taps, ci, co } = extents(placed);
    const rows = dy.batch * dy.z * dy.y;
    const weights = taps * ci * co;
    const splits = splitsOf(rows, 1, { bytes: 4 * weights, threads: weights }, profile);
    const label = `conv3d_weight_grad generic ${ci}->${co}`;
    const launch: Launch = {
      label,
      source: generic,
      constants: {},
      bindings: [{ operand: X }, { operand: DY }, { operand: PARTS, write: true }],
      params: words(
        ...[dy.z, dy.y, dy.x, x.z, x.y, x.x, ...kernel, ci, co],
        ...windowWords(x, kernel, placed.call.attributes),
        ...[rows, splits.size],
        ...layoutWords(x),
        ...layoutWords(dy),
      ),
      workgroups: [groupsFor(weights), splits.count, 1],
    };
    const sum = sumParts(label, { parts: PARTS, y: DW }, splits, [taps, ci, co]);
    return withBias(placed, profile, [launch, sum], { parts: splits.count * 4 * weights });
  },
};

/** Bytes of the transformed arrays of the nested variant, by the names that the forward convolution uses. */
function transformedBytes({ inputs: [x, dy] }: PlacedCall): Record<string, number> {
  const tiles = Math.ceil(dy.y / 3) * Math.ceil(dy.x / 3);
  return {
    winograd_v: POINTS * x.blocks * x.batch * (x.z + 2) * tiles * 16,
    winograd_m: POINTS * dy.blocks * dy.batch * dy.z * tiles * 16,
  };
}

/**
 * By the Winograd identity over y and x, direct in z: dw = G^T (sum over tiles of (B^T x B) times (A dY A^T)) G, which needs
 * 3.2 times fewer multiplications than the direct sums.
 */
const nestedVariant: Variant = {
  name: "nested",
  supports: (placed, profile) =>
    isBlocked3x3x3(placed, profile) &&
    Object.values(transformedBytes(placed)).every((n) => n <= profile.maxBindingBytes),
  plan(placed, profile): Plan {
    const [x, dy] = placed.inputs;
    const { ci, co } = extents(placed);
    const label = `conv3d_weight_grad nested ${ci}->${co}`;
    const [tilesY, tilesX] = [Math.ceil(dy.y / 3), Math.ceil(dy.x / 3)];
    const tiles = tilesY * tilesX;
    const planes = dy.batch * dy.z;
    const [vRows, zRows] = [x.batch * (x.z + 2) * tiles, planes * tiles];
    const bytes = 3 * POINTS * 16 * x.blocks * dy.blocks * 4;
    const threads = POINTS * x.blocks * dy.blocks;
    const splits = splitsOf(planes, 1, { bytes, threads }, profile);
    const v: Operand = { kind: "scratch", name: "winograd_v" };
    const z: Operand = { kind: "scratch", name: "winograd_m" };
    const du: Operand = { kind: "scratch", name: "winograd_du" };
    const transformX: Launch = {
      label: `${label} input`,
      source: input,
      constants: {},
      bindings: [{ operand: X }, { operand: v, write: true }],
      params: words(x.z + 2, x.y, x.x, x.blocks, tilesY, tilesX, vRows),
      workgroups: [groupsFor(vRows), x.blocks, 1],
    };
    const transformDy: Launch = {
      label: `${label} output`,
      source: gradOutput,
      constants: {},
      bindings: [{ operand: DY }, { operand: z, write: true }],
      params: words(dy.z, dy.y, dy.x, dy.blocks, tilesY, tilesX, zRows),
      workgroups: [groupsFor(zRows), dy.blocks, 1],
    };
    const multiply: Launch = {
      label: `${label} product`,
      source: gradProduct,
      constants: {},
      bindings: [{ operand: v }, { operand: z }, { operand: PARTS, write: true }],
      params: words(tiles, dy.z, planes, splits.size, x.blocks, dy.blocks, vRows),
      workgroups: [groupsFor(threads * splits.count), 1, 1],
    };
    const padded = [4 * x.blocks, 4 * dy.blocks] as const;
    const sum = sumParts(label, { parts: PARTS, y: du }, splits, [3 * POINTS, ci, co], padded);
    const back: Launch = {
      label: `${label} weights`,
      source: gradWeights,
      constants: {},
      bindings: [{ operand: du }, { operand: DW, write: true }],
      params: words(ci * co),
      workgroups: [groupsFor(3 * ci * co), 1, 1],
    };
    return withBias(placed, profile, [transformX, transformDy, multiply, sum, back], {
      ...transformedBytes(placed),
      parts: splits.count * bytes,
      winograd_du: 3 * POINTS * ci * co * 4,
    });
  },
};

const windowsVariant: Variant = {
  ...windowsWeightGrad,
  plan(placed, profile): Plan {
    const { launches, scratch } = windowsWeightGrad.plan(placed, profile);
    return withBias(placed, profile, launches, scratch);
  },
};

/** Gradients of a convolution by its weights and its bias. */
export const conv3dWeightGradLauncher: Launcher = {
  variants: [
    ...[directVariant, nestedVariant].map(keepingSize),
    ...[directVariant, nestedVariant].map(embeddedVariant(1)),
    windowsVariant,
    genericVariant,
  ],
  plain: { outputs: [0, 1] },
};
