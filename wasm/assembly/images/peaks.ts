// asc: --importMemory
/**
 * Largest value in a window around each voxel; windows end at the borders of the image. Values are f64 without NaN.
 *
 * Loops run in steps of two elements and may write one past a row: rows are written in ascending order, and the host
 * leaves 64 bytes after each buffer.
 */

/** Larger of each pair, with the compare of x86's `maxpd` (one instruction, unlike f64x2.max with its NaN rules). */

function larger(a: v128, b: v128): v128 {
  return f64x2.pmax(a, b);
}

/** out[i] = largest of element i over the `lines` f64 arrays whose addresses (u32) are in `table`. */
export function maximum_across(table: usize, lines: i32, output: usize, count: i32): void {
  for (let i = 0; i < count; i += 2) {
    const at = <usize> i << 3;
    let best = v128.load(<usize> load<u32>(table) + at);
    for (let k = 1; k < lines; k++) {
      best = larger(best, v128.load(<usize> load<u32>(table + (<usize> k << 2)) + at));
    }
    v128.store(output + at, best);
  }
}

/** out[x] = largest of row[x - reach … x + reach]; `row` has `reach` elements before and after its `width`. */

function maximum_along(row: usize, reach: i32, output: usize, width: i32): void {
  for (let x = 0; x < width; x += 2) {
    const from = row + (<usize> x << 3);
    let best = v128.load(from);
    for (let k = 1; k <= reach; k++) {
      const at = <usize> k << 3;
      best = larger(best, larger(v128.load(from - at), v128.load(from + at)));
    }
    v128.store(output + (<usize> x << 3), best);
  }
}

/** Sets the `reach` elements on either side of a row to -Infinity. */

function fill_outside(row: usize, reach: i32, width: i32): void {
  for (let k = 0; k < reach; k++) {
    store<f64>(row - (<usize> (k + 1) << 3), -Infinity);
    store<f64>(row + (<usize> (width + k) << 3), -Infinity);
  }
}

/**
 * Window of (2 radius + 1)^2 on a plane of `height` x `width` f64. `scratch` holds 2 radius + 1 u32 and
 * width + 2 radius f64.
 */
export function maximum_box(
  plane: usize,
  output: usize,
  height: i32,
  width: i32,
  radius: i32,
  scratch: usize,
): void {
  const bytes = <usize> width << 3;
  const table = scratch;
  const row = scratch + (<usize> (2 * radius + 2) << 2) + (<usize> radius << 3);
  for (let y = 0; y < height; y++) {
    const from = max(y - radius, 0);
    const to = min(y + radius, height - 1);
    for (let k = from; k <= to; k++) {
      store<u32>(table + (<usize> (k - from) << 2), <u32> (plane + <usize> k * bytes));
    }
    maximum_across(table, to - from + 1, row, width);
    fill_outside(row, radius, width);
    maximum_along(row, radius, output + <usize> y * bytes, width);
  }
}

/**
 * Window of rows -radius … radius, row k reaching `reaches[|k|]` (i32) to both sides, on a plane of `height` x `width`
 * f64. `scratch` holds width + 2 radius f64, then width f64.
 */
export function maximum_disk(
  plane: usize,
  output: usize,
  height: i32,
  width: i32,
  radius: i32,
  reaches: usize,
  scratch: usize,
): void {
  const bytes = <usize> width << 3;
  const row = scratch + (<usize> radius << 3);
  const part = row + bytes + (<usize> radius << 3) + 64;
  fill_outside(row, radius, width);
  for (let y = 0; y < height; y++) {
    const to = output + <usize> y * bytes;
    for (let k = -radius; k <= radius; k++) {
      if (y + k < 0 || y + k >= height) continue;
      memory.copy(row, plane + <usize> (y + k) * bytes, bytes);
      const reach = load<i32>(reaches + (<usize> abs(k) << 2));
      maximum_along(row, reach, part, width);
      const first = k == -min(radius, y);
      for (let x: usize = 0; x < bytes; x += 16) {
        const value = v128.load(part + x);
        v128.store(to + x, first ? value : larger(v128.load(to + x), value));
      }
    }
  }
}
