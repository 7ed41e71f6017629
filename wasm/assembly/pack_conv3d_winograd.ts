/**
 * Transforms 3×3×3 weights for `generate_conv3d_winograd.ts`: U = G w along z, y and x, in float64, rounded once.
 *
 * Arguments: channels in | out | floats per voxel in | out | address of weights [27, in, out] | of bias | of U | of padded
 * bias. U is [125 points z, y, x][block][in][width of the block] with blocks of 8 output channels and at the end one of 4
 * where that is left; what fills up a block or the input channels is zero. Items are input channels, those that fill up included.
 */

/** Scratch memory, in doubles: taps [27], after z [45], after y [75], after x [125]. */
const AFTER_Z: usize = 27 * 8;
const AFTER_Y: usize = AFTER_Z + 45 * 8;
const AFTER_X: usize = AFTER_Y + 75 * 8;

/** Three values `step` bytes apart into five, for the points 0, 1, -1, 2 and infinity. */

function transform(from: usize, to: usize, step: usize): void {
  const a = load<f64>(from), b = load<f64>(from + step), c = load<f64>(from + 2 * step);
  store<f64>(to, a / 2);
  store<f64>(to + step, -(a + b + c) / 2);
  store<f64>(to + 2 * step, (b - a - c) / 6);
  store<f64>(to + 3 * step, (a + 2 * b + 4 * c) / 6);
  store<f64>(to + 4 * step, c);
}

/** The 125 values of one pair of channels; taps are the first 27 doubles of scratch memory. */
function transformTaps(scratch: usize): void {
  for (let i: usize = 0; i < 9; i++) {
    transform(scratch + 8 * i, scratch + AFTER_Z + 8 * i, 72);
  }
  for (let z: usize = 0; z < 5; z++) {
    for (let x: usize = 0; x < 3; x++) {
      const i = 8 * x;
      transform(scratch + AFTER_Z + 72 * z + i, scratch + AFTER_Y + 120 * z + i, 24);
    }
  }
  for (let i: usize = 0; i < 25; i++) {
    transform(scratch + AFTER_Y + 24 * i, scratch + AFTER_X + 40 * i, 8);
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
    for (let o = 0; o < pitchOut; o++) {
      if (o == first + width) {
        first = o;
        width = min(pitchOut - o, 8);
      }
      const exists = i < channelsIn && o < channelsOut;
      for (let tap = 0; tap < 27; tap++) {
        const at = weights + (((tap * channelsIn + i) * channelsOut + o) << 2);
        store<f64>(scratch + (tap << 3), exists ? <f64> load<f32>(at) : 0);
      }
      transformTaps(scratch);
      let to = u + ((first * pitchIn + i * width + o - first) << 2);
      for (let point: usize = 0; point < 125; point++, to += (pitchIn * pitchOut) << 2) {
        store<f32>(to, <f32> load<f64>(scratch + AFTER_X + (point << 3)));
      }
    }
  }
}
