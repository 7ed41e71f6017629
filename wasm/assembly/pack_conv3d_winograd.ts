/**
 * Transforms 3×3×3 weights for `generate_conv3d_winograd.ts`: U = G w along z, y and x, in float64, rounded once.
 *
 * Arguments: channels in | out | floats per voxel in | out | address of weights [27, in, out] | of bias | of U | of padded
 * bias. U is [125 points z, y, x][block][in][width of the block] with blocks of 8 output channels and at the end one of 4
 * where that is left; what fills up a block or the input channels is zero. Items are pairs of input channels, those that fill up
 * included. Cache lines that lie a power of two apart displace each other, so each is read and written whole: those of weights
 * hold 16 output channels, those of U two input channels of a block.
 */

/** Bytes of one value of the scratch memory: four output channels in float64. */
const VALUE: usize = 32;
/** Scratch memory: taps [27], after z [45], after y [75], after x [125], and of every vector of a group U in float32 [125]. */
const AFTER_Z: usize = 27 * VALUE;
const AFTER_Y: usize = AFTER_Z + 45 * VALUE;
const AFTER_X: usize = AFTER_Y + 75 * VALUE;
const GROUP: usize = AFTER_X + 125 * VALUE;
const VECTOR: usize = 125 * 16;

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

/** The taps of input channel i and output channels o to o + 3 in float64, zeros where there are none. */
function loadTaps(args: usize, i: i32, o: i32, scratch: usize): void {
  const channelsIn = load<i32>(args), channelsOut = load<i32>(args, 4);
  let at = load<usize>(args, 16) + (<usize> (i * channelsOut + o) << 2);
  const step = <usize> (channelsIn * channelsOut) << 2;
  const lanes = i < channelsIn ? min(channelsOut - o, 4) : 0;
  for (let tap = 0; tap < 27; tap++, at += step, scratch += VALUE) {
    let v = f32x4.splat(0);
    if (lanes == 4) v = v128.load(at);
    else {
      if (lanes > 0) v = v128.load32_zero(at);
      if (lanes > 1) v = v128.load_lane<f32>(at + 4, v, 1);
      if (lanes > 2) v = v128.load_lane<f32>(at + 8, v, 2);
    }
    v128.store(scratch, f64x2.promote_low_f32x4(v));
    v128.store(scratch, f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1)), 16);
  }
}

/** The 125 values of four output channels, rounded. */
function round(scratch: usize, to: usize): void {
  for (let point: usize = 0; point < 125; point++) {
    const from = scratch + AFTER_X + point * VALUE;
    const low = f32x4.demote_f64x2_zero(v128.load(from));
    const high = f32x4.demote_f64x2_zero(v128.load(from, 16));
    v128.store(to + (point << 4), v128.shuffle<i32>(low, high, 0, 1, 4, 5));
  }
}

/** Copies the vectors of input channels i and i + 1 and of output channels o on to where they belong. */
function storeGroup(args: usize, i: i32, o: i32, vectors: i32, scratch: usize): void {
  const pitchIn = load<i32>(args, 8), pitchOut = load<i32>(args, 12);
  const step = <usize> (pitchIn * pitchOut) << 2;
  let u = load<usize>(args, 24), from = scratch + GROUP;
  for (let point = 0; point < 125; point++, u += step, from += 16) {
    for (let v = 0; v < vectors; v++) {
      const at = o + 4 * v, wide = (at | 7) < pitchOut;
      const first = wide ? at & ~7 : at, width = wide ? 8 : 4;
      const to = u + (<usize> (first * pitchIn + i * width + at - first) << 2);
      v128.store(to, v128.load(from + <usize> (2 * v) * VECTOR));
      v128.store(to + (<usize> width << 2), v128.load(from + <usize> (2 * v + 1) * VECTOR));
    }
  }
}

/** Items are pairs of input channels; the first also pads the bias. */
export function pack_conv3d_winograd(args: usize, begin: i32, end: i32, scratch: usize): void {
  const channelsOut = load<i32>(args, 4), pitchOut = load<i32>(args, 12);
  const bias = load<usize>(args, 20), toBias = load<usize>(args, 28);
  for (let o = 0; o < pitchOut && begin == 0; o++) {
    store<f32>(toBias + (o << 2), o < channelsOut ? load<f32>(bias + (o << 2)) : 0);
  }
  for (let i = 2 * begin; i < 2 * end; i += 2) {
    for (let o = 0; o < pitchOut; o += 16) {
      const vectors = min((pitchOut - o) >> 2, 4);
      for (let v = 0; v < 2 * vectors; v++) {
        loadTaps(args, i + (v & 1), o + 4 * (v >> 1), scratch);
        transformTaps(scratch);
        round(scratch, scratch + GROUP + <usize> v * VECTOR);
      }
      storeGroup(args, i, o, vectors, scratch);
    }
  }
}
