/**
 * Writes the gradient of 3×3×3 weights by Winograd's identity: with V the transformed input tile (five voxels per axis into
 * five points), as in the forward convolution, and Z = A dy (three voxels into five points),
 *
 *   dw = G^T ( sum over tiles of V Z, per point and pair of channels ) G.
 *
 * 125 products per tile and pair take the place of 729. `unpack_weight_grad_winograd.ts` does the rest.
 */
import { type Kind, lines, range } from "./_winograd_lines.ts";
import { SLICE } from "./_winograd_products.ts";
import { gradientTransforms } from "./_winograd_transforms.ts";

const HEAD = `/**
 * Arguments: batch | depth | height | width | tiles z | y | x | floats per voxel in | out | floor of the input (f32: 0 for ReLU,
 * else -inf) | number of parts | bytes from one part to the next | address of the parts, each dU [125 points z, y, x][in][out]
 * and dbias [out] | view x (of tap 0 of voxel 0) | view dy. Items are parts: part p takes the rows of tiles from
 * rows * p / parts on.
 *
 * Both inputs have a halo of zeros: x one voxel before, and both after the last voxel as many as fill a tile (x one more).
 * Two neighbouring rows of tiles go together where there are two, so that the sums in dU are loaded and stored half as often.
 *
 * Scratch memory, where n is a row of input tiles (3 tiles x + 2 voxels of all input channels) and m a row of output tiles
 * (3 tiles x voxels of all output channels), t the tiles of two rows:
 *   ring  [8 rows y modulo 8][5 points z][n]   input rows after the transform in z
 *   rows  [2 rows of tiles][5 points y][n]     after the transform in y, for one point z
 *   v     [slice][5 points x][t][${SLICE}]             after the transform in x, for one point (z, y)
 *   dyz   [5 points z][6 rows y][m]            dy after the transform in z
 *   dyy   [2 rows of tiles][5 points y][m]     after the transform in y, for one point z
 *   z     [5 points x][t][out]                 after the transform in x, for one point (z, y)
 */
import { VIEW } from "./_view";

const TILES_Z: usize = 16;
const TILES_Y: usize = 20;
const TILES_X: usize = 24;
const PITCH_IN: usize = 28;
const PITCH_OUT: usize = 32;
const INPUT_FLOOR: usize = 36;
const PARTS: usize = 40;
const STRIDE: usize = 44;
const TO: usize = 48;
const X_VIEW: usize = 52;
const DY_VIEW: usize = X_VIEW + VIEW;

/** Bytes of one tile's input channels of a slice. */
const SLICE_BYTES: usize = ${SLICE * 4};
`;

/** Widest tiles of dU whose sums stay in registers, in vectors; they are four input channels high. */
const WIDEST = { shuffle: 2, splat: 4 };

function broadcast(vector: string, lane: number): string {
  const bytes = range(16).map((i) => lane * 4 + i % 4);
  return `v128.shuffle<i8>(${vector}, ${vector}, ${bytes.join(", ")})`;
}

/** C[4][vectors] += V[tiles][4]^T Z[tiles][vectors]. */
function product(kind: Kind, vectors: number): string {
  const cells = range(4).flatMap((r) => range(vectors).map((v) => ({ r, v })));
  const cell = (f: (r: number, v: number) => string) => cells.map(({ r, v }) => f(r, v)).join("\n");
  const inputs = kind === "shuffle"
    ? `const a = v128.load(v);\n${lines(4, (r) => `const a${r} = ${broadcast("a", r)};`)}`
    : lines(4, (r) => `const a${r} = v128.load32_splat(v, ${4 * r});`);
  return `
function add_${vectors}(v: usize, z: usize, c: usize, tiles: i32, pitch: usize): void {
const c0 = c;
${lines(3, (r) => `const c${r + 1} = c${r} + pitch;`)}
${cell((r, v) => `let s${r}_${v} = v128.load(c${r}, ${16 * v});`)}
for (; tiles > 0; tiles--) {
${lines(vectors, (v) => `const b${v} = v128.load(z, ${16 * v});`)}
${inputs}
${cell((r, v) => `s${r}_${v} = f32x4.relaxed_madd(a${r}, b${v}, s${r}_${v});`)}
v += SLICE_BYTES;
z += pitch;
}
${cell((r, v) => `v128.store(c${r}, s${r}_${v}, ${16 * v});`)}
}
`;
}

function point(widths: readonly number[]): string {
  return `
/** All pairs of channels at one point; slices of V are \`step\` bytes apart. */
function point(v: usize, step: usize, z: usize, c: usize, tiles: i32, pitchIn: usize, pitchOut: usize): void {
for (let i: usize = 0; i < pitchIn; i += 16, c += 4 * pitchOut) {
const slice = i / SLICE_BYTES;
const from = v + slice * step + (i - slice * SLICE_BYTES);
let o: usize = 0;
${
    widths.map((v) =>
      `for (; o + ${16 * v} <= pitchOut; o += ${
        16 * v
      }) add_${v}(from, z + o, c + o, tiles, pitchOut);`
    ).join("\n")
  }
}
}

/** Adds the sums of all tiles to the gradient of the bias. */
function addBias(z: usize, tiles: i32, pitch: usize, to: usize): void {
for (; tiles > 0; tiles--, z += pitch) {
for (let i: usize = 0; i < pitch; i += 16) {
v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(z + i)));
}
}
}
`;
}

function entry(kind: Kind): string {
  return `
/** Items are parts. */
export function conv3d_weight_grad_winograd_${kind}(args: usize, begin: i32, end: i32, scratch: usize): void {
  const tilesZ = load<i32>(args, TILES_Z), tilesY = load<i32>(args, TILES_Y), tilesX = load<i32>(args, TILES_X);
  const all = load<i32>(args) * tilesZ * tilesY;
  const pitchIn = load<usize>(args, PITCH_IN) << 2, pitchOut = load<usize>(args, PITCH_OUT) << 2;
  const low = load<f32>(args, INPUT_FLOOR);
  const xView = args + X_VIEW, dyView = args + DY_VIEW;
  const sliceX = load<usize>(xView, 8), rowX = load<usize>(xView, 12);
  const sliceDy = load<usize>(dyView, 8), rowDy = load<usize>(dyView, 12);
  const parts = load<i32>(args, PARTS), stride = load<usize>(args, STRIDE);
  const n = (3 * <usize>tilesX + 2) * pitchIn, m = 3 * <usize>tilesX * pitchOut;
  const stepV = 2 * <usize>tilesX * SLICE_BYTES, stepZ = 2 * <usize>tilesX * pitchOut;
  const ring = scratch, rows = ring + 40 * n, v = rows + 10 * n;
  const dyz = v + (pitchIn + SLICE_BYTES - 1) / SLICE_BYTES * 5 * stepV;
  const dyy = dyz + 30 * m, z = dyy + 10 * m;
  const pairs = (pitchIn >> 2) * pitchOut;
  for (let part = begin; part < end; part++) {
    const to = load<usize>(args, TO) + <usize>part * stride;
    memory.fill(to, 0, stride);
    const first = all * part / parts, last = all * (part + 1) / parts;
    for (let item = first, count = 0; item < last; item += count) {
      const slab = item / tilesY, y = 3 * (item - slab * tilesY);
      const batch = slab / tilesZ, depth = 3 * (slab - batch * tilesZ);
      count = item + 1 < last && y + 3 < 3 * tilesY ? 2 : 1;
      const x = load<usize>(xView) + batch * load<i32>(xView, 4) + depth * sliceX + y * rowX;
      const dy = load<usize>(dyView) + batch * load<i32>(dyView, 4) + depth * sliceDy + y * rowDy;
      for (let r = item == first || y == 0 ? 0 : 2; r < 3 * count + 2; r++) {
        const d = x + r * rowX;
        const at = ring + <usize>((y + r) & 7) * 5 * n;
        forwardRaised(d, d + sliceX, d + 2 * sliceX, d + 3 * sliceX, d + 4 * sliceX, at, n, <i32>n, low);
      }
      for (let r = 0; r < 3 * count; r++) {
        const d = dy + r * rowDy;
        spreadRows(d, d + sliceDy, d + 2 * sliceDy, dyz + r * m, 6 * m, <i32>m);
      }
${lines(8, (k) => `const d${k} = ring + <usize>((y + ${k}) & 7) * 5 * n;`)}
      const tiles = count * tilesX;
      let c = to;
      for (let pz: usize = 0; pz < 5; pz++) {
        const o = pz * n, a = dyz + pz * 6 * m;
        forwardRows(d0 + o, d1 + o, d2 + o, d3 + o, d4 + o, rows, n, <i32>n);
        spreadRows(a, a + m, a + 2 * m, dyy, m, <i32>m);
        if (count == 2) {
          forwardRows(d3 + o, d4 + o, d5 + o, d6 + o, d7 + o, rows + 5 * n, n, <i32>n);
          spreadRows(a + 3 * m, a + 4 * m, a + 5 * m, dyy + 5 * m, m, <i32>m);
        }
        for (let py: usize = 0; py < 5; py++) {
          for (let row: usize = 0; row < <usize>count; row++) {
            const done = row * <usize>tilesX;
            forwardTiles(rows + (5 * row + py) * n, v + done * SLICE_BYTES, tilesX, pitchIn, stepV);
            spreadTiles(dyy + (5 * row + py) * m, z + done * pitchOut, tilesX, pitchOut, stepZ);
          }
          // At point 1 of every axis Z is the sum of the tile.
          if (pz == 1 && py == 1) addBias(z + stepZ, tiles, pitchOut, to + 125 * pairs);
          for (let px: usize = 0; px < 5; px++, c += pairs) {
            point(v + px * stepV, 5 * stepV, z + px * stepZ, c, tiles, pitchIn, pitchOut);
          }
        }
      }
    }
  }
}
`;
}

/** AssemblyScript of the whole kernel. */
export function weightGradSource(kind: Kind): string {
  const widths = [4, 2, 1].filter((v) => v <= WIDEST[kind]);
  return [
    HEAD,
    gradientTransforms(kind),
    ...widths.map((v) => product(kind, v)),
    point(widths),
    entry(kind),
  ].join("\n");
}
