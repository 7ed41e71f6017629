/**
 * Transforms 3×3×3 weights for `generate_conv3d_winograd.ts`: U = G w along z, y and x, in float64, rounded once.
 *
 * Arguments: channels in | out | floats per voxel in | out | address of weights [27, in, out] | of bias | of U | of padded
 * bias. U is [125 points z, y, x][block][in][width of the block] with blocks of 8 output channels and at the end one of 4
 * where that is left; what fills up a block or the input channels is zero. Items are input channels, those that fill up included.
 */

/** Bytes of one value of the scratch memory: four output channels in float64. */
const VALUE: usize = 32;
/** Scratch memory: taps [27], after z [45], after y [75], after x [125]. */
const AFTER_Z: usize = 27 * VALUE;
const AFTER_Y: usize = AFTER_Z + 45 * VALUE;
const AFTER_X: usize = AFTER_Y + 75 * VALUE;

/** Three values `step` bytes apart into five, for the points 0, 1, -1, 2 and infinity. */
function transform(from: usize, to: usize, step: usize): void {
  const half = f64x2.splat(0.5), two = f64x2.splat(2), four = f64x2.splat(4), six = f64x2.splat(6);
  for (let pair: usize = 0; pair < VALUE; pair += 16) {
    const at = from + pair, into = to + pair;
    const a = v128.load(at), b = v128.load(at + step), c = v128.load(at + 2 * step);
    const r1 = f64x2.mul(f64x2.neg(f64x2.add(f64x2.add(a, b), c)), half);
    const r2 = f64x2.div(f64x2.sub(f64x2.sub(b, a), c), six);
    const r3 = f64x2.div(f64x2.add(f64x2.add(a, f64x2.mul(two, b)), f64x2.mul(four, c)), six);
    v128.store(into, f64x2.mul(a, half));
    v128.store(into + step, r1);
    v128.store(into + 2 * step, r2);
    v128.store(into + 3 * step, r3);
    v128.store(into + 4 * step, c);
  }
}

/** The 125 values of one input channel and four output channels; taps are the first 27 values of scratch memory. */
function transformTaps(scratch: usize): void {
  for (let i: usize = 0; i < 9; i++) {
    transform(scratch + VALUE * i, scratch + AFTER_Z + VALUE * i, 9 * VALUE);
  }
  for (let z: usize = 0; z < 5; z++) {
    for (let x: usize = 0; x < 3; x++) {
      const i = VALUE * x;
      const from = scratch + AFTER_Z + 9 * VALUE * z + i;
      transform(from, scratch + AFTER_Y + 15 * VALUE * z + i, 3 * VALUE);
    }
  }
  for (let i: usize = 0; i < 25; i++) {
    transform(scratch + AFTER_Y + 3 * VALUE * i, scratch + AFTER_X + 5 * VALUE * i, VALUE);
  }
}

/** Items are input channels. */
export function pack_conv3d_winograd(args: usize, begin: i32, end: i32, scratch: usize): void {
  const channelsIn = load<i32>(args), channelsOut = load<i32>(args, 4);
  const pitchIn = load<i32>(args, 8), pitchOut = load<i32>(args, 12);
  const weights = load<usize>(args, 16), bias = load<usize>(args, 20);
  const u = load<usize>(args, 24), toBias = load<usize>(args, 28);
  for (let o = 0; o < pitchOut && begin == 0; o++) {
    store<f32>(toBias + (o << 2), o < channelsOut ? load<f32>(bias + (o << 2)) : 0);
  }
  for (let i = begin; i < end; i++) {
    let first = 0, width = 0;
    // Widths of blocks are multiples of four.
    for (let o = 0; o < pitchOut; o += 4) {
      if (o == first + width) {
        first = o;
        width = pitchOut - o >= 8 ? 8 : 4;
      }
      for (let tap = 0; tap < 27; tap++) {
        const at = weights + (((tap * channelsIn + i) * channelsOut + o) << 2);
        for (let lane = 0; lane < 4; lane++) {
          const exists = i < channelsIn && o + lane < channelsOut;
          const value = exists ? <f64> load<f32>(at + (lane << 2)) : 0;
          store<f64>(scratch + <usize> tap * VALUE + (lane << 3), value);
        }
      }
      transformTaps(scratch);
      let to = u + ((first * pitchIn + i * width + o - first) << 2);
      for (let point: usize = 0; point < 125; point++, to += (pitchIn * pitchOut) << 2) {
        const from = scratch + AFTER_X + point * VALUE;
        const low = f32x4.demote_f64x2_zero(v128.load(from));
        const high = f32x4.demote_f64x2_zero(v128.load(from, 16));
        v128.store(to, v128.shuffle<i32>(low, high, 0, 1, 4, 5));
      }
    }
  }
}
