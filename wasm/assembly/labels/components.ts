// asc: --importMemory
/**
 * Connected components of equal label, by runs: a row is cut into runs of one label, runs that touch are joined in a
 * union-find whose root is the run that comes first, and roots are numbered in order.
 *
 * `table` holds two u32 per run: its parent (NONE for label 0; after `number_runs` the number of its component) and the
 * x at which it ends. Runs lie in C order and each begins where the one before ends, so `row_starts` (u32, the first run
 * of each row and one more) is all that places them. A parent never comes later than its child.
 *
 * Labels are compared in pairs, so that the components of two volumes at once (their meet) come out of the same loops; a
 * volume alone has `second` 0. `keys` holds two u64 per run of the plane above and of the present one.
 */

const NONE: u32 = 0xffffffff;

function parent_of(table: usize, run: u32): u32 {
  return load<u32>(table + (<usize> run << 3));
}

function set_parent(table: usize, run: u32, parent: u32): void {
  store<u32>(table + (<usize> run << 3), parent);
}

function end_of(table: usize, run: u32): i32 {
  return load<i32>(table + (<usize> run << 3), 4);
}

/** Root of a run, halving the path on the way. */
function root_of(table: usize, run: u32): u32 {
  let parent = parent_of(table, run);
  while (parent != run) {
    const grandparent = parent_of(table, parent);
    if (grandparent == parent) return parent;
    set_parent(table, run, grandparent);
    run = grandparent;
    parent = parent_of(table, run);
  }
  return run;
}

function join(table: usize, a: u32, b: u32): void {
  const x = root_of(table, a);
  const y = root_of(table, b);
  if (x < y) set_parent(table, y, x);
  else if (y < x) set_parent(table, x, y);
}

/** Joins two runs of equal, non-zero keys. */
function join_equal(table: usize, a: u32, aKey: usize, b: u32, bKey: usize): void {
  if (load<u64>(aKey) != load<u64>(bKey) || load<u64>(aKey, 8) != load<u64>(bKey, 8)) return;
  const parent = parent_of(table, a);
  // Most runs touch several of one component, so the first look mostly settles it.
  if (parent != NONE && parent != parent_of(table, b)) join(table, a, b);
}

/**
 * Joins the runs of two rows that touch, from runs `a` and `b` on; with `reach` also those that touch only by a corner of
 * the pair of rows.
 */
function join_rows(
  table: usize,
  width: i32,
  a: u32,
  aKey: usize,
  b: u32,
  bKey: usize,
  reach: bool,
): void {
  for (;;) {
    join_equal(table, a, aKey, b, bKey);
    const ax = end_of(table, a);
    const bx = end_of(table, b);
    if (ax == bx) {
      if (ax == width) return;
      if (reach) {
        join_equal(table, a + 1, aKey + 16, b, bKey);
        join_equal(table, a, aKey, b + 1, bKey + 16);
      }
    }
    // Without branches: which run ends first cannot be foreseen.
    const aStep = u32(ax <= bx);
    const bStep = u32(bx <= ax);
    a += aStep;
    aKey += <usize> aStep << 4;
    b += bStep;
    bKey += <usize> bStep << 4;
  }
}

/** Whether 16 bytes are the labels of `all`. */
function is_all(at: usize, all: v128): bool {
  return i8x16.all_true(i8x16.eq(v128.load(at), all));
}

/** Bytes from the label at `at` to the first one that differs, or to `end`. */
function run_length<T>(at: usize, end: usize): usize {
  const label = load<T>(at);
  const all = v128.splat<T>(label);
  let to = at + sizeof<T>();
  while (to + 16 <= end && is_all(to, all)) to += 16;
  while (to < end && load<T>(to) == label) to += sizeof<T>();
  return to - at;
}

/** Appends the runs of one row; returns the number of all runs then. */
function scan_row<T>(
  first: usize,
  second: usize,
  width: i32,
  table: usize,
  run: u32,
  key: usize,
): u32 {
  const bytes = <usize> width << alignof<T>();
  let at: usize = 0;
  let firstEnd: usize = 0;
  let a: u64 = 0;
  let b: u64 = 0;
  while (at < bytes) {
    if (at == firstEnd) {
      a = <u64> load<T>(first + at);
      firstEnd += run_length<T>(first + at, first + bytes);
    }
    if (second) {
      b = <u64> load<T>(second + at);
      at += run_length<T>(second + at, second + firstEnd);
    } else at = firstEnd;
    set_parent(table, run, (a | b) == 0 ? NONE : run);
    store<i32>(table + (<usize> run << 3), <i32> (at >> alignof<T>()), 4);
    store<u64>(key, a);
    store<u64>(key, b, 8);
    key += 16;
    run++;
  }
  return run;
}

/**
 * Takes in `planes` more planes, the first of which is plane `z` of the volume; returns the number of all runs, `run` of
 * which were there before. `axes` is how many axes a step to a neighbour may change: 1, 2 or 3. `keys` has room for
 * two planes of 16 `height` `width` bytes.
 */
function scan<T>(
  first: usize,
  second: usize,
  z: i32,
  planes: i32,
  height: i32,
  width: i32,
  axes: i32,
  table: usize,
  run: u32,
  rowStarts: usize,
  keys: usize,
): u32 {
  const rowBytes = <usize> width << alignof<T>();
  const planeKeys = (<usize> height * <usize> width) << 4;
  const last = height - 1;
  for (let plane = z; plane < z + planes; plane++) {
    const here = keys + (plane & 1 ? planeKeys : 0);
    const above = keys + (plane & 1 ? 0 : planeKeys);
    const rows = rowStarts + (<usize> plane * <usize> height << 2);
    const rowsAbove = rows - (<usize> height << 2);
    const firstRun = run;
    const firstAbove = plane > 0 ? load<u32>(rowsAbove) : 0;
    for (let y = 0; y < height; y++) {
      const start = run;
      const key = here + (<usize> (start - firstRun) << 4);
      store<u32>(rows + (<usize> y << 2), start);
      run = scan_row<T>(first, second, width, table, run, key);
      first += rowBytes;
      if (second) second += rowBytes;
      if (y > 0) {
        const before = load<u32>(rows + (<usize> (y - 1) << 2));
        const keyBefore = here + (<usize> (before - firstRun) << 4);
        join_rows(table, width, start, key, before, keyBefore, axes > 1);
      }
      if (plane == 0) continue;
      for (let dy = -1; dy <= 1; dy++) {
        if (dy != 0 && (axes < 2 || y + dy < 0 || y + dy > last)) continue;
        const row = rowsAbove + (<usize> (y + dy) << 2);
        const from = load<u32>(row);
        const keyAbove = above + (<usize> (from - firstAbove) << 4);
        join_rows(table, width, start, key, from, keyAbove, axes > (dy == 0 ? 1 : 2));
      }
    }
  }
  store<u32>(rowStarts + (<usize> (z + planes) * <usize> height << 2), run);
  return run;
}

/** Labels of 1 byte; see `scan`. */
export function scan_8(
  first: usize,
  second: usize,
  z: i32,
  planes: i32,
  height: i32,
  width: i32,
  axes: i32,
  table: usize,
  run: u32,
  rowStarts: usize,
  keys: usize,
): u32 {
  return scan<u8>(first, second, z, planes, height, width, axes, table, run, rowStarts, keys);
}

/** Labels of 2 bytes; see `scan`. */
export function scan_16(
  first: usize,
  second: usize,
  z: i32,
  planes: i32,
  height: i32,
  width: i32,
  axes: i32,
  table: usize,
  run: u32,
  rowStarts: usize,
  keys: usize,
): u32 {
  return scan<u16>(first, second, z, planes, height, width, axes, table, run, rowStarts, keys);
}

/** Labels of 4 bytes; see `scan`. */
export function scan_32(
  first: usize,
  second: usize,
  z: i32,
  planes: i32,
  height: i32,
  width: i32,
  axes: i32,
  table: usize,
  run: u32,
  rowStarts: usize,
  keys: usize,
): u32 {
  return scan<u32>(first, second, z, planes, height, width, axes, table, run, rowStarts, keys);
}

/** Labels of 8 bytes; see `scan`. */
export function scan_64(
  first: usize,
  second: usize,
  z: i32,
  planes: i32,
  height: i32,
  width: i32,
  axes: i32,
  table: usize,
  run: u32,
  rowStarts: usize,
  keys: usize,
): u32 {
  return scan<u64>(first, second, z, planes, height, width, axes, table, run, rowStarts, keys);
}

/** Replaces parents by numbers from 1 in order of roots, 0 for label 0; returns how many there are. */
export function number_runs(table: usize, runs: u32): u32 {
  let count: u32 = 0;
  for (let run: u32 = 0; run < runs; run++) {
    const parent = parent_of(table, run);
    if (parent == NONE) set_parent(table, run, 0);
    // A parent comes before its children, so its entry is a number already.
    else set_parent(table, run, parent == run ? ++count : parent_of(table, parent));
  }
  return count;
}

/** Writes the numbers of rows [begin, end) as u32 to `output`. */
export function write_rows(
  table: usize,
  rowStarts: usize,
  begin: i32,
  end: i32,
  output: usize,
): void {
  for (let row = begin; row < end; row++) {
    const next = load<u32>(rowStarts + (<usize> row << 2), 4);
    let x = 0;
    for (let run = load<u32>(rowStarts + (<usize> row << 2)); run < next; run++) {
      const number = i32x4.splat(parent_of(table, run));
      const stop = end_of(table, run);
      // Whole vectors: what is written past the end of a run belongs to later ones, or to the slack behind the buffer.
      for (; x < stop; x += 4) v128.store(output + (<usize> x << 2), number);
      x = stop;
    }
    output += <usize> x << 2;
  }
}
