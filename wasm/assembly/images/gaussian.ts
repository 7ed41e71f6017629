// asc: --importMemory
/**
 * Convolution with a symmetric kernel of `2 radius + 1` taps along z, y and x.
 *
 *   out[i] = w0 x[i] + sum over j = radius down to 1 of wj (x[i - j] + x[i + j])
 *
 * in exactly this order, in float64, rounded to float32 after each axis: the order of SciPy's `correlate1d`, so results
 * are bit-identical to `gaussian_filter` on float32. `weights` are f64, w0 first.
 *
 * Between axes values are kept as f64 that hold float32 numbers, which saves converting each one 67 times. Loops run in
 * steps of eight elements and may write up to seven past a row: rows are written in ascending order, and the host
 * leaves 64 bytes after each buffer.
 */

const BLOCK = 8;

/** Two consecutive elements of type T as f64. */

function pair<T>(address: usize): v128 {
  if (sizeof<T>() == 4) return f64x2.promote_low_f32x4(v128.load64_zero(address));
  return v128.load(address);
}

function rounded(value: v128): v128 {
  return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(value));
}

/**
 * Filters over lines: element i of the output comes from element i of each of the `2 radius + 1` lines whose addresses
 * (u32) are in `table`, first to last. The output is `count` f64.
 */

function across<T>(table: usize, weights: usize, radius: i32, output: usize, count: i32): void {
  const size = sizeof<T>();
  const centre = table + (<usize> radius << 2);
  for (let i = 0; i < count; i += BLOCK) {
    const at = <usize> i * size;
    const w0 = v128.load64_splat(weights);
    const middle = <usize> load<u32>(centre) + at;
    let s0 = f64x2.mul(pair<T>(middle), w0);
    let s1 = f64x2.mul(pair<T>(middle + 2 * size), w0);
    let s2 = f64x2.mul(pair<T>(middle + 4 * size), w0);
    let s3 = f64x2.mul(pair<T>(middle + 6 * size), w0);
    for (let j = <usize> radius; j > 0; j--) {
      const w = v128.load64_splat(weights + (j << 3));
      const a = <usize> load<u32>(centre - (j << 2)) + at;
      const b = <usize> load<u32>(centre + (j << 2)) + at;
      s0 = f64x2.add(s0, f64x2.mul(f64x2.add(pair<T>(a), pair<T>(b)), w));
      s1 = f64x2.add(
        s1,
        f64x2.mul(f64x2.add(pair<T>(a + 2 * size), pair<T>(b + 2 * size)), w),
      );
      s2 = f64x2.add(
        s2,
        f64x2.mul(f64x2.add(pair<T>(a + 4 * size), pair<T>(b + 4 * size)), w),
      );
      s3 = f64x2.add(
        s3,
        f64x2.mul(f64x2.add(pair<T>(a + 6 * size), pair<T>(b + 6 * size)), w),
      );
    }
    const to = output + (<usize> i << 3);
    v128.store(to, rounded(s0));
    v128.store(to, rounded(s1), 16);
    v128.store(to, rounded(s2), 32);
    v128.store(to, rounded(s3), 48);
  }
}

/** Filters along a row: `row` has `radius` f64 before and after its `count` elements. The output is `count` f32. */

function along(row: usize, weights: usize, radius: i32, output: usize, count: i32): void {
  for (let i = 0; i < count; i += BLOCK) {
    const middle = row + (<usize> i << 3);
    const w0 = v128.load64_splat(weights);
    let s0 = f64x2.mul(v128.load(middle), w0);
    let s1 = f64x2.mul(v128.load(middle, 16), w0);
    let s2 = f64x2.mul(v128.load(middle, 32), w0);
    let s3 = f64x2.mul(v128.load(middle, 48), w0);
    for (let j = <usize> radius << 3; j > 0; j -= 8) {
      const w = v128.load64_splat(weights + j);
      const a = middle - j;
      const b = middle + j;
      s0 = f64x2.add(s0, f64x2.mul(f64x2.add(v128.load(a), v128.load(b)), w));
      s1 = f64x2.add(s1, f64x2.mul(f64x2.add(v128.load(a, 16), v128.load(b, 16)), w));
      s2 = f64x2.add(s2, f64x2.mul(f64x2.add(v128.load(a, 32), v128.load(b, 32)), w));
      s3 = f64x2.add(s3, f64x2.mul(f64x2.add(v128.load(a, 48), v128.load(b, 48)), w));
    }
    const to = output + (<usize> i << 2);
    v128.store64_lane(to, f32x4.demote_f64x2_zero(s0), 0);
    v128.store64_lane(to + 8, f32x4.demote_f64x2_zero(s1), 0);
    v128.store64_lane(to + 16, f32x4.demote_f64x2_zero(s2), 0);
    v128.store64_lane(to + 24, f32x4.demote_f64x2_zero(s3), 0);
  }
}

function in_plane<T>(
  plane: usize,
  reflected: usize,
  weights: usize,
  radius: i32,
  scratch: usize,
  output: usize,
  height: i32,
  width: i32,
): void {
  const table = scratch;
  const taps = 2 * radius + 1;
  const row = scratch + (<usize> (taps + 1) << 2);
  const first = row + (<usize> radius << 3);
  const reflectedX = reflected + (<usize> (height + 2 * radius) << 2);
  for (let y = 0; y < height; y++) {
    for (let j = 0; j < taps; j++) {
      const source = <usize> load<u32>(reflected + (<usize> (y + j) << 2));
      store<u32>(table + (<usize> j << 2), <u32> (plane + source * <usize> width * sizeof<T>()));
    }
    across<T>(table, weights, radius, first, width);
    for (let k = 0; k < radius; k++) {
      const at = <usize> k << 2;
      const before = <usize> load<u32>(reflectedX + at);
      const after = <usize> load<u32>(reflectedX + at + (<usize> (radius + width) << 2));
      store<f64>(row + (<usize> k << 3), load<f64>(first + (before << 3)));
      store<f64>(first + (<usize> (width + k) << 3), load<f64>(first + (after << 3)));
    }
    along(first, weights, radius, output + (<usize> y * <usize> width << 2), width);
  }
}

/** Filters along z: `table` holds the addresses of `2 radius + 1` f32 planes of `count` voxels, the output is f64. */
export function gaussian_z(
  table: usize,
  weights: usize,
  radius: i32,
  output: usize,
  count: i32,
): void {
  across<f32>(table, weights, radius, output, count);
}

/**
 * Filters a plane along y, then x; the output is f32. `reflected` holds u32: the rows that stand for rows
 * -radius … height + radius - 1, then the columns for -radius … width + radius - 1. `scratch` holds
 * 2 radius + 2 u32 and width + 2 radius f64.
 */
export function gaussian_yx_f64(
  plane: usize,
  reflected: usize,
  weights: usize,
  radius: i32,
  scratch: usize,
  output: usize,
  height: i32,
  width: i32,
): void {
  in_plane<f64>(plane, reflected, weights, radius, scratch, output, height, width);
}

/** `gaussian_yx_f64` of a plane of f32. */
export function gaussian_yx_f32(
  plane: usize,
  reflected: usize,
  weights: usize,
  radius: i32,
  scratch: usize,
  output: usize,
  height: i32,
  width: i32,
): void {
  in_plane<f32>(plane, reflected, weights, radius, scratch, output, height, width);
}
