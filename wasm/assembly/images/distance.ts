// asc: --importMemory
/**
 * Exact squared Euclidean distance to the nearest edge voxel, one axis at a time:
 *
 *   d[i] = min over q of (step (i - q))^2 + f[q]
 *
 * f is the squared distance over the axes done so far, +Infinity where those have no edge. The minimum is read off the
 * lower envelope of the parabolas (Felzenszwalb and Huttenlocher, 2012), in linear time. Values are f64: with steps of
 * 1 all of them are integers and exact. Two parabolas meet at a multiple of 1 / (2 n), so the rounding of that quotient
 * cannot put a voxel on the wrong side.
 */

/** Squared distance along x of `height` rows of `width` voxels; `edge` is u8, `values` f64. */
export function distance_x(
  edge: usize,
  values: usize,
  height: i32,
  width: i32,
  step: f64,
): void {
  for (let y = 0; y < height; y++) {
    const row = edge + <usize> y * <usize> width;
    const to = values + (<usize> y * <usize> width << 3);
    let distance = Infinity;
    for (let x = 0; x < width; x++) {
      distance = load<u8>(row + <usize> x) ? 0 : distance + 1;
      store<f64>(to + (<usize> x << 3), distance);
    }
    distance = Infinity;
    for (let x = width - 1; x >= 0; x--) {
      const at = to + (<usize> x << 3);
      const before = load<f64>(at);
      distance = before == 0 ? 0 : distance + 1;
      const nearest = step * (before < distance ? before : distance);
      store<f64>(at, nearest * nearest);
    }
  }
}

/** One line of `length` f64, `stride` bytes apart, in place. */

function envelope(line: usize, length: i32, stride: usize, step: f64, scratch: usize): void {
  const heights = scratch;
  const starts = heights + (<usize> length << 3);
  const vertices = starts + (<usize> length << 3);
  const square = step * step;
  const scale = 1 / square;
  // Parabolas 0 … last of the envelope: vertex of each, and where it begins to be the lowest.
  let last = -1;
  for (let q = 0; q < length; q++) {
    const value = load<f64>(line + <usize> q * stride);
    store<f64>(heights + (<usize> q << 3), value);
    if (value == Infinity) continue;
    let start = -Infinity;
    while (last >= 0) {
      const v = load<i32>(vertices + (<usize> last << 2));
      const rise = (value - load<f64>(heights + (<usize> v << 3))) * scale;
      start = (rise + <f64> (q - v) * <f64> (q + v)) / <f64> (2 * (q - v));
      if (start > load<f64>(starts + (<usize> last << 3))) break;
      last--;
      start = -Infinity;
    }
    last++;
    store<i32>(vertices + (<usize> last << 2), q);
    store<f64>(starts + (<usize> last << 3), start);
  }
  if (last < 0) return;
  let at = 0;
  let vertex = load<i32>(vertices);
  let height = load<f64>(heights + (<usize> vertex << 3));
  let until = last > 0 ? load<f64>(starts + 8) : Infinity;
  for (let i = 0; i < length; i++) {
    while (until < <f64> i) {
      at++;
      vertex = load<i32>(vertices + (<usize> at << 2));
      height = load<f64>(heights + (<usize> vertex << 3));
      until = at < last ? load<f64>(starts + (<usize> (at + 1) << 3)) : Infinity;
    }
    const away = <f64> (i - vertex);
    store<f64>(line + <usize> i * stride, square * (away * away) + height);
  }
}

/**
 * Takes in one more axis: `values` is `length` x `lines` f64, distances run along the first axis. `scratch` holds
 * 2 `length` f64 and `length` i32.
 */
export function distance_across(
  values: usize,
  length: i32,
  lines: i32,
  step: f64,
  scratch: usize,
): void {
  const stride = <usize> lines << 3;
  for (let i = 0; i < lines; i++) {
    envelope(values + (<usize> i << 3), length, stride, step, scratch);
  }
}
