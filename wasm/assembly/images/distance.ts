// asc: --importMemory
/**
 * Exact squared Euclidean distance to the nearest edge voxel, one axis at a time:
 *
 *   d[i] = min over q of (step (i - q))^2 + f[q]
 *
 * f is the squared distance over the axes done so far, +Infinity where those have no edge. Eight lines at a time are
 * searched outwards from each i, which ends early where edges are near, as in most images. Where one is farther than
 * SEARCH voxels, the minimum is read off the lower envelope of the parabolas (Felzenszwalb and Huttenlocher, 2012), so
 * that the time stays linear.
 *
 * Values are f64: with steps of 1 all of them are integers and exact. Two parabolas meet at a multiple of 1 / (2 n), so
 * the rounding of that quotient cannot put a voxel on the wrong side.
 */

/** In voxels; about where the search gets slower than the envelope. */
const SEARCH: usize = 24;
/** Lines that are searched together. */
const BLOCK: usize = 8;

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

/** Two lines of a block of eight: the smaller of `best` and of what lies `away` bytes before and after. */

function nearer(at: usize, away: usize, square: v128, best: v128): v128 {
  const both = f64x2.pmin(v128.load(at - away), v128.load(at + away));
  return f64x2.pmin(best, f64x2.add(both, square));
}

/** Sets the rows of a block that lie before and after its `length` rows to +Infinity. */

function fill_outside(block: usize, length: i32): void {
  const after = block + ((SEARCH + <usize> length) << 6);
  for (let k: usize = 0; k < SEARCH * BLOCK; k++) {
    store<f64>(block + (k << 3), Infinity);
    store<f64>(after + (k << 3), Infinity);
  }
}

/**
 * Eight lines of `length` f64 side by side, rows `stride` bytes apart, in place; false, with nothing written, where an
 * edge is too far away. `block` holds 8 (length + 2 SEARCH) f64, the outer ones +Infinity.
 */

function search(lines: usize, length: i32, stride: usize, step: f64, block: usize): bool {
  const first = block + SEARCH * (BLOCK << 3);
  for (let i: usize = 0; i < <usize> length; i++) {
    memory.copy(first + (i << 6), lines + i * stride, BLOCK << 3);
  }
  // Results wait behind the block until all of them are known.
  const results = first + ((SEARCH + <usize> length) << 6);
  for (let i: usize = 0; i < <usize> length; i++) {
    const at = first + (i << 6);
    let b0 = v128.load(at);
    let b1 = v128.load(at, 16);
    let b2 = v128.load(at, 32);
    let b3 = v128.load(at, 48);
    for (let k = 1;; k++) {
      const square = f64x2.splat(step * step * <f64> (k * k));
      const open = v128.or(
        v128.or(f64x2.gt(b0, square), f64x2.gt(b1, square)),
        v128.or(f64x2.gt(b2, square), f64x2.gt(b3, square)),
      );
      if (!v128.any_true(open)) break;
      if (k > <i32> SEARCH) return false;
      const away = <usize> k << 6;
      b0 = nearer(at, away, square, b0);
      b1 = nearer(at + 16, away, square, b1);
      b2 = nearer(at + 32, away, square, b2);
      b3 = nearer(at + 48, away, square, b3);
    }
    const to = results + (i << 6);
    v128.store(to, b0);
    v128.store(to, b1, 16);
    v128.store(to, b2, 32);
    v128.store(to, b3, 48);
  }
  for (let i: usize = 0; i < <usize> length; i++) {
    memory.copy(lines + i * stride, results + (i << 6), BLOCK << 3);
  }
  return true;
}

/**
 * Takes in one more axis: `values` is `length` x `lines` f64, distances run along the first axis. `scratch` holds
 * 16 (length + SEARCH) f64.
 */
export function distance_across(
  values: usize,
  length: i32,
  lines: i32,
  step: f64,
  scratch: usize,
): void {
  const stride = <usize> lines << 3;
  fill_outside(scratch, length);
  let i: usize = 0;
  for (; i + BLOCK <= <usize> lines; i += BLOCK) {
    const from = values + (i << 3);
    if (search(from, length, stride, step, scratch)) continue;
    for (let k: usize = 0; k < BLOCK; k++) {
      envelope(from + (k << 3), length, stride, step, scratch);
    }
    fill_outside(scratch, length);
  }
  for (; i < <usize> lines; i++) envelope(values + (i << 3), length, stride, step, scratch);
}
