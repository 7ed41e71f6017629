// asc: --importMemory
/**
 * Sobel gradient magnitude of one plane, float32.
 *
 *   g_a = smooth over every other axis, in ascending order, of the difference along axis a
 *   out = sqrt(sum over a of g_a * g_a)
 *
 * with difference = x[1] - x[-1] and smooth = 2 x[0] + (x[-1] + x[1]). Every one-dimensional pass adds in float64 and
 * stores float32 (a float32 subtraction rounds to the same value); squares, sum and root are float32. This is the order
 * of SciPy's `generic_gradient_magnitude(image, sobel)`, bit for bit.
 *
 * Input planes are padded by one voxel on each side of y and x with copies of the border, so that a border voxel has
 * itself as its outer neighbour ("half-sample symmetric"). Rows of padded planes are `width + 2` long, all others
 * `width`. Loops run in steps of four voxels and may write up to three elements past a row: rows are written in
 * ascending order, and the host leaves 64 bytes after each buffer.
 */

const LANES = 4;

/** 2 b + (a + c) per lane in float64, rounded to float32. */

function smooth(a: v128, b: v128, c: v128): v128 {
  const two = f64x2.splat(2);
  const low = f64x2.add(
    f64x2.mul(f64x2.promote_low_f32x4(b), two),
    f64x2.add(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(c)),
  );
  const a2 = v128.shuffle<f32>(a, a, 2, 3, 2, 3);
  const b2 = v128.shuffle<f32>(b, b, 2, 3, 2, 3);
  const c2 = v128.shuffle<f32>(c, c, 2, 3, 2, 3);
  const high = f64x2.add(
    f64x2.mul(f64x2.promote_low_f32x4(b2), two),
    f64x2.add(f64x2.promote_low_f32x4(a2), f64x2.promote_low_f32x4(c2)),
  );
  return v128.shuffle<f32>(
    f32x4.demote_f64x2_zero(low),
    f32x4.demote_f64x2_zero(high),
    0,
    1,
    4,
    5,
  );
}

/** `smooth` of three consecutive elements, for four neighbouring voxels. */

function smooth_along(row: usize): v128 {
  return smooth(v128.load(row), v128.load(row + 4), v128.load(row + 8));
}

/** Element-wise f32 difference of the vectors at two addresses. */

function difference(from: usize, to: usize): v128 {
  return f32x4.sub(v128.load(to), v128.load(from));
}

/** Copies a plane of `height` x `width` f32 into one that is padded by a voxel on each side. */
export function pad_plane(source: usize, padded: usize, height: i32, width: i32): void {
  const stride = <usize> (width + 2) << 2;
  const bytes = <usize> width << 2;
  for (let y = 0; y < height; y++) {
    const from = source + <usize> y * bytes;
    const to = padded + <usize> (y + 1) * stride;
    memory.copy(to + 4, from, bytes);
    store<f32>(to, load<f32>(from));
    store<f32>(to + stride - 4, load<f32>(from + bytes - 4));
  }
  memory.copy(padded, padded + stride, stride);
  memory.copy(padded + <usize> (height + 1) * stride, padded + <usize> height * stride, stride);
}

/**
 * Magnitude in three dimensions of the plane `current` between its neighbours (itself at a face of the volume).
 * `scratch` holds (height + 2) x width + 2 x (width + 2) f32.
 */
export function sobel_plane_3d(
  previous: usize,
  current: usize,
  next: usize,
  scratch: usize,
  output: usize,
  height: i32,
  width: i32,
): void {
  const stride = <usize> (width + 2) << 2;
  const bytes = <usize> width << 2;
  // Differences along x, smoothed over z, for the padded rows.
  const alongX = scratch;
  for (let y = 0; y < height + 2; y++) {
    const row = <usize> y * stride;
    const to = alongX + <usize> y * bytes;
    for (let x = 0; x < width; x += LANES) {
      const at = row + (<usize> x << 2);
      v128.store(
        to + (<usize> x << 2),
        smooth(
          difference(previous + at, previous + at + 8),
          difference(current + at, current + at + 8),
          difference(next + at, next + at + 8),
        ),
      );
    }
  }
  // One row each of: differences along z smoothed over y; differences along y smoothed over z.
  const alongZ = alongX + <usize> (height + 2) * bytes + 64;
  const alongY = alongZ + stride + 64;
  for (let y = 0; y < height; y++) {
    const row = <usize> y * stride;
    for (let x = 0; x < width + 2; x += LANES) {
      const above = row + (<usize> x << 2);
      const here = above + stride;
      const below = here + stride;
      v128.store(
        alongZ + (<usize> x << 2),
        smooth(
          difference(previous + above, next + above),
          difference(previous + here, next + here),
          difference(previous + below, next + below),
        ),
      );
      v128.store(
        alongY + (<usize> x << 2),
        smooth(
          difference(previous + above, previous + below),
          difference(current + above, current + below),
          difference(next + above, next + below),
        ),
      );
    }
    const smoothed = alongX + <usize> y * bytes;
    const to = output + <usize> y * bytes;
    for (let x = 0; x < width; x += LANES) {
      const at = <usize> x << 2;
      const gz = smooth_along(alongZ + at);
      const gy = smooth_along(alongY + at);
      const gx = smooth(
        v128.load(smoothed + at),
        v128.load(smoothed + at + bytes),
        v128.load(smoothed + at + 2 * bytes),
      );
      const sum = f32x4.add(f32x4.mul(gz, gz), f32x4.mul(gy, gy));
      v128.store(to + at, f32x4.sqrt(f32x4.add(sum, f32x4.mul(gx, gx))));
    }
  }
}

/** Magnitude in two dimensions of a padded plane; `row` holds width + 2 f32. */
export function sobel_plane_2d(
  padded: usize,
  row: usize,
  output: usize,
  height: i32,
  width: i32,
): void {
  const stride = <usize> (width + 2) << 2;
  for (let y = 0; y < height; y++) {
    const above = padded + <usize> y * stride;
    const here = above + stride;
    const below = here + stride;
    for (let x = 0; x < width + 2; x += LANES) {
      const at = <usize> x << 2;
      v128.store(row + at, difference(above + at, below + at));
    }
    const to = output + (<usize> y * <usize> width << 2);
    for (let x = 0; x < width; x += LANES) {
      const at = <usize> x << 2;
      const gy = smooth_along(row + at);
      const gx = smooth(
        difference(above + at, above + at + 8),
        difference(here + at, here + at + 8),
        difference(below + at, below + at + 8),
      );
      v128.store(to + at, f32x4.sqrt(f32x4.add(f32x4.mul(gy, gy), f32x4.mul(gx, gx))));
    }
  }
}
