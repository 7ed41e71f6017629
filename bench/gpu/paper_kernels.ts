/** What the kernels of a 32 -> 32 layer must do for one field of view, counted by hand from the .wgsl files. */
import { conv3d } from "../../engine/ops/conv3d.ts";
import type { Call, Shape } from "../../engine/ops/op.ts";

const EDGE = 33;
/** Tiles of 3x3 in a plane. */
const TILES = 11 * 11;
/** Bytes of an activation with and without its halo, and of the weights. */
const HALO = (EDGE + 2) ** 3 * 32 * 4;
const PLAIN = EDGE ** 3 * 32 * 4;
const WEIGHTS = 27 * 32 * 32 * 4;
/** Rows per transform point of the nested form, and bytes of the transformed input. */
const NESTED_ROWS = (EDGE + 2) * TILES;
const NESTED_V = 25 * NESTED_ROWS * 32 * 4;

/** One launch of a layer; bytes as they cross the last cache, and those that must come from or go to arrays. */
export interface Kernel {
  readonly name: string;
  readonly flops: number;
  readonly arrayBytes: number;
  readonly cacheBytes: number;
  /** 32-bit registers per thread that hold data, counted in the .wgsl file; addresses come on top. */
  readonly registers: number;
  readonly threads: number;
}

/** The layer as the op counts it. */
export function countedWork(): { flops: number; bytes: number } {
  const x: Shape = [1, EDGE, EDGE, EDGE, 32];
  const value = (shape: Shape, id: number) =>
    ({ id, name: `${id}`, shape, dtype: "float32" }) as const;
  const call: Call = {
    op: conv3d,
    inputs: [x, [3, 3, 3, 32, 32], [32]].map(value),
    outputs: [value(x, 3)],
    attributes: {},
  };
  return conv3d.work(call);
}

/** Kernels of one 32 -> 32 layer by variant, for one field of view; the input gradient runs the same ones. */
export function forwardKernels(): Record<string, Kernel[]> {
  const { flops, bytes } = countedWork();
  const fullRows = 5 * 11 * TILES;
  const fullV = 25 * fullRows * 32 * 4;
  const split = 5 * 11 * (EDGE + 2) ** 2 * 32 * 4;
  const joined = 5 * 11 * EDGE ** 2 * 32 * 4;
  const direct = (
    name: string,
    voxelsPerThread: number,
    loads: number,
    registers: number,
  ): Kernel => {
    // Threads at the end of an axis work on voxels that are not there.
    const threads = 8 * EDGE ** 2 * Math.ceil(EDGE / voxelsPerThread);
    const padding = threads * voxelsPerThread / (8 * EDGE ** 3);
    return {
      name,
      flops: flops * padding,
      arrayBytes: Math.max(bytes, HALO + PLAIN + WEIGHTS),
      // Every block of 4 output channels reads the input once more; neighbours inside a workgroup meet in its L1.
      cacheBytes: 8 * HALO * loads * padding + PLAIN,
      registers,
      threads,
    };
  };
  const product = (rows: number, valid: number, taps: number): Kernel => ({
    name: "product",
    flops: 2 * 25 * valid * taps * 32 * 32,
    arrayBytes: 2 * 25 * rows * 32 * 4,
    // Every block of 8 output channels reads V once more.
    cacheBytes: 4 * 25 * rows * 32 * 4 + 25 * valid * 32 * 4,
    registers: 14 * 4 + 8 * 4 + 4,
    threads: 25 * 4 * Math.ceil(rows / 448) * 64,
  });
  const fullProduct = product(fullRows, fullRows, 1);
  // Blocks of 16 output channels; a lane loads two vectors of weights and receives four at a time.
  const broadcast: Kernel = {
    ...fullProduct,
    cacheBytes: (2 + 1) * fullV,
    registers: 28 * 4 + 7 * 4 + 6 * 4,
    threads: fullProduct.threads / 2,
  };
  const full = (multiply: Kernel): Kernel[] => [
    move("depth input", 20 * split / 16, HALO, split, 20, 5),
    move("input", 480 * fullRows * 8, split, fullV, 25 * 4 + 20, 25),
    multiply,
    move("output", 240 * fullRows * 8, fullV, joined, 15 * 4 + 36, 9),
    move("depth output", 12 * joined / 16, joined, PLAIN, 20, 3),
  ];
  return {
    rows: [direct("rows", 11, 1.6, 11 * 4 + 13 * 4 + 16)],
    columns: [direct("columns", 8, 1.3, 8 * 4 + 10 * 4 + 16)],
    nested: [
      move("input", 480 * NESTED_ROWS * 8, HALO, NESTED_V, 25 * 4 + 20, 25),
      product(NESTED_ROWS, EDGE * TILES, 3),
      move("output", 240 * EDGE * TILES * 8, NESTED_V, PLAIN, 15 * 4 + 36, 9),
    ],
    full: full(fullProduct),
    full_broadcast: full(broadcast),
  };
}

/** A kernel that reads `fromBytes` and writes `toBytes`, `perThread` vectors of 16 bytes from each thread. */
function move(
  name: string,
  flops: number,
  fromBytes: number,
  toBytes: number,
  registers: number,
  perThread: number,
): Kernel {
  return {
    name,
    flops,
    arrayBytes: fromBytes + toBytes,
    cacheBytes: fromBytes + toBytes,
    registers,
    threads: toBytes / 16 / perThread,
  };
}

/**
 * Kernels of the gradient of the weights by variant. Parts are written and read once; a workgroup of 64 threads holds all
 * pairs of channel blocks, which meet in its L1.
 */
export function weightGradKernels(): Record<string, Kernel[]> {
  const { flops } = countedWork();
  // As `splitsOf` cuts rows (z, y).
  const splits = Math.ceil(EDGE ** 2 / Math.ceil(EDGE ** 2 / 128));
  const parts = splits * WEIGHTS;
  const nestedParts = EDGE * 75 * 32 * 32 * 4;
  const rows = EDGE * TILES;
  const z = 25 * rows * 32 * 4;
  const accumulators = 12 * 4 + 4 * 4;
  return {
    direct: [{
      name: "products",
      flops,
      arrayBytes: 2 * HALO + parts,
      // Each of the nine (z, y) taps reads both arrays.
      cacheBytes: 9 * 2 * HALO + parts,
      registers: accumulators,
      threads: 9 * 64 * splits,
    }, move("sum of parts", parts / 4, parts, WEIGHTS, 4, 1 / 4)],
    nested: [
      move("input", 480 * NESTED_ROWS * 8, HALO, NESTED_V, 25 * 4 + 20, 25),
      move("output", 256 * rows * 8, HALO, z, 25 * 4 + 12, 25),
      {
        name: "products",
        flops: 2 * 25 * rows * 3 * 32 * 32,
        arrayBytes: NESTED_V + z + nestedParts,
        // Three z taps of V for each plane of the gradient.
        cacheBytes: 3 * NESTED_V + z + nestedParts,
        registers: accumulators,
        threads: 25 * 64 * EDGE,
      },
      move("sum of parts", nestedParts / 4, nestedParts, 75 * 4096, 4, 1 / 4),
      move("weights", 20 * 75 * 1024, 75 * 4096, WEIGHTS, 30, 9 / 4),
    ],
  };
}

/** What the backward pass does beside convolutions, per layer: a ReLU's mask, and for every second layer a sum. */
export function elementwiseKernels(): Kernel[] {
  return [move("masks and sums", 1.5 * PLAIN / 4, 3 * HALO, 1.5 * HALO, 12, 1)];
}
