/**
 * Writes the 3×3×3 convolution by Winograd's method F(3,3) in all three dimensions, points 0, 1, -1, 2 and infinity: 125
 * products for 27 outputs instead of 729. Generated are the matrix products, one function for each number of rows,
 * width and way to broadcast, and the transforms, which are the same lines for one and for two vectors at a time.
 */

/** Rows of a product that keep their sums in registers beside the weights. */
export const MAX_ROWS = 6;

/** Input channels that are multiplied at once; their distance in memory is a constant of the code. */
export const SLICE = 32;

/** How a product repeats an input over the lanes of a vector. */
type Kind = "shuffle" | "splat";

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function lines(count: number, line: (i: number) => string): string {
  return range(count).map(line).join("\n");
}

const HEAD = `/**
 * Winograd convolution of inputs with a halo of zeros: one voxel before, and after the last voxel as many as fill a tile
 * and one more.
 *
 * Arguments: depth | height | width | tiles z | y | x | floats per voxel in | out | floor of the input (f32: 0 for ReLU, else
 * -inf) | floor of the output | 1 with residual | address of transformed weights | of bias | view x (of tap 0 of voxel 0) |
 * view y | view residual.
 *
 * An item is a row of tiles, 3 x 3 output rows. Scratch memory, in floats, where n is a row of input tiles (3 tiles x + 2
 * voxels of all input channels) and m a row of outputs (3 tiles x voxels of all output channels):
 *   ring  [5 rows y modulo 5][5 points z][n]   input rows after the transform in z
 *   rows  [5 points y][n]                      after the transform in y, for one point z
 *   v     [slice][5 points x][tiles x][${SLICE}]       after the transform in x, for one point (z, y)
 *   p     [5 points x][tiles x][out]           products
 *   w     [5 points y][m]                      after the back-transform in x, for one point z
 *   sums  [5 points z][3 rows y][m]            after the back-transform in y
 *   spare [m]                                  takes the rows beyond the last
 */
import { atLeast, rowAddress, VIEW } from "./_view";

const TILES_Z: usize = 12;
const TILES_Y: usize = 16;
const TILES_X: usize = 20;
const PITCH_IN: usize = 24;
const PITCH_OUT: usize = 28;
const INPUT_FLOOR: usize = 32;
const OUTPUT_FLOOR: usize = 36;
const RESIDUAL: usize = 40;
const WEIGHTS: usize = 44;
const BIAS: usize = 48;
const X_VIEW: usize = 52;
const Y_VIEW: usize = X_VIEW + VIEW;
const R_VIEW: usize = Y_VIEW + VIEW;

/** Bytes of one tile's input channels of a slice. */
const SLICE_BYTES: usize = ${SLICE * 4};
`;

function broadcast(vector: string, lane: number): string {
  const bytes = range(16).map((i) => lane * 4 + i % 4);
  return `v128.shuffle<i8>(${vector}, ${vector}, ${bytes.join(", ")})`;
}

function multiplyAdd(
  rows: number,
  vectors: number,
  step: number,
  input: (r: number) => string,
): string {
  const weights = lines(
    vectors,
    (v) => `const w${step}_${v} = v128.load(u, ${(step * vectors + v) * 16});`,
  );
  const sums = lines(
    rows,
    (r) =>
      `{ const x = ${input(r)};\n${
        lines(vectors, (v) => `s${r}_${v} = f32x4.relaxed_madd(x, w${step}_${v}, s${r}_${v});`)
      } }`,
  );
  return `{\n${weights}\n${sums}\n}`;
}

/**
 * C[rows][4 vectors] (+)= A[rows][k] B[k][4 vectors], rows of A ${SLICE} floats apart. "shuffle" loads four k of a row at
 * once and is the faster without V8's revectoriser; "splat" loads one at a time and packs into 256-bit sums with it.
 */
function product(kind: Kind, rows: number, vectors: number): string {
  const cells = range(rows).flatMap((r) => range(vectors).map((v) => ({ r, v })));
  const cell = (f: (r: number, v: number) => string) => cells.map(({ r, v }) => f(r, v)).join("\n");
  const loop = kind === "shuffle"
    ? `
  for (const end = a + (k << 2); a < end; a += 16) {
${lines(rows, (r) => `const a${r} = v128.load(a, ${r * SLICE * 4});`)}
${lines(4, (i) => multiplyAdd(rows, vectors, i, (r) => broadcast(`a${r}`, i)))}
    u += ${64 * vectors};
  }`
    : `
  for (const end = a + (k << 2); a < end; a += 4) {
${multiplyAdd(rows, vectors, 0, (r) => `v128.load32_splat(a, ${r * SLICE * 4})`)}
    u += ${16 * vectors};
  }`;
  return `
export function ${kind}_${rows}_${vectors}(a: usize, u: usize, c: usize, k: i32, step: usize, more: bool): void {
${cell((r, v) => `let s${r}_${v} = f32x4.splat(0);`)}
  if (more) {
${cell((r, v) => `s${r}_${v} = v128.load(c + ${r} * step, ${16 * v});`)}
  }
${loop}
${cell((r, v) => `v128.store(c + ${r} * step, s${r}_${v}, ${16 * v});`)}
}
`;
}

/** One number of rows, any number of output channels; \`done\` of \`all\` input channels are in c already. */
function productsOf(kind: Kind, rows: number): string {
  const part = (vectors: number) => `
    ${kind}_${rows}_${vectors}(a, u + done * ${16 * vectors}, c, k, step, done != 0);
    u += all * ${16 * vectors};
    c += ${16 * vectors};`;
  return `
function ${kind}_${rows}(a: usize, u: usize, c: usize, k: i32, step: usize, done: usize, all: usize): void {
  let left = <i32>step >> 4;
  for (; left >= 4; left -= 4) {${part(4)}
  }
  if (left >= 2) {${part(2)}
    left -= 2;
  }
  if (left > 0) {${part(1)}
  }
}
`;
}

function dispatch(kind: Kind): string {
  return `
/** \`rows\` tiles times all output channels of a point. */
@inline
function ${kind}_rows(rows: i32, a: usize, u: usize, c: usize, k: i32, step: usize, done: usize, all: usize): void {
  switch (rows) {
${lines(MAX_ROWS, (i) => `case ${i + 1}: ${kind}_${i + 1}(a, u, c, k, step, done, all); break;`)}
  }
}
`;
}

/** Input transform of values d0 to d4 into r0 to r4; `s` tells vectors of one iteration apart. */
function forward(s: string): string {
  return `
const t${s} = f32x4.sub(d3${s}, d1${s}), e${s} = f32x4.sub(d3${s}, d2${s});
const r0${s} = f32x4.relaxed_madd(two, f32x4.sub(d0${s}, d2${s}), t${s});
const r1${s} = f32x4.relaxed_nmadd(two, d1${s}, e${s});
const r2${s} = f32x4.relaxed_madd(two, f32x4.sub(d1${s}, d2${s}), e${s});
const r3${s} = t${s};
const r4${s} = f32x4.relaxed_nmadd(two, t${s}, f32x4.sub(d4${s}, d2${s}));`;
}

/** Output transform of products m0 to m4 into y0 to y2. */
function backward(s: string): string {
  return `
const p${s} = f32x4.add(m1${s}, m2${s}), q${s} = f32x4.sub(m1${s}, m2${s});
const y0${s} = f32x4.add(f32x4.add(m0${s}, p${s}), m3${s});
const y1${s} = f32x4.relaxed_madd(two, m3${s}, q${s});
const y2${s} = f32x4.relaxed_madd(four, m3${s}, f32x4.add(p${s}, m4${s}));`;
}

/** A loop over \`bytes\` bytes at offset \`i\`, two vectors at a time, and one more where that is left over. */
function paired(body: (suffixes: string[]) => string): string {
  return `
  let i: usize = 0;
  for (; i + 32 <= bytes; i += 32) {
${body(["a", "b"])}
  }
  if (i < bytes) {
${body(["a"])}
  }`;
}

/** All loads come before the stores, or V8's revectoriser does not pair them. */
function each(suffixes: string[], line: (suffix: string, offset: number) => string): string {
  return suffixes.map((s, n) => line(s, 16 * n)).join("\n");
}

/** Transform across rows: five rows at d0 to d4 into five rows \`step\` apart. */
function forwardRows(raised: boolean): string {
  const load = (k: number, s: string, o: number) => {
    const value = `v128.load(d${k} + i, ${o})`;
    return `const d${k}${s} = ${raised ? `atLeast(${value}, low)` : value};`;
  };
  return `
/** Transform across rows: five rows at d0 to d4${
    raised ? ", raised to low," : ""
  } into five rows \`step\` apart. */
function ${
    raised ? "forwardRaised" : "forwardRows"
  }(d0: usize, d1: usize, d2: usize, d3: usize, d4: usize, to: usize, step: usize, bytes: usize${
    raised ? ", low: v128" : ""
  }): void {
  const two = f32x4.splat(2);
${
    paired((suffixes) => `
${each(suffixes, (s, o) => lines(5, (k) => load(k, s, o)))}
${each(suffixes, forward)}
${lines(5, (k) => each(suffixes, (s, o) => `v128.store(to + ${k} * step + i, r${k}${s}, ${o});`))}`)
  }
}
`;
}

const TRANSFORMS = `
/** Transform along a row: tiles of five voxels, three apart, into v; a voxel has \`pitch\` bytes. */
function forwardTiles(row: usize, v: usize, tiles: i32, pitch: usize): void {
  const two = f32x4.splat(2);
  const step = <usize>tiles * SLICE_BYTES;
  for (let tile = 0; tile < tiles; tile++, row += 3 * pitch) {
    for (let first: usize = 0; first < pitch; first += SLICE_BYTES) {
      const bytes = min(pitch - first, SLICE_BYTES);
      const from = row + first;
      const to = v + first * 5 * <usize>tiles + <usize>tile * SLICE_BYTES;
${
  paired((suffixes) => `
${
    each(
      suffixes,
      (s, o) => lines(5, (k) => `const d${k}${s} = v128.load(from + ${k} * pitch + i, ${o});`),
    )
  }
${each(suffixes, forward)}
${lines(5, (k) => each(suffixes, (s, o) => `v128.store(to + ${k} * step + i, r${k}${s}, ${o});`))}`)
}
    }
  }
}

/** Back-transform along a row: products of all tiles into three voxels per tile. */
function backwardTiles(p: usize, row: usize, tiles: i32, pitch: usize): void {
  const two = f32x4.splat(2), four = f32x4.splat(4);
  const step = <usize>tiles * pitch;
  const bytes = pitch;
  for (let tile = 0; tile < tiles; tile++, p += pitch, row += 3 * pitch) {
${
  paired((suffixes) => `
${
    each(
      suffixes,
      (s, o) => lines(5, (k) => `const m${k}${s} = v128.load(p + ${k} * step + i, ${o});`),
    )
  }
${each(suffixes, backward)}
${
    lines(
      3,
      (k) => each(suffixes, (s, o) => `v128.store(row + ${k} * pitch + i, y${k}${s}, ${o});`),
    )
  }`)
}
  }
}

/** Back-transform across five rows \`step\` apart into three rows \`step\` apart. */
function backwardRows(from: usize, to: usize, step: usize, bytes: usize): void {
  const two = f32x4.splat(2), four = f32x4.splat(4);
${
  paired((suffixes) => `
${
    each(
      suffixes,
      (s, o) => lines(5, (k) => `const m${k}${s} = v128.load(from + ${k} * step + i, ${o});`),
    )
  }
${each(suffixes, backward)}
${lines(3, (k) => each(suffixes, (s, o) => `v128.store(to + ${k} * step + i, y${k}${s}, ${o});`))}`)
}
}
`;

/** The last back-transform, with bias, residual and ReLU. */
function finish(residual: boolean): string {
  const name = residual ? "finishWithResidual" : "finish";
  const more = residual ? ", q0: usize, q1: usize, q2: usize" : "";
  return `
/** Back-transform across five rows \`step\` apart into rows at y0, y1 and y2${
    residual ? ", plus those at q0, q1 and q2" : ""
  }; a voxel has \`bytes\` bytes. */
function ${name}(from: usize, step: usize, voxels: i32, bytes: usize, bias: usize, floor: v128, y0: usize, y1: usize, y2: usize${more}): void {
  const two = f32x4.splat(2), four = f32x4.splat(4);
  for (let voxel = 0; voxel < voxels; voxel++) {
${
    paired((suffixes) => `
${
      each(
        suffixes,
        (s, o) => lines(5, (k) => `const m${k}${s} = v128.load(from + ${k} * step + i, ${o});`),
      )
    }
${each(suffixes, (s, o) => `const c${s} = v128.load(bias + i, ${o});`)}
${
      residual
        ? each(suffixes, (s, o) => lines(3, (k) => `const z${k}${s} = v128.load(q${k} + i, ${o});`))
        : ""
    }
${each(suffixes, backward)}
${
      lines(3, (k) =>
        each(suffixes, (s, o) => {
          const biased = `f32x4.add(y${k}${s}, c${s})`;
          const value = residual ? `f32x4.add(${biased}, z${k}${s})` : biased;
          return `v128.store(y${k} + i, atLeast(${value}, floor), ${o});`;
        }))
    }`)
  }
    from += bytes;
    y0 += bytes; y1 += bytes; y2 += bytes;
    ${residual ? "q0 += bytes; q1 += bytes; q2 += bytes;" : ""}
  }
}
`;
}

function kernel(kind: Kind): string {
  return `
/** Transforms a row of tiles at one point (z, y), multiplies it with the weights, and transforms it back along the row. */
function ${kind}_line(row: usize, u: usize, v: usize, p: usize, w: usize, tiles: i32, pitchIn: usize, pitchOut: usize): void {
  forwardTiles(row, v, tiles, pitchIn);
  const chunks = (tiles + ${MAX_ROWS - 1}) / ${MAX_ROWS};
  const all = pitchIn >> 2;
  for (let first: usize = 0; first < pitchIn; first += SLICE_BYTES) {
    const k = <i32>(min(pitchIn - first, SLICE_BYTES) >> 2);
    const slice = v + first * 5 * <usize>tiles;
    for (let x = 0; x < 5; x++) {
      const weights = u + <usize>x * all * pitchOut;
      for (let chunk = 0, begin = 0; chunk < chunks; chunk++) {
        const end = tiles * (chunk + 1) / chunks;
        const tile = <usize>(x * tiles + begin);
        ${kind}_rows(end - begin, slice + tile * SLICE_BYTES, weights, p + tile * pitchOut, k, pitchOut, first >> 2, all);
        begin = end;
      }
    }
  }
  backwardTiles(p, w, tiles, pitchOut);
}

/** Items are rows of tiles. */
export function conv3d_winograd_${kind}(args: usize, begin: i32, end: i32, scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const tilesZ = load<i32>(args, TILES_Z), tilesY = load<i32>(args, TILES_Y), tilesX = load<i32>(args, TILES_X);
  const pitchIn = load<usize>(args, PITCH_IN) << 2, pitchOut = load<usize>(args, PITCH_OUT) << 2;
  const low = v128.load32_splat(args, INPUT_FLOOR), floor = v128.load32_splat(args, OUTPUT_FLOOR);
  const xView = args + X_VIEW, yView = args + Y_VIEW, residualView = args + R_VIEW;
  const sliceIn = load<usize>(xView, 8), rowIn = load<usize>(xView, 12);
  const point = (pitchIn >> 2) * pitchOut;
  const n = (3 * <usize>tilesX + 2) * pitchIn;
  const m = 3 * <usize>tilesX * pitchOut;
  const ring = scratch;
  const rows = ring + 25 * n;
  const v = rows + 5 * n;
  const p = v + (pitchIn + SLICE_BYTES - 1) / SLICE_BYTES * 5 * <usize>tilesX * SLICE_BYTES;
  const w = p + 5 * <usize>tilesX * pitchOut;
  const sums = w + 5 * m;
  const spare = sums + 15 * m;
  for (let item = begin; item < end; item++) {
    const slab = item / tilesY, y = 3 * (item - slab * tilesY);
    const batch = slab / tilesZ, z = 3 * (slab - batch * tilesZ);
    const x = load<usize>(xView) + batch * load<i32>(xView, 4) + z * sliceIn + y * rowIn;
    for (let r = item == begin || y == 0 ? 0 : 2; r < 5; r++) {
      const d = x + r * rowIn;
      const to = ring + <usize>((y + r) % 5) * 5 * n;
      forwardRaised(d, d + sliceIn, d + 2 * sliceIn, d + 3 * sliceIn, d + 4 * sliceIn, to, n, n, low);
    }
    const d0 = ring + <usize>(y % 5) * 5 * n;
${lines(4, (k) => `const d${k + 1} = ring + <usize>((y + ${k + 1}) % 5) * 5 * n;`)}
    let u = load<usize>(args, WEIGHTS);
    for (let pz: usize = 0; pz < 5; pz++) {
      const o = pz * n;
      forwardRows(d0 + o, d1 + o, d2 + o, d3 + o, d4 + o, rows, n, n);
      for (let py: usize = 0; py < 5; py++, u += 5 * point) {
        ${kind}_line(rows + py * n, u, v, p, w + py * m, tilesX, pitchIn, pitchOut);
      }
      backwardRows(w, sums + pz * 3 * m, m, m);
    }
    const bias = load<usize>(args, BIAS);
    for (let r = 0; r < 3 && y + r < height; r++) {
      const from = sums + <usize>r * m;
      const row = (batch * depth + z) * height + y + r;
      const to = rowAddress(yView, row, depth, height), stepTo = load<usize>(yView, 8);
      const to1 = z + 1 < depth ? to + stepTo : spare, to2 = z + 2 < depth ? to + 2 * stepTo : spare;
      if (load<i32>(args, RESIDUAL)) {
        const q = rowAddress(residualView, row, depth, height), stepQ = load<usize>(residualView, 8);
        const q1 = z + 1 < depth ? q + stepQ : spare, q2 = z + 2 < depth ? q + 2 * stepQ : spare;
        finishWithResidual(from, 3 * m, width, pitchOut, bias, floor, to, to1, to2, q, q1, q2);
      } else {
        finish(from, 3 * m, width, pitchOut, bias, floor, to, to1, to2);
      }
    }
  }
}
`;
}

/** AssemblyScript of the Winograd convolution. */
export function source(): string {
  const rows = range(MAX_ROWS).map((r) => r + 1);
  const kinds: Kind[] = ["shuffle", "splat"];
  const kernels = kinds.flatMap((kind) => [
    ...rows.flatMap((r) => [1, 2, 4].map((v) => product(kind, r, v))),
    ...rows.map((r) => productsOf(kind, r)),
    dispatch(kind),
    kernel(kind),
  ]);
  const transforms = [
    forwardRows(false),
    forwardRows(true),
    TRANSFORMS,
    finish(false),
    finish(true),
  ];
  return [HEAD, ...transforms, ...kernels].join("\n");
}
