/**
 * Writes the gradient of a convolution's weights by direct summation: for each number of input channels (4 or 1) and
 * width of a block of output channels (4, 8, 16) one function that keeps its sums in registers along rows of voxels.
 */

const HEAD = `/**
 * dw[tap, i, o] = sum of x[voxel * stride + tap, i] * dy[voxel, o] and dbias[o] = sum of dy[voxel, o], in parts: part p sums
 * the rows from rows * p / parts on, so that the number of threads changes nothing.
 *
 * Where nothing stands between the channels of neighbouring voxels, the taps along x count as one with more inputs.
 *
 * Arguments: rows | depth | height | width | taps z | y | x | inputs of a tap | channels out | floor of x (f32: 0 for ReLU, else
 * -inf) | number of parts | bytes from one part to the next | rows of a chunk | inputs of a group | bytes from one tap to the
 * next in z | in y | in x | address of the parts, each dw [taps, in, out] and dbias [out] | view x (of tap 0 of voxel 0, with a
 * halo of zeros as wide as the kernel reaches; its distances are those of output voxels) | view dy. Items are groups of inputs
 * of the taps of the parts.
 *
 * Scratch memory: the addresses of the rows of a chunk, those of x and of dy in turn.
 */
import { atLeast, rowAddress, VIEW, voxelStep } from "./_view";

const TAPS: usize = 16;
const INPUTS: usize = 28;
const CHANNELS_OUT: usize = 32;
const INPUT_FLOOR: usize = 36;
const PARTS: usize = 40;
const STRIDE: usize = 44;
const CHUNK: usize = 48;
const GROUP: usize = 52;
const TAP_STEPS: usize = 56;
const TO: usize = 68;
const X_VIEW: usize = 72;
const DY_VIEW: usize = X_VIEW + VIEW;

/** One input and one output channel along rows. */
function pair(rows: usize, count: i32, x: usize, stepX: usize, dy: usize, stepDy: usize, width: i32, low: f32): f32 {
  let sum: f32 = 0;
  for (; count > 0; count--, rows += 8) {
    let a = load<usize>(rows) + x, d = load<usize>(rows, 4) + dy;
    for (let u = 0; u < width; u++, a += stepX, d += stepDy) sum += max(load<f32>(a), low) * load<f32>(d);
  }
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

/** `inputs` inputs times `4 vectors` output channels along `count` rows of voxels. */
function tile(inputs: number, vectors: number): string {
  const cell = (f: (r: number, v: number) => string) =>
    lines(inputs, (r) => lines(vectors, (v) => f(r, v)));
  return `
function tile_${inputs}_${vectors}(rows: usize, count: i32, x: usize, stepX: usize, dy: usize, stepDy: usize, width: i32, to: usize, rowBytes: usize, low: f32): void {
  const floor = f32x4.splat(low);
${cell((r, v) => `let s${r}_${v} = v128.load(to + ${r} * rowBytes, ${16 * v});`)}
  for (; count > 0; count--, rows += 8) {
    let p = load<usize>(rows) + x, q = load<usize>(rows, 4) + dy;
    for (let u = width; u > 0; u--, p += stepX, q += stepDy) {
${lines(vectors, (v) => `const d${v} = v128.load(q, ${16 * v});`)}
${
    lines(inputs, (r) =>
      `{ const a = atLeast(v128.load32_splat(p, ${4 * r}), floor);\n${
        lines(vectors, (v) =>
          `s${r}_${v} = f32x4.relaxed_madd(a, d${v}, s${r}_${v});`)
      } }`)
  }
    }
  }
${cell((r, v) => `v128.store(to + ${r} * rowBytes, s${r}_${v}, ${16 * v});`)}
}
`;
}

const ENTRY = `
/** Some inputs of one tap with all output channels along rows. */
function tapRows(rows: usize, count: i32, x: usize, stepX: usize, stepDy: usize, width: i32, to: usize, inputs: i32, channelsOut: i32, low: f32): void {
  const rowBytes = <usize>channelsOut << 2;
  let o = 0;
  while (channelsOut - o >= 4) {
    const vectors = channelsOut - o >= 16 ? 4 : channelsOut - o >= 8 ? 2 : 1;
    const d = <usize>o << 2;
    let i = 0;
    for (; i + 4 <= inputs; i += 4) {
      const a = x + (<usize>i << 2), at = to + <usize>i * rowBytes + d;
      if (vectors == 4) tile_4_4(rows, count, a, stepX, d, stepDy, width, at, rowBytes, low);
      else if (vectors == 2) tile_4_2(rows, count, a, stepX, d, stepDy, width, at, rowBytes, low);
      else tile_4_1(rows, count, a, stepX, d, stepDy, width, at, rowBytes, low);
    }
    for (; i < inputs; i++) {
      const a = x + (<usize>i << 2), at = to + <usize>i * rowBytes + d;
      if (vectors == 4) tile_1_4(rows, count, a, stepX, d, stepDy, width, at, rowBytes, low);
      else if (vectors == 2) tile_1_2(rows, count, a, stepX, d, stepDy, width, at, rowBytes, low);
      else tile_1_1(rows, count, a, stepX, d, stepDy, width, at, rowBytes, low);
    }
    o += 4 * vectors;
  }
  for (; o < channelsOut; o++) {
    for (let i = 0; i < inputs; i++) {
      const at = to + <usize>i * rowBytes + (<usize>o << 2);
      const sum = pair(rows, count, x + (<usize>i << 2), stepX, <usize>o << 2, stepDy, width, low);
      store<f32>(at, load<f32>(at) + sum);
    }
  }
}

/** Items are groups of inputs of a tap of a part. */
export function conv3d_weight_grad(args: usize, begin: i32, end: i32, scratch: usize): void {
  const rows = load<i32>(args), depth = load<i32>(args, 4), height = load<i32>(args, 8), width = load<i32>(args, 12);
  const ky = load<i32>(args, TAPS + 4), kx = load<i32>(args, TAPS + 8);
  const taps = load<i32>(args, TAPS) * ky * kx;
  const inputs = load<i32>(args, INPUTS), channelsOut = load<i32>(args, CHANNELS_OUT);
  const group = load<i32>(args, GROUP), groups = (inputs + group - 1) / group;
  const parts = load<i32>(args, PARTS), stride = load<usize>(args, STRIDE), chunk = load<i32>(args, CHUNK);
  const low = load<f32>(args, INPUT_FLOOR);
  const xView = args + X_VIEW, dyView = args + DY_VIEW;
  const stepX = voxelStep(xView), stepDy = voxelStep(dyView);
  const rowBytes = <usize>channelsOut << 2;
  for (let item = begin; item < end; item++) {
    const row = item / groups, part = row / taps, tap = row - part * taps;
    const firstInput = (item - row * groups) * group, count = min(group, inputs - firstInput);
    const z = tap / (ky * kx), y = tap / kx - z * ky, x = tap - (z * ky + y) * kx;
    const offset = z * load<i32>(args, TAP_STEPS) + y * load<i32>(args, TAP_STEPS + 4) + x * load<i32>(args, TAP_STEPS + 8) +
      (firstInput << 2);
    const sums = load<usize>(args, TO) + <usize>part * stride, dbias = sums + <usize>(taps * inputs) * rowBytes;
    const to = sums + <usize>(tap * inputs + firstInput) * rowBytes;
    const sumsBias = tap == 0 && firstInput == 0;
    memory.fill(to, 0, <usize>count * rowBytes);
    if (sumsBias) memory.fill(dbias, 0, rowBytes);
    const last = rows * (part + 1) / parts;
    for (let first = rows * part / parts; first < last; first += chunk) {
      const some = min(chunk, last - first);
      for (let r = 0; r < some; r++) {
        const d = rowAddress(dyView, first + r, depth, height);
        store<usize>(scratch + (<usize>r << 3), rowAddress(xView, first + r, depth, height));
        store<usize>(scratch + (<usize>r << 3), d, 4);
        if (sumsBias) addBias(d, stepDy, width, channelsOut, dbias);
      }
      tapRows(scratch, some, offset, stepX, stepDy, width, to, count, channelsOut, low);
    }
  }
}
`;

/** AssemblyScript of the direct gradient of weights. */
export function source(): string {
  const tiles = [4, 1].flatMap((inputs) => [1, 2, 4].map((vectors) => tile(inputs, vectors)));
  return [HEAD, ...tiles, ENTRY].join("\n");
}
