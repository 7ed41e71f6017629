/**
 * Writes the gradient of 3×3×3 weights by Winograd's identity: with V the transformed input tile (five voxels per axis into
 * five points), as in the forward convolution, and Z = A dy (three voxels into five points),
 *
 *   dw = G^T ( sum over tiles of V Z, per point and pair of channels ) G.
 *
 * 125 products per tile and pair take the place of 729. Generated are the transforms and the products, one function for
 * each number of input channels (4 or less) and width of a block of output channels.
 */

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function lines(count: number, line: (i: number) => string): string {
  return range(count).map(line).join("\n");
}

const HEAD = `/**
 * Arguments of conv3d_weight_grad_winograd: batch | depth | height | width | tiles z | y | x | floats per voxel in | out | number
 * of parts | bytes from one part to the next | address of the parts, each dU [125 points z, y, x][in][out] and dbias [out] |
 * view x (of tap 0 of voxel 0) | view dy. Items are parts: part p takes the rows of tiles from rows * p / parts on.
 *
 * Both inputs have a halo of zeros: x one voxel before, and both after the last voxel as many as fill a tile (x one more).
 * Scratch memory, in floats, where n is a row of input tiles (3 tiles x + 2 voxels of all input channels) and m a row of
 * output tiles (3 tiles x voxels of all output channels):
 *   vz [5 points z][5 rows y][n]   zz [5 points z][3 rows y][m]      after the transforms in z
 *   vy [5 points y][n]             zy [5 points y][m]                after y, for one point z
 *   v  [5 points x][tiles x][in]   z  [5 points x][tiles x][out]     after x, for one point (z, y)
 */
import { VIEW } from "./_view";

const TILES_Z: usize = 16;
const TILES_Y: usize = 20;
const TILES_X: usize = 24;
const PITCH_IN: usize = 28;
const PITCH_OUT: usize = 32;
const PARTS: usize = 36;
const STRIDE: usize = 40;
const TO: usize = 44;
const X_VIEW: usize = 48;
const DY_VIEW: usize = X_VIEW + VIEW;
`;

/** Input transform of d0 to d4 into r0 to r4, the same as in the forward convolution. */
const FORWARD = `
const t = f32x4.sub(d3, d1), e = f32x4.sub(d3, d2);
const r0 = f32x4.relaxed_madd(two, f32x4.sub(d0, d2), t);
const r1 = f32x4.relaxed_nmadd(two, d1, e);
const r2 = f32x4.relaxed_madd(two, f32x4.sub(d1, d2), e);
const r3 = t;
const r4 = f32x4.relaxed_nmadd(two, t, f32x4.sub(d4, d2));`;

/** The transpose of the output transform: three values into five points. */
const SPREAD = `
const s = f32x4.add(y0, y2);
const r0 = y0;
const r1 = f32x4.add(s, y1);
const r2 = f32x4.sub(s, y1);
const r3 = f32x4.relaxed_madd(four, y2, f32x4.relaxed_madd(two, y1, y0));
const r4 = y2;`;

function across(name: string, inputs: number, letter: string, body: string): string {
  const parameters = range(inputs).map((k) => `${letter}at${k}: usize`).join(", ");
  return `
/** Transform across ${inputs} rows into five rows \`step\` apart. */
function ${name}(${parameters}, to: usize, step: usize, bytes: usize): void {
  const two = f32x4.splat(2), four = f32x4.splat(4);
  for (let i: usize = 0; i < bytes; i += 16) {
${lines(inputs, (k) => `const ${letter}${k} = v128.load(${letter}at${k} + i);`)}
${body}
${lines(5, (k) => `v128.store(to + ${k} * step + i, r${k});`)}
  }
}
`;
}

function along(name: string, inputs: number, letter: string, body: string): string {
  return `
/** Transform along a row of voxels of \`pitch\` bytes: tiles of ${inputs}, three apart, into five points \`step\` apart. */
function ${name}(row: usize, to: usize, tiles: i32, pitch: usize): void {
  const two = f32x4.splat(2), four = f32x4.splat(4);
  const step = <usize>tiles * pitch;
  for (let tile = 0; tile < tiles; tile++, row += 3 * pitch, to += pitch) {
    for (let i: usize = 0; i < pitch; i += 16) {
${lines(inputs, (k) => `const ${letter}${k} = v128.load(row + ${k} * pitch + i);`)}
${body}
${lines(5, (k) => `v128.store(to + ${k} * step + i, r${k});`)}
    }
  }
}
`;
}

function broadcast(vector: string, lane: number): string {
  const bytes = range(16).map((i) => lane * 4 + i % 4);
  return `v128.shuffle<i8>(${vector}, ${vector}, ${bytes.join(", ")})`;
}

/** C[4][4 vectors] += A[k][4]^T B[k][4 vectors], k tiles deep. */
function product(kind: "shuffle" | "splat", vectors: number): string {
  const cells = range(4).flatMap((r) => range(vectors).map((v) => ({ r, v })));
  const cell = (f: (r: number, v: number) => string) => cells.map(({ r, v }) => f(r, v)).join("\n");
  const inputs = kind === "shuffle"
    ? `const a = v128.load(v);\n${lines(4, (r) => `const a${r} = ${broadcast("a", r)};`)}`
    : lines(4, (r) => `const a${r} = v128.load32_splat(v, ${4 * r});`);
  return `
function ${kind}_${vectors}(v: usize, z: usize, c: usize, tiles: i32, pitchIn: usize, pitchOut: usize): void {
${cell((r, v) => `let s${r}_${v} = v128.load(c + ${r} * pitchOut, ${16 * v});`)}
  for (let k = 0; k < tiles; k++, v += pitchIn, z += pitchOut) {
${lines(vectors, (v) => `const b${v} = v128.load(z, ${16 * v});`)}
${inputs}
${cell((r, v) => `s${r}_${v} = f32x4.relaxed_madd(a${r}, b${v}, s${r}_${v});`)}
  }
${cell((r, v) => `v128.store(c + ${r} * pitchOut, s${r}_${v}, ${16 * v});`)}
}
`;
}

function kernel(kind: "shuffle" | "splat", widest: number): string {
  const widths = [4, 2, 1].filter((v) => v <= widest);
  return `
/** All pairs of channels at one point. */
function ${kind}_point(v: usize, z: usize, c: usize, tiles: i32, pitchIn: usize, pitchOut: usize): void {
  for (let i: usize = 0; i < pitchIn; i += 16) {
    const row = c + (i >> 2) * pitchOut;
    let o: usize = 0;
${
    widths.map((v) =>
      `for (; o + ${16 * v} <= pitchOut; o += ${
        16 * v
      }) ${kind}_${v}(v + i, z + o, row + o, tiles, pitchIn, pitchOut);`
    ).join("\n")
  }
  }
}

/** Items are parts. */
export function conv3d_weight_grad_winograd_${kind}(args: usize, begin: i32, end: i32, scratch: usize): void {
  const tilesZ = load<i32>(args, TILES_Z), tilesY = load<i32>(args, TILES_Y), tilesX = load<i32>(args, TILES_X);
  const rows = load<i32>(args) * tilesZ * tilesY;
  const pitchIn = load<usize>(args, PITCH_IN) << 2, pitchOut = load<usize>(args, PITCH_OUT) << 2;
  const xView = args + X_VIEW, dyView = args + DY_VIEW;
  const parts = load<i32>(args, PARTS), stride = load<usize>(args, STRIDE);
  const n = (3 * <usize>tilesX + 2) * pitchIn, m = 3 * <usize>tilesX * pitchOut;
  const vz = scratch, zz = vz + 25 * n, vy = zz + 15 * m, zy = vy + 5 * n;
  const v = zy + 5 * m, z = v + 5 * <usize>tilesX * pitchIn;
  const pair = (pitchIn >> 2) * pitchOut;
  const stepV = <usize>tilesX * pitchIn, stepZ = <usize>tilesX * pitchOut;
  for (let part = begin; part < end; part++) {
    const to = load<usize>(args, TO) + <usize>part * stride;
    memory.fill(to, 0, stride);
    const last = rows * (part + 1) / parts;
    for (let row = rows * part / parts; row < last; row++) {
      const slab = row / tilesY, y = 3 * (row - slab * tilesY);
      const batch = slab / tilesZ, depth = 3 * (slab - batch * tilesZ);
      const sliceX = load<usize>(xView, 8), sliceY = load<usize>(dyView, 8);
      const x = load<usize>(xView) + batch * load<i32>(xView, 4) + depth * sliceX + y * load<i32>(xView, 12);
      const d = load<usize>(dyView) + batch * load<i32>(dyView, 4) + depth * sliceY + y * load<i32>(dyView, 12);
      for (let r = 0; r < 5; r++) {
        const at = x + r * load<usize>(xView, 12);
        forwardAcross(at, at + sliceX, at + 2 * sliceX, at + 3 * sliceX, at + 4 * sliceX, vz + r * n, 5 * n, n);
      }
      for (let r = 0; r < 3; r++) {
        const at = d + r * load<usize>(dyView, 12);
        spreadAcross(at, at + sliceY, at + 2 * sliceY, zz + r * m, 3 * m, m);
      }
      let c = to;
      for (let pz: usize = 0; pz < 5; pz++) {
        const a = vz + pz * 5 * n, b = zz + pz * 3 * m;
        forwardAcross(a, a + n, a + 2 * n, a + 3 * n, a + 4 * n, vy, n, n);
        spreadAcross(b, b + m, b + 2 * m, zy, m, m);
        for (let py: usize = 0; py < 5; py++) {
          forwardAlong(vy + py * n, v, tilesX, pitchIn);
          spreadAlong(zy + py * m, z, tilesX, pitchOut);
          // At point 1 of every axis Z is the sum of the tile.
          if (pz == 1 && py == 1) addBias(z + stepZ, tilesX, pitchOut, to + 125 * pair);
          for (let px: usize = 0; px < 5; px++, c += pair) {
            ${kind}_point(v + px * stepV, z + px * stepZ, c, tilesX, pitchIn, pitchOut);
          }
        }
      }
    }
  }
}
`;
}

const REST = `
/** Adds the sums of all tiles to the gradient of the bias. */
function addBias(z: usize, tiles: i32, pitch: usize, to: usize): void {
  for (let tile = 0; tile < tiles; tile++, z += pitch) {
    for (let i: usize = 0; i < pitch; i += 16) {
      v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(z + i)));
    }
  }
}

/** Five values \`step\` bytes apart into three: the transpose of the transform of weights. */
@inline
function fold(from: usize, to: usize, step: usize, stepTo: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + step), m2 = v128.load(from + 2 * step);
  const m3 = v128.load(from + 3 * step), m4 = v128.load(from + 4 * step);
  const half = f32x4.splat(0.5), sixth = f32x4.splat(1.0 / 6.0), third = f32x4.splat(1.0 / 3.0);
  const twoThirds = f32x4.splat(2.0 / 3.0);
  // Rows of G: [1/2, 0, 0], [-1/2, -1/2, -1/2], [-1/6, 1/6, -1/6], [1/6, 1/3, 2/3], [0, 0, 1].
  const halfM1 = f32x4.mul(half, m1), sixthM2 = f32x4.mul(sixth, m2);
  const w0 = f32x4.sub(f32x4.add(f32x4.mul(half, m0), f32x4.mul(sixth, m3)), f32x4.add(halfM1, sixthM2));
  const w1 = f32x4.add(f32x4.sub(sixthM2, halfM1), f32x4.mul(third, m3));
  const w2 = f32x4.add(f32x4.sub(f32x4.mul(twoThirds, m3), f32x4.add(halfM1, sixthM2)), m4);
  v128.store(to, w0);
  v128.store(to + stepTo, w1);
  v128.store(to + 2 * stepTo, w2);
}

/**
 * Sums the parts and transforms them back. Arguments: channels in | out | floats per voxel in | out | number of parts | bytes
 * from one part to the next | address of the parts | of dw [27, in, out] | of dbias [out]. Items are input channels; the first
 * also sums the bias. Scratch memory: [125 + 75 + 45 + 27] vectors of four output channels.
 */
export function unpack_weight_grad_winograd(args: usize, begin: i32, end: i32, scratch: usize): void {
  const channelsIn = load<i32>(args), channelsOut = load<i32>(args, 4);
  const pitchIn = load<i32>(args, 8), pitchOut = load<i32>(args, 12);
  const parts = load<i32>(args, 16), stride = load<usize>(args, 20);
  const from = load<usize>(args, 24), dw = load<usize>(args, 28), dbias = load<usize>(args, 32);
  const pair = <usize>(pitchIn * pitchOut) << 2;
  const afterX = scratch + 125 * 16, afterY = afterX + 75 * 16, taps = afterY + 45 * 16;
  if (begin == 0) {
    for (let o = 0; o < channelsOut; o++) {
      let at = from + 125 * pair + (<usize>o << 2);
      let sum: f32 = 0;
      for (let part = 0; part < parts; part++, at += stride) sum += load<f32>(at);
      store<f32>(dbias + (<usize>o << 2), sum);
    }
  }
  for (let i = begin; i < end; i++) {
    for (let o = 0; o < channelsOut; o += 4) {
      for (let point: usize = 0; point < 125; point++) {
        let at = from + point * pair + (<usize>(i * pitchOut + o) << 2);
        let sum = v128.load(at);
        for (let part = 1; part < parts; part++) {
          at += stride;
          sum = f32x4.add(sum, v128.load(at));
        }
        v128.store(scratch + (point << 4), sum);
      }
      for (let k: usize = 0; k < 25; k++) fold(scratch + 80 * k, afterX + 48 * k, 16, 16);
      for (let z: usize = 0; z < 5; z++) {
        for (let x: usize = 0; x < 3; x++) fold(afterX + 240 * z + 16 * x, afterY + 144 * z + 16 * x, 48, 48);
      }
      for (let k: usize = 0; k < 9; k++) fold(afterY + 16 * k, taps + 16 * k, 144, 144);
      const left = min(4, channelsOut - o);
      for (let tap = 0; tap < 27; tap++) {
        const to = dw + (<usize>((tap * channelsIn + i) * channelsOut + o) << 2);
        memory.copy(to, taps + (<usize>tap << 4), <usize>left << 2);
      }
    }
  }
}
`;

/** AssemblyScript of the gradient of 3×3×3 weights. */
export function source(): string {
  return [
    HEAD,
    across("forwardAcross", 5, "d", FORWARD),
    across("spreadAcross", 3, "y", SPREAD),
    along("forwardAlong", 5, "d", FORWARD),
    along("spreadAlong", 3, "y", SPREAD),
    ...[1, 2].map((v) => product("shuffle", v)),
    ...[1, 2, 4].map((v) => product("splat", v)),
    REST,
    kernel("shuffle", 2),
    kernel("splat", 4),
  ].join("\n");
}
