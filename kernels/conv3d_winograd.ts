/**
 * Winograd convolutions F(3x3, 3x3): nested (y and x transformed, z direct) needs 3.2 times fewer multiplications than the
 * direct form, full (all three axes) 5.8 times, at the price of intermediates in memory. Points 0, 1, -1, 2, infinity.
 */
import { isBlocked3x3x3, packBias, packedBiasBytes, residualOf, switches } from "./conv3d_call.ts";
import depthInput from "./conv3d_winograd_depth_input.wgsl" with { type: "text" };
import depthOutput from "./conv3d_winograd_depth_output.wgsl" with { type: "text" };
import input from "./conv3d_winograd_input.wgsl" with { type: "text" };
import output from "./conv3d_winograd_output.wgsl" with { type: "text" };
import product from "./conv3d_winograd_product.wgsl" with { type: "text" };
import productBroadcast from "./conv3d_winograd_product_broadcast.wgsl" with { type: "text" };
import productQuad from "./conv3d_winograd_product_quad.wgsl" with { type: "text" };
import weights from "./conv3d_winograd_weights.wgsl" with { type: "text" };
import {
  type DeviceProfile,
  groupsFor,
  type Launch,
  type Operand,
  type PlacedCall,
  type Plan,
  type Variant,
  words,
} from "./kernel.ts";
import type { Layout } from "./layout.ts";

/** Transform points of a 5x5 patch. */
const POINTS = 25;
/** Rows of one workgroup of the product kernel: 64 threads of 7. */
const PRODUCT_ROWS = 448;
/** Planes that a thread of the product by quads holds. */
const QUAD_PLANES = 17;

const scratch = (name: string): Operand => ({ kind: "scratch", name });
const PACKED_WEIGHTS: Operand = { kind: "packed", name: "weights" };

/** Counts that both forms share; `images` and `planes` are what the two-dimensional transforms run over. */
interface Extent {
  readonly x: Layout;
  readonly y: Layout;
  readonly tilesY: number;
  readonly tilesX: number;
  readonly tilesZ: number;
  readonly images: number;
  /** Planes per image of V and M, halo included where z is direct. */
  readonly planes: number;
  /** Rows of V and M per point and channel block. */
  readonly rows: number;
}

function extentOf({ inputs, outputs }: PlacedCall, full: boolean): Extent {
  const [x, y] = [inputs[0], outputs[0]];
  const [tilesZ, tilesY, tilesX] = [y.z, y.y, y.x].map((n) => Math.ceil(n / 3));
  const images = full ? 5 * y.batch : y.batch;
  const planes = full ? tilesZ : y.z + 2;
  return { x, y, tilesY, tilesX, tilesZ, images, planes, rows: images * planes * tilesY * tilesX };
}

/** Bytes of the scratch arrays. */
function scratchBytes(e: Extent, full: boolean): Record<string, number> {
  const { x, y } = e;
  return {
    winograd_v: POINTS * x.blocks * e.rows * 16,
    winograd_m: POINTS * y.blocks * e.rows * 16,
    ...(full && {
      winograd_planes: 16 * Math.max(
        e.images * x.blocks * e.tilesZ * (x.y + 2) * (x.x + 2),
        e.images * y.blocks * e.tilesZ * y.y * y.x,
      ),
    }),
  };
}

/** A kernel for the products. */
interface Product {
  readonly source: string;
  /** Whether the weights of an output channel lie side by side, else those of an input channel; no other does with `full`. */
  readonly weightsByInput?: boolean;
  supports(y: Layout, profile: DeviceProfile): boolean;
  launch(e: Extent, full: boolean): Pick<Launch, "constants" | "params" | "workgroups">;
}

/** Threads of 7 rows and `channelBlocks` blocks of 4 output channels. */
function productOfRows(channelBlocks: number): Product["launch"] {
  return ({ x, y, rows, tilesY, tilesX }, full) => {
    const tiles = tilesY * tilesX;
    const segmentRows = full ? rows / 5 : rows;
    const validRows = full ? segmentRows : segmentRows - 2 * tiles;
    return {
      constants: { TAPS: full ? 1 : 3 },
      params: words(rows, segmentRows, validRows, tiles, x.blocks, y.blocks),
      workgroups: [
        groupsFor(segmentRows, PRODUCT_ROWS),
        groupsFor(y.blocks, channelBlocks),
        POINTS * (full ? 5 : 1),
      ],
    };
  };
}

const LOADED: Product = { source: product, supports: () => true, launch: productOfRows(2) };
/** Eight lanes of a subgroup load the weights for each other. */
const BROADCAST: Product = {
  source: productBroadcast,
  supports: (y, { subgroupSize }) => subgroupSize >= 8 && y.blocks % 4 === 0,
  launch: productOfRows(4),
};
/** Quads of lanes that load nothing twice. */
const QUAD: Product = {
  source: productQuad,
  weightsByInput: true,
  // On wider subgroups a load of one address by all lanes is one load, and a thread must not hold as much as here.
  supports: (_, { subgroupSize }) => subgroupSize >= 4 && subgroupSize < 8,
  launch({ x, y, rows, planes, tilesY, tilesX }) {
    const tiles = tilesY * tilesX, groups = Math.ceil(y.z / QUAD_PLANES);
    const columns = y.batch * groups * tiles, quads = Math.ceil(columns / 4);
    return {
      constants: {},
      params: words(rows, planes, tiles, groups, columns, quads, x.blocks, y.blocks),
      workgroups: [groupsFor(POINTS * 4 * quads), groupsFor(y.blocks, 4), 1],
    };
  },
};

function winograd(name: string, full: boolean, product: Product): Variant {
  return {
    name,
    supports(placed, profile: DeviceProfile): boolean {
      if (!isBlocked3x3x3(placed, profile)) return false;
      if (!product.supports(placed.outputs[0], profile)) return false;
      const extent = extentOf(placed, full);
      return Object.values(scratchBytes(extent, full))
        .every((bytes) => bytes <= profile.maxBindingBytes) &&
        [groupsFor(extent.rows), ...product.launch(extent, full).workgroups]
          .every((groups) => groups <= profile.maxWorkgroups);
    },
    plan: (placed) => planWinograd(name, placed, full, product),
  };
}

function planWinograd(name: string, placed: PlacedCall, full: boolean, product: Product): Plan {
  const e = extentOf(placed, full);
  const { x, y } = e;
  const [ci, co] = placed.call.inputs[1].shape.slice(3);
  const label = `conv3d ${name} ${ci}->${co}`;
  const vectors = POINTS * (full ? 5 : 3) * y.blocks * x.blocks * 4;
  const tiles = e.tilesY * e.tilesX;
  const source: Operand = full ? scratch("winograd_planes") : { kind: "input", index: 0 };
  const pack: Launch = {
    label: `${label} weights`,
    source: weights,
    constants: { FULL: full, BY_INPUT: product.weightsByInput ?? false },
    bindings: [
      { operand: { kind: "input", index: 1 } },
      { operand: PACKED_WEIGHTS, write: true },
    ],
    params: words(ci, co),
    workgroups: [groupsFor(x.blocks * 4), y.blocks, full ? 5 : 3],
  };
  const transform: Launch = {
    label: `${label} input`,
    source: input,
    constants: full ? {} : { ...switches(placed, "input"), Real: x.real },
    bindings: [{ operand: source }, { operand: scratch("winograd_v"), write: true }],
    params: words(e.planes, y.y, y.x, x.blocks, e.tilesY, e.tilesX, e.rows),
    workgroups: [groupsFor(e.rows), x.blocks, 1],
  };
  const multiply: Launch = {
    label: `${label} product`,
    source: product.source,
    bindings: [
      { operand: scratch("winograd_v") },
      { operand: PACKED_WEIGHTS },
      { operand: scratch("winograd_m"), write: true },
    ],
    ...product.launch(e, full),
  };
  const outputPlanes = full ? e.planes : y.z;
  const back: Launch = {
    label: `${label} output`,
    source: output,
    constants: full
      ? { HALO: 0, EPILOGUE: false }
      : { ...switches(placed, "output"), Real: y.real },
    bindings: [
      { operand: scratch("winograd_m") },
      { operand: { kind: "packed", name: "bias" } },
      { operand: full ? { kind: "packed", name: "bias" } : residualOf(placed) },
      {
        operand: full ? scratch("winograd_planes") : { kind: "output", index: 0 },
        write: true,
      },
    ],
    params: words(
      ...[outputPlanes, y.y, y.x, y.blocks, e.tilesY, e.tilesX, e.rows, e.planes, e.images],
    ),
    workgroups: [groupsFor(e.images * outputPlanes * tiles), y.blocks, 1],
  };
  const launches = full
    ? [splitDepth(label, placed, e), transform, multiply, back, joinDepth(label, placed, e)]
    : [transform, multiply, back];
  return {
    scratch: scratchBytes(e, full),
    // Always f32: the transform magnifies what f16 would round away.
    packed: { weights: vectors * 16, bias: packedBiasBytes(co) },
    prepare: [pack, packBias(co)],
    launches,
  };
}

/** B^T along z, before the two-dimensional transform. */
function splitDepth(label: string, placed: PlacedCall, { x, tilesZ }: Extent): Launch {
  const area = (x.y + 2) * (x.x + 2);
  return {
    label: `${label} depth input`,
    source: depthInput,
    constants: { ...switches(placed, "input"), Real: x.real },
    bindings: [
      { operand: { kind: "input", index: 0 } },
      { operand: scratch("winograd_planes"), write: true },
    ],
    params: words(x.z, area, tilesZ, x.batch * x.blocks),
    workgroups: [groupsFor(area), x.batch * x.blocks, tilesZ],
  };
}

/** A^T along z and the epilogue, after the two-dimensional transform. */
function joinDepth(label: string, placed: PlacedCall, { y, tilesZ }: Extent): Launch {
  return {
    label: `${label} depth output`,
    source: depthOutput,
    constants: { ...switches(placed, "output"), Real: y.real },
    bindings: [
      { operand: scratch("winograd_planes") },
      { operand: { kind: "packed", name: "bias" } },
      { operand: residualOf(placed) },
      { operand: { kind: "output", index: 0 }, write: true },
    ],
    params: words(y.z, y.y, y.x, y.blocks, tilesZ, y.batch * y.blocks),
    workgroups: [groupsFor(y.y * y.x), y.batch * y.blocks, tilesZ],
  };
}

/** Three launches per layer: input transform, 25 products with three z taps each, output transform. */
export const nestedWinograd: Variant = winograd("nested", false, LOADED);

/** As nested, for devices where a load costs far more than arithmetic. */
export const nestedWinogradQuad: Variant = winograd("nested_quad", false, QUAD);

/** Five launches per layer: as nested with the z axis transformed before and after, 125 products. */
export const fullWinograd: Variant = winograd("full", true, LOADED);

/** As full, with weights that subgroups share. */
export const fullWinogradBroadcast: Variant = winograd("full_broadcast", true, BROADCAST);
