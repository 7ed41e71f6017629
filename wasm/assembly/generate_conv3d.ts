/**
 * Writes the direct convolution: for each number of voxels (1 to 4) and width of a block of output channels (4 or 8) one
 * tile function that keeps all its sums in registers. By hand this would be the same forty lines eight times.
 *
 * Compiled without optimisation: V8 keeps sums in registers in the order that it is given (see `_winograd_lines.ts`).
 */
import { lines, range } from "./_winograd_lines.ts";

/** Voxels of a row that one tile covers at most: 4 x 2 sums, 4 inputs, 2 weights and 1 repeated input fill 15 registers. */
const MAX_ROWS = 4;

const HEAD = `// asc: -O0 --importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536
/**
 * Direct convolution on inputs whose halo of zeros is as wide as the kernel reaches.
 *
 * The taps along a row and the channels of a voxel are adjacent, and are summed as one.
 *
 * Arguments: depth | height | width | taps z | y | x | floats per voxel in | channels out | floor of the input (f32: 0 for ReLU, else
 * -inf) | floor of the output | 1 with residual | rows of output voxels | rows of a chunk | bytes from one tap to the next in z |
 * in y | address of weights | address of bias | view x (of tap 0 of voxel 0; its distances are those of output voxels) | view
 * y | view residual. Weights are packed by pack_conv3d, bias is padded with zeros to a multiple of 4.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

const TAPS: usize = 12;
const PITCH_IN: usize = 24;
const CHANNELS_OUT: usize = 28;
const INPUT_FLOOR: usize = 32;
const OUTPUT_FLOOR: usize = 36;
const RESIDUAL: usize = 40;
const ROWS: usize = 44;
const CHUNK: usize = 48;
const TAP_Z: usize = 52;
const TAP_Y: usize = 56;
const WEIGHTS: usize = 60;
const BIAS: usize = 64;
const X_VIEW: usize = 68;
const Y_VIEW: usize = X_VIEW + VIEW;
const R_VIEW: usize = Y_VIEW + VIEW;

/** Lanes 0 to lanes - 1 of the four at \`address\`. */
function loadLanes(address: usize, lanes: i32): v128 {
  if (lanes == 4) return v128.load(address);
  let v = v128.load32_zero(address);
  if (lanes > 1) v = v128.load_lane<f32>(address + 4, v, 1);
  if (lanes > 2) v = v128.load_lane<f32>(address + 8, v, 2);
  return v;
}

function storeLanes(address: usize, v: v128, lanes: i32): void {
  if (lanes == 4) {
    v128.store(address, v);
    return;
  }
  v128.store_lane<f32>(address, v, 0);
  if (lanes > 1) v128.store_lane<f32>(address + 4, v, 1);
  if (lanes > 2) v128.store_lane<f32>(address + 8, v, 2);
}

/**
 * Packs weights [taps, in, out] as [block][taps][floats per voxel in][width of the block]: blocks of 8 output channels, then
 * one of 4 where that is enough; what fills up is zero. Pads the bias too. Arguments: taps | in | floats per voxel in | out |
 * address of weights | of bias | of packed weights | of packed bias. Items are blocks.
 */
export function pack_conv3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const taps = load<i32>(args), channels = load<i32>(args, 4), pitch = load<i32>(args, 8), out = load<i32>(args, 12);
  const weights = load<usize>(args, 16), bias = load<usize>(args, 20), toBias = load<usize>(args, 28);
  for (let block = begin; block < end; block++) {
    const first = 8 * block;
    const width = blockWidth(out - first);
    let to = load<usize>(args, 24) + <usize>(first * taps * pitch << 2);
    for (let tap = 0; tap < taps; tap++) {
      for (let i = 0; i < pitch; i++) {
        for (let o = first; o < first + width; o++, to += 4) {
          const from = weights + <usize>(((tap * channels + i) * out + o) << 2);
          store<f32>(to, i < channels && o < out ? load<f32>(from) : 0);
        }
      }
    }
    for (let o = first; o < first + width; o++) {
      store<f32>(toBias + <usize>(o << 2), o < out ? load<f32>(bias + <usize>(o << 2)) : 0);
    }
  }
}

/** Output channels of the next block when \`left\` are left. */
function blockWidth(left: i32): i32 {
  return left > 4 ? 8 : 4;
}
`;

/** One step of the sum: the weights of one input channel times that channel of every voxel. */
function products(
  rows: number,
  vectors: number,
  offset: number,
  input: (row: number) => string,
): string {
  const weights = lines(
    vectors,
    (v) => `const w${offset}_${v} = v128.load(w, ${(offset * vectors + v) * 16});`,
  );
  const sums = range(rows).map((r) =>
    `{ const a = ${input(r)};\n` +
    lines(vectors, (v) => `s${r}_${v} = f32x4.relaxed_madd(a, w${offset}_${v}, s${r}_${v});`) +
    " }"
  ).join("\n");
  return `{\n${weights}\n${sums}\n}`;
}

function broadcast(vector: string, lane: number): string {
  const bytes = range(16).map((i) => lane * 4 + i % 4);
  return `v128.shuffle<i8>(${vector}, ${vector}, ${bytes.join(", ")})`;
}

function tile(rows: number, vectors: number): string {
  // Only the last vector of a block may hold fewer than four channels.
  const load = (address: string, v: number) =>
    v === vectors - 1 ? `loadLanes(${address}, lanes)` : `v128.load(${address})`;
  const store = (address: string, value: string, v: number) =>
    v === vectors - 1
      ? `storeLanes(${address}, ${value}, lanes);`
      : `v128.store(${address}, ${value});`;
  const cells = range(rows).flatMap((r) => range(vectors).map((v) => ({ r, v })));
  const cell = (f: (r: number, v: number) => string) => cells.map(({ r, v }) => f(r, v)).join("\n");
  return `
/** ${rows} voxels from x on, ${4 * vectors} output channels, to y. */
function tile_${rows}_${vectors}(args: usize, x: usize, w: usize, bias: usize, y: usize, residual: usize, lanes: i32): void {
  const kz = load<i32>(args, TAPS), ky = load<i32>(args, TAPS + 4);
  const inputs = load<i32>(args, TAPS + 8) * load<i32>(args, PITCH_IN);
  const sz = load<i32>(args, TAP_Z), sy = load<i32>(args, TAP_Y), sx = load<i32>(args, X_VIEW + 16);
  const low = v128.load32_splat(args, INPUT_FLOOR);
${lines(vectors, (v) => `const b${v} = v128.load(bias, ${v * 16});`)}
${cell((r, v) => `let s${r}_${v} = b${v};`)}
  for (let tz = 0; tz < kz; tz++) {
    for (let ty = 0; ty < ky; ty++) {
      let p0 = x + tz * sz + ty * sy;
${lines(rows - 1, (i) => `let p${i + 1} = p${i} + sx;`)}
      let left = inputs;
      for (; left >= 4; left -= 4) {
${lines(rows, (r) => `const a${r} = f32x4.pmax(v128.load(p${r}), low);`)}
${lines(4, (k) => products(rows, vectors, k, (r) => broadcast(`a${r}`, k)))}
${lines(rows, (r) => `p${r} += 16;`)}
        w += ${64 * vectors};
      }
      for (; left > 0; left--) {
${products(rows, vectors, 0, (r) => `f32x4.pmax(v128.load32_splat(p${r}), low)`)}
${lines(rows, (r) => `p${r} += 4;`)}
        w += ${16 * vectors};
      }
    }
  }
  const step = voxelStep(args + Y_VIEW);
  if (load<i32>(args, RESIDUAL)) {
    const stepResidual = voxelStep(args + R_VIEW);
${cell((r, v) => `const r${r}_${v} = ${load(`residual + ${r} * stepResidual + ${v * 16}`, v)};`)}
${cell((r, v) => `s${r}_${v} = f32x4.add(s${r}_${v}, r${r}_${v});`)}
  }
  const floor = v128.load32_splat(args, OUTPUT_FLOOR);
${cell((r, v) => store(`y + ${r} * step + ${v * 16}`, `f32x4.pmax(s${r}_${v}, floor)`, v))}
}
`;
}

function blockLoop(vectors: number): string {
  const call = (rows: number) => `tile_${rows}_${vectors}(args, x, w, bias, y, residual, lanes);`;
  return `
/** One row of outputs, ${4 * vectors} channels. */
function row_${vectors}(args: usize, x: usize, w: usize, bias: usize, y: usize, residual: usize, lanes: i32): void {
  const width = load<i32>(args, 8);
  const stepX = voxelStep(args + X_VIEW), stepY = voxelStep(args + Y_VIEW), stepResidual = voxelStep(args + R_VIEW);
  const tiles = (width + ${MAX_ROWS - 1}) / ${MAX_ROWS};
  for (let tile = 0, first = 0; tile < tiles; tile++) {
    const voxels = width * (tile + 1) / tiles - first;
    switch (voxels) {
${lines(MAX_ROWS, (i) => `case ${i + 1}: ${call(i + 1)} break;`)}
    }
    first += voxels;
    x += <usize>voxels * stepX;
    y += <usize>voxels * stepY;
    residual += <usize>voxels * stepResidual;
  }
}
`;
}

const ENTRY = `
/** Items are blocks of output channels of chunks of rows: the weights of a block serve a whole chunk. */
export function conv3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4);
  const inputs = load<i32>(args, TAPS) * load<i32>(args, TAPS + 4) * load<i32>(args, TAPS + 8) * load<i32>(args, PITCH_IN);
  const out = load<i32>(args, CHANNELS_OUT), blocks = (out + 7) / 8;
  const rows = load<i32>(args, ROWS), chunk = load<i32>(args, CHUNK);
  for (let item = begin; item < end; item++) {
    const part = item / blocks, first = 8 * (item - part * blocks), left = out - first;
    const w = load<usize>(args, WEIGHTS) + (<usize>(inputs * first) << 2);
    const bias = load<usize>(args, BIAS) + (<usize>first << 2);
    const last = min((part + 1) * chunk, rows);
    for (let row = part * chunk; row < last; row++) {
      const x = rowAddress(args + X_VIEW, row, depth, height);
      const y = rowAddress(args + Y_VIEW, row, depth, height) + (<usize>first << 2);
      const residual = rowAddress(args + R_VIEW, row, depth, height) + (<usize>first << 2);
      if (left > 4) row_2(args, x, w, bias, y, residual, min(left - 4, 4));
      else row_1(args, x, w, bias, y, residual, left);
    }
  }
}
`;

/** AssemblyScript of the direct convolution. */
export function source(): string {
  const widths = [1, 2];
  const tiles = widths.flatMap((v) => range(MAX_ROWS).map((r) => tile(r + 1, v)));
  return [HEAD, ...tiles, ...widths.map(blockLoop), ENTRY].join("\n");
}
