/**
 * Writes the direct convolution: for each number of voxels and width of a block of output channels one tile function that keeps
 * all its sums in registers. By hand this would be the same forty lines many times.
 */
import { type Kind, lines, range } from "./_winograd_lines.ts";

/** Voxels of a row that one tile covers at most, and vectors of output channels of a tile (`_winograd_lines.ts` has the kinds). */
const TILE = {
  // 4 x 2 sums, 4 inputs, 2 weights and 1 repeated input fill 15 registers.
  shuffle: { rows: 4, widths: [2, 1] },
  // 12 pairs of sums, 2 of weights and an input.
  splat: { rows: 6, widths: [4, 2, 1] },
};

function head(kind: Kind): string {
  return `// asc: ${
    kind === "shuffle" ? "-O0" : "-O3"
  } --importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536
/**
 * Direct convolution on inputs whose halo of zeros is as wide as the kernel reaches.
 *
 * The taps along a row and the channels of a voxel are adjacent, and are summed as one.
 *
 * Arguments: depth | height | width | taps z | y | x | floats per voxel in | channels out | floor of the input (f32: 0 for ReLU, else
 * -inf) | floor of the output | 1 with residual | rows of output voxels | rows of a chunk | bytes from one tap to the next in z |
 * in y | address of weights | address of bias | view x (of tap 0 of voxel 0; its distances are those of output voxels) | view
 * y | view residual. Weights are packed by pack_conv3d, bias is padded with zeros to a multiple of 4. Scratch memory: a tile of
 * outputs.
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
`;
}

/** One step of the sum: the weights of one input channel times that channel of every voxel. Four vectors lie in two blocks. */
function products(
  rows: number,
  vectors: number,
  step: number,
  input: (row: number) => string,
): string {
  const width = 16 * Math.min(vectors, 2);
  const weights = lines(
    vectors,
    (v) => `const v${v} = v128.load(${v < 2 ? "w" : "w2"}, ${step * width + v % 2 * 16});`,
  );
  const sums = lines(rows, (r) =>
    `{ const a = ${input(r)};\n` +
    lines(vectors, (v) => `s${r}_${v} = f32x4.relaxed_madd(a, v${v}, s${r}_${v});`) +
    " }");
  return `{\n${weights}\n${sums}\n}`;
}

function broadcast(vector: string, lane: number): string {
  const bytes = range(16).map((i) => lane * 4 + i % 4);
  return `v128.shuffle<i8>(${vector}, ${vector}, ${bytes.join(", ")})`;
}

/** The sum over the inputs of a row of taps. */
function inputLoop(kind: Kind, rows: number, vectors: number): string {
  const width = 16 * Math.min(vectors, 2);
  const advance = (inputs: number) =>
    `w += ${inputs * width};${vectors > 2 ? ` w2 += ${inputs * width};` : ""}`;
  const one = `
      for (; left > 0; left--) {
${products(rows, vectors, 0, (r) => `f32x4.pmax(v128.load32_splat(p${r}), low)`)}
${lines(rows, (r) => `p${r} += 4;`)}
        ${advance(1)}
      }`;
  if (kind === "splat") return one;
  return `
      for (; left >= 4; left -= 4) {
${lines(rows, (r) => `const a${r} = f32x4.pmax(v128.load(p${r}), low);`)}
${lines(4, (k) => products(rows, vectors, k, (r) => broadcast(`a${r}`, k)))}
${lines(rows, (r) => `p${r} += 16;`)}
        ${advance(4)}
      }${one}`;
}

/** What rows are given; weights of the second two vectors are at w2. */
const PARAMETERS =
  "args: usize, x: usize, w: usize, w2: usize, bias: usize, y: usize, residual: usize, lanes: i32, sums: usize";

function tile(kind: Kind, rows: number, vectors: number): string {
  const cells = range(rows).flatMap((r) => range(vectors).map((v) => ({ r, v })));
  const cell = (f: (r: number, v: number) => string) => cells.map(({ r, v }) => f(r, v)).join("\n");
  return `
/** ${rows} voxels from x on, ${4 * vectors} output channels, to voxels \`step\` bytes apart. */
function tile_${rows}_${vectors}(args: usize, x: usize, w: usize, w2: usize, bias: usize, to: usize, step: usize, least: f32): void {
  const kz = load<i32>(args, TAPS), ky = load<i32>(args, TAPS + 4);
  const inputs = load<i32>(args, TAPS + 8) * load<i32>(args, PITCH_IN);
  const sz = load<i32>(args, TAP_Z), sy = load<i32>(args, TAP_Y), sx = load<i32>(args, X_VIEW + 16);
  const low = v128.load32_splat(args, INPUT_FLOOR), floor = f32x4.splat(least);
${lines(vectors, (v) => `const b${v} = v128.load(bias, ${v * 16});`)}
${cell((r, v) => `let s${r}_${v} = b${v};`)}
  for (let tz = 0; tz < kz; tz++) {
    for (let ty = 0; ty < ky; ty++) {
      let p0 = x + tz * sz + ty * sy;
${lines(rows - 1, (i) => `let p${i + 1} = p${i} + sx;`)}
      let left = inputs;${inputLoop(kind, rows, vectors)}
    }
  }
${lines(rows - 1, (r) => `const y${r + 1} = ${r ? `y${r}` : "to"} + step;`)}
${cell((r, v) => `v128.store(${r ? `y${r}` : "to"}, f32x4.pmax(s${r}_${v}, floor), ${16 * v});`)}
}
`;
}

/** Adds the residual to sums of tiles, raises them to the floor, and stores as many channels as there are. */
const FINISH = `
function finish(args: usize, sums: usize, voxels: i32, vectors: i32, lanes: i32, y: usize, residual: usize): void {
  const step = voxelStep(args + Y_VIEW), stepResidual = voxelStep(args + R_VIEW);
  const floor = v128.load32_splat(args, OUTPUT_FLOOR), adds = load<i32>(args, RESIDUAL);
  for (; voxels > 0; voxels--, y += step, residual += stepResidual) {
    for (let v = 0; v < vectors; v++, sums += 16) {
      const at = <usize>v << 4, count = v == vectors - 1 ? lanes : 4;
      let sum = v128.load(sums);
      if (adds) sum = f32x4.add(sum, loadLanes(residual + at, count));
      storeLanes(y + at, f32x4.pmax(sum, floor), count);
    }
  }
}
`;

function blockLoop(maxRows: number, vectors: number): string {
  const given = "args, x, w, w2, bias, to, step, floor";
  return `
/** One row of outputs, ${4 * vectors} channels. */
function row_${vectors}(${PARAMETERS}): void {
  const width = load<i32>(args, 8);
  const stepX = voxelStep(args + X_VIEW), stepY = voxelStep(args + Y_VIEW), stepResidual = voxelStep(args + R_VIEW);
  const direct = lanes == 4 && !load<i32>(args, RESIDUAL);
  const step: usize = direct ? stepY : ${16 * vectors};
  const floor: f32 = direct ? load<f32>(args, OUTPUT_FLOOR) : -Infinity;
  const tiles = (width + ${maxRows - 1}) / ${maxRows};
  for (let tile = 0, first = 0; tile < tiles; tile++) {
    const voxels = width * (tile + 1) / tiles - first;
    const to = direct ? y : sums;
    switch (voxels) {
${lines(maxRows, (i) => `case ${i + 1}: tile_${i + 1}_${vectors}(${given}); break;`)}
    }
    if (!direct) finish(args, sums, voxels, ${vectors}, lanes, y, residual);
    first += voxels;
    x += <usize>voxels * stepX;
    y += <usize>voxels * stepY;
    residual += <usize>voxels * stepResidual;
  }
}
`;
}

/** Calls for as many output channels as are left, at most 16. */
function blocks(widest: number): string {
  const row = (vectors: number, lanes: string) =>
    `row_${vectors}(args, x, w, w2, bias, y, residual, ${lanes}, scratch);`;
  if (widest === 4) {
    return `if (left > 12) ${row(4, "min(left - 12, 4)")}
      else {
        if (left > 4) ${row(2, "min(left - 4, 4)")}
        else ${row(1, "left")}
        w = w2;
        bias += 32;
        y += 32;
        residual += 32;
        if (left > 8) ${row(1, "left - 8")}
      }`;
  }
  return `if (left > 4) ${row(2, "min(left - 4, 4)")}
      else ${row(1, "left")}
      w = w2;
      bias += 32;
      y += 32;
      residual += 32;
      if (left > 12) ${row(2, "min(left - 12, 4)")}
      else if (left > 8) ${row(1, "left - 8")}`;
}

function entry(kind: Kind): string {
  return `
/** Items are 16 output channels of chunks of rows: their weights serve a whole chunk. */
export function conv3d_${kind}(args: usize, begin: i32, end: i32, scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4);
  const inputs = load<i32>(args, TAPS) * load<i32>(args, TAPS + 4) * load<i32>(args, TAPS + 8) * load<i32>(args, PITCH_IN);
  const out = load<i32>(args, CHANNELS_OUT), groups = (out + 15) / 16;
  const rows = load<i32>(args, ROWS), chunk = load<i32>(args, CHUNK);
  for (let item = begin; item < end; item++) {
    const part = item / groups, first = 16 * (item - part * groups), left = out - first;
    const last = min((part + 1) * chunk, rows);
    for (let row = part * chunk; row < last; row++) {
      let w = load<usize>(args, WEIGHTS) + (<usize>(inputs * first) << 2);
      const w2 = w + (<usize>inputs << 5);
      let bias = load<usize>(args, BIAS) + (<usize>first << 2);
      const x = rowAddress(args + X_VIEW, row, depth, height);
      let y = rowAddress(args + Y_VIEW, row, depth, height) + (<usize>first << 2);
      let residual = rowAddress(args + R_VIEW, row, depth, height) + (<usize>first << 2);
      ${blocks(TILE[kind].widths[0])}
    }
  }
}
`;
}

/** AssemblyScript of the direct convolution. */
export function directSource(kind: Kind): string {
  const { rows, widths } = TILE[kind];
  const tiles = widths.flatMap((v) => range(rows).map((r) => tile(kind, r + 1, v)));
  return [head(kind), FINISH, ...tiles, ...widths.map((v) => blockLoop(rows, v)), entry(kind)].join(
    "\n",
  );
}
