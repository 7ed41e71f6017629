/** Writes the 3×3×3 convolution by Winograd's F(3,3) in all three dimensions: 125 products for 27 outputs instead of 729. */
import { type Kind, lines } from "./_winograd_lines.ts";
import { products, SLICE } from "./_winograd_products.ts";
import { transforms } from "./_winograd_transforms.ts";

const HEAD = `
/**
 * Winograd convolution of inputs with a halo of zeros: one voxel before, and after the last voxel as many as fill a tile
 * and one more.
 *
 * Arguments: depth | height | width | tiles z | y | x | floats per voxel in | out | floor of the input (f32: 0 for ReLU, else
 * -inf) | floor of the output | 1 with residual | 1 with mask (then bias and floor of the output have no effect) | address of transformed weights | of bias |
 * view x (of tap 0 of voxel 0) | view y | view residual | view mask.
 *
 * Scratch memory, where n is a row of input tiles (3 tiles x + 2 voxels of all input channels) and m a row of outputs
 * (3 tiles x voxels of all output channels):
 *   ring  [5 rows y modulo 5][5 points z][n]   input rows after the transform in z
 *   rows  [5 points y][n]                      after the transform in y, for one point z
 *   v     [slice][5 points x][tiles x][${SLICE}]       after the transform in x, for one point (z, y)
 *   p     [5 points x][tiles x][out]           products
 *   w     [5 points y][m]                      after the back-transform in x, for one point z
 *   sums  [5 points z][3 rows y][m]            after the back-transform in y
 *   spare [m]                                  takes the rows beyond the last
 */
import { rowAddress, VIEW } from "./_view";

const TILES_Z: usize = 12;
const TILES_Y: usize = 16;
const TILES_X: usize = 20;
const PITCH_IN: usize = 24;
const PITCH_OUT: usize = 28;
const INPUT_FLOOR: usize = 32;
const OUTPUT_FLOOR: usize = 36;
const RESIDUAL: usize = 40;
const MASK: usize = 44;
const WEIGHTS: usize = 48;
const BIAS: usize = 52;
const X_VIEW: usize = 56;
const Y_VIEW: usize = X_VIEW + VIEW;
const R_VIEW: usize = Y_VIEW + VIEW;
const M_VIEW: usize = R_VIEW + VIEW;

/** Bytes of one tile's input channels of a slice. */
const SLICE_BYTES: usize = ${SLICE * 4};
`;

const LINE = `
/** Transforms a row of tiles at one point (z, y), multiplies it with the weights, and transforms it back along the row. */
function line(row: usize, u: usize, v: usize, p: usize, w: usize, tiles: i32, pitchIn: usize, pitchOut: usize): void {
  forwardTiles(row, v, tiles, pitchIn, <usize>tiles * SLICE_BYTES);
  const all = pitchIn >> 2;
  for (let first: usize = 0; first < pitchIn; first += SLICE_BYTES) {
    const k = <i32>(min(pitchIn - first, SLICE_BYTES) >> 2);
    const slice = v + first * 5 * <usize>tiles;
    for (let x: usize = 0; x < 5; x++) {
      const tile = x * <usize>tiles;
      product(tiles, slice + tile * SLICE_BYTES, u + x * all * pitchOut, p + tile * pitchOut, k, pitchOut, first >> 2, all);
    }
  }
  backwardTiles(p, w, tiles, pitchOut);
}
`;

function entry(kind: Kind): string {
  return `
/** Items are rows of tiles, 3 x 3 rows of outputs. */
export function conv3d_winograd_${kind}(args: usize, begin: i32, end: i32, scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const tilesZ = load<i32>(args, TILES_Z), tilesY = load<i32>(args, TILES_Y), tilesX = load<i32>(args, TILES_X);
  const pitchIn = load<usize>(args, PITCH_IN) << 2, pitchOut = load<usize>(args, PITCH_OUT) << 2;
  const low = load<f32>(args, INPUT_FLOOR), floor = load<f32>(args, OUTPUT_FLOOR);
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
      forwardRaised(d, d + sliceIn, d + 2 * sliceIn, d + 3 * sliceIn, d + 4 * sliceIn, to, n, <i32>n, low);
    }
${lines(5, (k) => `const d${k} = ring + <usize>((y + ${k}) % 5) * 5 * n;`)}
    let u = load<usize>(args, WEIGHTS);
    for (let pz: usize = 0; pz < 5; pz++) {
      const o = pz * n;
      forwardRows(d0 + o, d1 + o, d2 + o, d3 + o, d4 + o, rows, n, <i32>n);
      for (let py: usize = 0; py < 5; py++, u += 5 * point) {
        line(rows + py * n, u, v, p, w + py * m, tilesX, pitchIn, pitchOut);
      }
      backwardRows(w, sums + pz * 3 * m, m, <i32>m);
    }
    const bias = load<usize>(args, BIAS);
    for (let r = 0; r < 3 && y + r < height; r++) {
      const from = sums + <usize>r * m;
      const row = (batch * depth + z) * height + y + r;
      const to = rowAddress(yView, row, depth, height), stepTo = load<usize>(yView, 8);
      const to1 = z + 1 < depth ? to + stepTo : spare, to2 = z + 2 < depth ? to + 2 * stepTo : spare;
      const q = rowAddress(residualView, row, depth, height), stepQ = load<usize>(residualView, 8);
      const q1 = z + 1 < depth ? q + stepQ : spare, q2 = z + 2 < depth ? q + 2 * stepQ : spare;
      if (load<i32>(args, MASK)) {
        const e = rowAddress(args + M_VIEW, row, depth, height), stepE = load<usize>(args, M_VIEW + 8);
        const e1 = z + 1 < depth ? e + stepE : spare, e2 = z + 2 < depth ? e + 2 * stepE : spare;
        if (load<i32>(args, RESIDUAL)) {
          finishMaskedWithResidual(from, 3 * m, width, <i32>pitchOut, to, to1, to2, e, e1, e2, q, q1, q2);
        } else {
          finishMasked(from, 3 * m, width, <i32>pitchOut, to, to1, to2, e, e1, e2);
        }
      } else if (load<i32>(args, RESIDUAL)) {
        finishWithResidual(from, 3 * m, width, <i32>pitchOut, bias, floor, to, to1, to2, q, q1, q2);
      } else {
        finish(from, 3 * m, width, <i32>pitchOut, bias, floor, to, to1, to2);
      }
    }
  }
}
`;
}

const MEMORY = "--importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536";

/** AssemblyScript of the whole kernel. */
export function winogradSource(kind: Kind): string {
  const level = kind === "shuffle" ? "-O0" : "-O3";
  return [`// asc: ${level} ${MEMORY}${HEAD}`, transforms(kind), products(kind), LINE, entry(kind)]
    .join("\n");
}
