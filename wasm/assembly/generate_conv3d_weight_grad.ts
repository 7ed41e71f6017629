/**
 * Writes the gradient of a convolution's weights by direct summation: for each number of input channels (4 or 1) and
 * width of a block of output channels (4, 8, 16) one function that keeps its sums in registers along a row of voxels.
 */

const HEAD = `/**
 * dw[tap, i, o] = sum of x[voxel + tap, i] * dy[voxel, o] and dbias[o] = sum of dy[voxel, o], in parts: part p sums the rows
 * from rows * p / parts on, so that the number of threads changes nothing.
 *
 * Arguments: batch | depth | height | width | taps z | y | x | channels in | out | floor of x (f32: 0 for ReLU, else -inf) |
 * number of parts | bytes from one part to the next | address of the parts, each dw [taps, in, out] and dbias [out] | view x (of tap 0 of voxel 0, with a halo of
 * zeros as wide as the kernel reaches) | view dy. Items are parts.
 */
import { atLeast, rowAddress, VIEW, voxelStep } from "./_view";

const TAPS: usize = 16;
const CHANNELS_IN: usize = 28;
const CHANNELS_OUT: usize = 32;
const INPUT_FLOOR: usize = 36;
const PARTS: usize = 40;
const STRIDE: usize = 44;
const TO: usize = 48;
const X_VIEW: usize = 52;
const DY_VIEW: usize = X_VIEW + VIEW;

/** One pair of channels along a row. */
function pair(x: usize, stepX: usize, dy: usize, stepDy: usize, width: i32, low: f32): f32 {
  let sum: f32 = 0;
  for (let u = 0; u < width; u++, x += stepX, dy += stepDy) sum += max(load<f32>(x), low) * load<f32>(dy);
  return sum;
}

/** Adds dy along a row to the gradient of the bias. */
function addBias(dy: usize, stepDy: usize, width: i32, channels: i32, to: usize): void {
  let o = 0;
  for (; o + 4 <= channels; o += 4) {
    let sum = v128.load(to + (<usize>o << 2));
    let from = dy + (<usize>o << 2);
    for (let u = 0; u < width; u++, from += stepDy) sum = f32x4.add(sum, v128.load(from));
    v128.store(to + (<usize>o << 2), sum);
  }
  for (; o < channels; o++) {
    let sum = load<f32>(to + (<usize>o << 2));
    let from = dy + (<usize>o << 2);
    for (let u = 0; u < width; u++, from += stepDy) sum += load<f32>(from);
    store<f32>(to + (<usize>o << 2), sum);
  }
}
`;

function lines(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => line(i)).join("\n");
}

/** `rows` input channels times `4 vectors` output channels along a row of voxels. */
function tile(rows: number, vectors: number): string {
  const cell = (f: (r: number, v: number) => string) =>
    lines(rows, (r) => lines(vectors, (v) => f(r, v)));
  return `
function tile_${rows}_${vectors}(x: usize, stepX: usize, dy: usize, stepDy: usize, width: i32, to: usize, rowBytes: usize, low: f32): void {
  const floor = f32x4.splat(low);
${cell((r, v) => `let s${r}_${v} = v128.load(to + ${r} * rowBytes, ${16 * v});`)}
  for (let u = 0; u < width; u++, x += stepX, dy += stepDy) {
${lines(vectors, (v) => `const d${v} = v128.load(dy, ${16 * v});`)}
${
    lines(rows, (r) =>
      `{ const a = atLeast(v128.load32_splat(x, ${4 * r}), floor);\n${
        lines(vectors, (v) =>
          `s${r}_${v} = f32x4.relaxed_madd(a, d${v}, s${r}_${v});`)
      } }`)
  }
  }
${cell((r, v) => `v128.store(to + ${r} * rowBytes, s${r}_${v}, ${16 * v});`)}
}
`;
}

const ENTRY = `
/** All channels of one tap along a row. */
function tapRow(x: usize, stepX: usize, dy: usize, stepDy: usize, width: i32, to: usize, channelsIn: i32, channelsOut: i32, low: f32): void {
  const rowBytes = <usize>channelsOut << 2;
  let o = 0;
  while (channelsOut - o >= 4) {
    const vectors = channelsOut - o >= 16 ? 4 : channelsOut - o >= 8 ? 2 : 1;
    const d = dy + (<usize>o << 2);
    let i = 0;
    for (; i + 4 <= channelsIn; i += 4) {
      const a = x + (<usize>i << 2), at = to + <usize>i * rowBytes + (<usize>o << 2);
      if (vectors == 4) tile_4_4(a, stepX, d, stepDy, width, at, rowBytes, low);
      else if (vectors == 2) tile_4_2(a, stepX, d, stepDy, width, at, rowBytes, low);
      else tile_4_1(a, stepX, d, stepDy, width, at, rowBytes, low);
    }
    for (; i < channelsIn; i++) {
      const a = x + (<usize>i << 2), at = to + <usize>i * rowBytes + (<usize>o << 2);
      if (vectors == 4) tile_1_4(a, stepX, d, stepDy, width, at, rowBytes, low);
      else if (vectors == 2) tile_1_2(a, stepX, d, stepDy, width, at, rowBytes, low);
      else tile_1_1(a, stepX, d, stepDy, width, at, rowBytes, low);
    }
    o += 4 * vectors;
  }
  for (; o < channelsOut; o++) {
    for (let i = 0; i < channelsIn; i++) {
      const at = to + <usize>i * rowBytes + (<usize>o << 2);
      const sum = pair(x + (<usize>i << 2), stepX, dy + (<usize>o << 2), stepDy, width, low);
      store<f32>(at, load<f32>(at) + sum);
    }
  }
}

/** Items are parts. */
export function conv3d_weight_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args, 4), height = load<i32>(args, 8), width = load<i32>(args, 12);
  const rows = load<i32>(args) * depth * height;
  const kz = load<i32>(args, TAPS), ky = load<i32>(args, TAPS + 4), kx = load<i32>(args, TAPS + 8);
  const channelsIn = load<i32>(args, CHANNELS_IN), channelsOut = load<i32>(args, CHANNELS_OUT);
  const parts = load<i32>(args, PARTS), stride = load<usize>(args, STRIDE);
  const low = load<f32>(args, INPUT_FLOOR);
  const xView = args + X_VIEW, dyView = args + DY_VIEW;
  const sz = load<usize>(xView, 8), sy = load<usize>(xView, 12);
  const stepX = voxelStep(xView), stepDy = voxelStep(dyView);
  const tapBytes = <usize>(channelsIn * channelsOut) << 2;
  for (let part = begin; part < end; part++) {
    const to = load<usize>(args, TO) + <usize>part * stride;
    memory.fill(to, 0, stride);
    const last = rows * (part + 1) / parts;
    for (let row = rows * part / parts; row < last; row++) {
      const x = rowAddress(xView, row, depth, height);
      const dy = rowAddress(dyView, row, depth, height);
      let at = to;
      for (let tz = 0; tz < kz; tz++) {
        for (let ty = 0; ty < ky; ty++) {
          for (let tx = 0; tx < kx; tx++) {
            const from = x + tz * sz + ty * sy + tx * stepX;
            tapRow(from, stepX, dy, stepDy, width, at, channelsIn, channelsOut, low);
            at += tapBytes;
          }
        }
      }
      addBias(dy, stepDy, width, channelsOut, at);
    }
  }
}
`;

/** AssemblyScript of the direct gradient of weights. */
export function source(): string {
  const tiles = [4, 1].flatMap((rows) => [1, 2, 4].map((vectors) => tile(rows, vectors)));
  return [HEAD, ...tiles, ENTRY].join("\n");
}
