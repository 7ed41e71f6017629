/**
 * Weights of a convolution that gives a part of the gradient of another one's input: every stride-th tap, in reverse order,
 * channels swapped, and a bias of zeros.
 *
 * Arguments: taps z | y | x of the other convolution | its stride | first tap z | y | x | taps kept z | y | x | channels in |
 * out | address of weights [taps, in, out] | of flipped weights [taps kept, out, in] | of the bias [in].
 */

/** A cache line of either side: rows and columns that are transposed together. */
const TILE: i32 = 16;

/** Four rows of four numbers, `stride` bytes apart, into as many columns. */
function transpose(from: usize, stride: usize, to: usize, strideTo: usize): void {
  const a = v128.load(from), b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride), d = v128.load(from + 3 * stride);
  const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const abHigh = v128.shuffle<i32>(a, b, 2, 6, 3, 7), cdHigh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2));
  v128.store(to + strideTo, v128.shuffle<i64>(ab, cd, 1, 3));
  v128.store(to + 2 * strideTo, v128.shuffle<i64>(abHigh, cdHigh, 0, 2));
  v128.store(to + 3 * strideTo, v128.shuffle<i64>(abHigh, cdHigh, 1, 3));
}

/** Rows `i` to `lastI` and columns `o` to `lastO` of [in, out] into [out, in]. */
function transposeTile(
  from: usize,
  to: usize,
  channelsIn: i32,
  channelsOut: i32,
  i: i32,
  lastI: i32,
  o: i32,
  lastO: i32,
): void {
  const stride = <usize> channelsOut << 2, strideTo = <usize> channelsIn << 2;
  for (; i < lastI; i += 4) {
    for (let p = o; p < lastO; p += 4) {
      const at = from + <usize> i * stride + (<usize> p << 2);
      const into = to + <usize> p * strideTo + (<usize> i << 2);
      if (i + 4 <= lastI && p + 4 <= lastO) transpose(at, stride, into, strideTo);
      else {
        for (let r: usize = 0; r < <usize> min(lastI - i, 4); r++) {
          for (let c: usize = 0; c < <usize> min(lastO - p, 4); c++) {
            store<f32>(into + c * strideTo + (r << 2), load<f32>(at + r * stride + (c << 2)));
          }
        }
      }
    }
  }
}

/** Items are the taps that are kept; the first also clears the bias. */
export function flip_conv3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const ky = load<i32>(args, 4), kx = load<i32>(args, 8), stride = load<i32>(args, 12);
  const firstZ = load<i32>(args, 16), firstY = load<i32>(args, 20), firstX = load<i32>(args, 24);
  const keptZ = load<i32>(args, 28), keptY = load<i32>(args, 32), keptX = load<i32>(args, 36);
  const channelsIn = load<i32>(args, 40), channelsOut = load<i32>(args, 44);
  const weights = load<usize>(args, 48), flipped = load<usize>(args, 52);
  const pairs = channelsIn * channelsOut;
  if (begin == 0) memory.fill(load<usize>(args, 56), 0, <usize> channelsIn << 2);
  if (keptZ * keptY * keptX == 0) return;
  for (let item = begin; item < end; item++) {
    const row = item / keptX, slice = row / keptY;
    const z = firstZ + stride * (keptZ - 1 - slice);
    const y = firstY + stride * (keptY - 1 - (row - slice * keptY));
    const x = firstX + stride * (keptX - 1 - (item - row * keptX));
    const from = weights + (<usize> (((z * ky + y) * kx + x) * pairs) << 2);
    const to = flipped + (<usize> (item * pairs) << 2);
    for (let i = 0; i < channelsIn; i += TILE) {
      for (let o = 0; o < channelsOut; o += TILE) {
        const lastI = min(i + TILE, channelsIn), lastO = min(o + TILE, channelsOut);
        transposeTile(from, to, channelsIn, channelsOut, i, lastI, o, lastO);
      }
    }
  }
}
