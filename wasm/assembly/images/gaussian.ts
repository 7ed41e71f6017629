// asc: --importMemory
/**
 * Convolution with a symmetric kernel of `2 radius + 1` taps, one axis at a time, f32 to f32:
 *
 *   out[i] = w0 x[i] + sum over j = radius down to 1 of wj (x[i - j] + x[i + j])
 *
 * in exactly this order, in float64: the order of SciPy's `correlate1d`, so results are bit-identical to its
 * `gaussian_filter` on float32. `weights` are f64, w0 first.
 *
 * Inputs are converted to f64 in a scratch buffer first, which saves converting each one for every tap. Loops run in
 * steps of eight elements and may go up to seven past the end of a line; the host leaves 64 bytes after each buffer.
 */

const BLOCK = 8;

function widen(from: usize, to: usize): void {
  v128.store(to, f64x2.promote_low_f32x4(v128.load64_zero(from)));
  v128.store(to, f64x2.promote_low_f32x4(v128.load64_zero(from, 8)), 16);
  v128.store(to, f64x2.promote_low_f32x4(v128.load64_zero(from, 16)), 32);
  v128.store(to, f64x2.promote_low_f32x4(v128.load64_zero(from, 24)), 48);
}

/** Eight outputs around the f64 at `middle`, whose neighbours along the axis are `stride` bytes apart. */

function filter(middle: usize, stride: usize, weights: usize, radius: i32, output: usize): void {
  const w0 = v128.load64_splat(weights);
  let s0 = f64x2.mul(v128.load(middle), w0);
  let s1 = f64x2.mul(v128.load(middle, 16), w0);
  let s2 = f64x2.mul(v128.load(middle, 32), w0);
  let s3 = f64x2.mul(v128.load(middle, 48), w0);
  let a = middle - <usize> radius * stride;
  let b = middle + <usize> radius * stride;
  for (let j = weights + (<usize> radius << 3); j > weights; j -= 8) {
    const w = v128.load64_splat(j);
    s0 = f64x2.add(s0, f64x2.mul(f64x2.add(v128.load(a), v128.load(b)), w));
    s1 = f64x2.add(s1, f64x2.mul(f64x2.add(v128.load(a, 16), v128.load(b, 16)), w));
    s2 = f64x2.add(s2, f64x2.mul(f64x2.add(v128.load(a, 32), v128.load(b, 32)), w));
    s3 = f64x2.add(s3, f64x2.mul(f64x2.add(v128.load(a, 48), v128.load(b, 48)), w));
    a += stride;
    b -= stride;
  }
  v128.store64_lane(output, f32x4.demote_f64x2_zero(s0), 0);
  v128.store64_lane(output, f32x4.demote_f64x2_zero(s1), 0, 8);
  v128.store64_lane(output, f32x4.demote_f64x2_zero(s2), 0, 16);
  v128.store64_lane(output, f32x4.demote_f64x2_zero(s3), 0, 24);
}

/**
 * Filters over lines of `count` f32: line k of the output comes from the lines k … k + 2 radius of the input. `inputs`
 * and `outputs` hold the addresses (u32) of the `lines + 2 radius` and `lines` lines; output lines must have room for
 * a multiple of eight elements. Eight columns at a time lie in
 * `scratch`, 8 (lines + 2 radius) f64, so that lines far apart in memory cost one visit and not 2 radius + 1.
 */
export function gaussian_across(
  inputs: usize,
  outputs: usize,
  lines: i32,
  weights: usize,
  radius: i32,
  scratch: usize,
  count: i32,
): void {
  const stride: usize = BLOCK << 3;
  for (let i: usize = 0; i < <usize> count; i += BLOCK) {
    for (let k = 0; k < lines + 2 * radius; k++) {
      const from = <usize> load<u32>(inputs + (<usize> k << 2));
      widen(from + (i << 2), scratch + <usize> k * stride);
    }
    for (let k = 0; k < lines; k++) {
      const to = <usize> load<u32>(outputs + (<usize> k << 2));
      filter(scratch + <usize> (k + radius) * stride, stride, weights, radius, to + (i << 2));
    }
  }
}

/**
 * Filters a plane of `height` x `width` f32, whose rows are `stride` bytes apart, along x; output rows lie end to end
 * and are written in ascending order. `reflected` holds the columns (u32) that stand for the columns
 * -radius … -1 and width … width + radius - 1; `scratch` holds width + 2 radius f64.
 */
export function gaussian_x(
  plane: usize,
  stride: usize,
  output: usize,
  height: i32,
  width: i32,
  weights: usize,
  radius: i32,
  reflected: usize,
  scratch: usize,
): void {
  const bytes = <usize> width << 2;
  const first = scratch + (<usize> radius << 3);
  for (let y: usize = 0; y < <usize> height; y++) {
    for (let x: usize = 0; x < <usize> width; x += BLOCK) {
      widen(plane + y * stride + (x << 2), first + (x << 3));
    }
    for (let k: usize = 0; k < <usize> radius; k++) {
      const before = <usize> load<u32>(reflected + (k << 2));
      const after = <usize> load<u32>(reflected + ((k + <usize> radius) << 2));
      store<f64>(scratch + (k << 3), load<f64>(first + (before << 3)));
      store<f64>(first + ((<usize> width + k) << 3), load<f64>(first + (after << 3)));
    }
    for (let x: usize = 0; x < <usize> width; x += BLOCK) {
      filter(first + (x << 3), 8, weights, radius, output + y * bytes + (x << 2));
    }
  }
}
