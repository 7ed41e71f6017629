/**
 * Connected components of equal label, by runs: a row is cut into runs of one label, runs that touch are joined in a
 * union-find whose root is the run that comes first, and roots are numbered in order.
 *
 * Voxels are compared 16 at a time into bits, 64 of a row to a word. What is left to do for single runs goes from set bit
 * to set bit; the number of the run at a voxel is the count of starts up to it.
 *
 * The volume passes by in windows of planes, `mark` then `link`; threads may each take planes of a window, with `seam` for
 * the planes where their shares meet. Labels are compared in pairs, so that the components of two volumes at once (their
 * meet) come out of the same loops.
 *
 * Frame (u32 words): address of labels | of the second volume's, 0 without one | of marks | of row starts | of the table |
 * height | width | bytes of a label | axes that a step to a neighbour may change: 1, 2 or 3.
 *   labels      [planes, y, x] of the window, behind the last plane of the window before
 *   marks       32 bytes per 64 voxels of a row, planes as in labels: u64, the voxels where a run starts; u64, those like
 *               the voxel above, a row before; u64, those like the voxel behind, a plane before; u32, runs of the row
 *               before these voxels, less 1
 *   row starts  u32, the first run of each row of the window's planes and one more
 *   table       two u32 per run of the whole volume: its parent (NONE for label 0; after `number_runs` the number of its
 *               component) and the x at which it ends; a parent never comes later than its child
 */

const SECOND: usize = 4;
const MARKS: usize = 8;
const ROW_STARTS: usize = 12;
const TABLE: usize = 16;
const HEIGHT: usize = 20;
const WIDTH: usize = 24;
const LABEL_BYTES: usize = 28;
const AXES: usize = 32;

const UP: usize = 8;
const BACK: usize = 16;
const BEFORE: usize = 24;

const NONE: u32 = 0xffffffff;

function parent_of(table: usize, run: u32): u32 {
  return load<u32>(table + (<usize> run << 3));
}

function set_parent(table: usize, run: u32, parent: u32): void {
  store<u32>(table + (<usize> run << 3), parent);
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

/** Joins two runs of equal label. */
function join(table: usize, a: u32, b: u32): void {
  // Of one parent already, or NONE: most runs touch several of one component.
  if (parent_of(table, a) == parent_of(table, b)) return;
  const x = root_of(table, a);
  const y = root_of(table, b);
  if (x < y) set_parent(table, y, x);
  else if (y < x) set_parent(table, x, y);
}

/** Bit i: label i of 16 is the same at `a` and at `b`. */
function same_16<T>(a: usize, b: usize): u32 {
  if (sizeof<T>() == 1) return i8x16.bitmask(i8x16.eq(v128.load(a), v128.load(b)));
  if (sizeof<T>() == 2) {
    const low = i16x8.eq(v128.load(a), v128.load(b));
    const high = i16x8.eq(v128.load(a, 16), v128.load(b, 16));
    return i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
  }
  if (sizeof<T>() == 4) {
    const low = i16x8.narrow_i32x4_s(
      i32x4.eq(v128.load(a), v128.load(b)),
      i32x4.eq(v128.load(a, 16), v128.load(b, 16)),
    );
    const high = i16x8.narrow_i32x4_s(
      i32x4.eq(v128.load(a, 32), v128.load(b, 32)),
      i32x4.eq(v128.load(a, 48), v128.load(b, 48)),
    );
    return i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
  }
  const low = i16x8.narrow_i32x4_s(
    halves(
      i64x2.eq(v128.load(a), v128.load(b)),
      i64x2.eq(v128.load(a, 16), v128.load(b, 16)),
    ),
    halves(
      i64x2.eq(v128.load(a, 32), v128.load(b, 32)),
      i64x2.eq(v128.load(a, 48), v128.load(b, 48)),
    ),
  );
  const high = i16x8.narrow_i32x4_s(
    halves(
      i64x2.eq(v128.load(a, 64), v128.load(b, 64)),
      i64x2.eq(v128.load(a, 80), v128.load(b, 80)),
    ),
    halves(
      i64x2.eq(v128.load(a, 96), v128.load(b, 96)),
      i64x2.eq(v128.load(a, 112), v128.load(b, 112)),
    ),
  );
  return i8x16.bitmask(i8x16.narrow_i16x8_s(low, high));
}

/** The low halves of four 64-bit lanes. */
function halves(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(a, b, 0, 2, 4, 6);
}

/** Bit i: label i of `count`, at most 64, is the same at `a` and at `b`. */
function same_64<T>(a: usize, b: usize, count: i32): u64 {
  let bits: u64 = 0;
  for (let i = 0; i < count; i += 16) {
    bits |= <u64> same_16<T>(a, b) << i;
    a += 16 * sizeof<T>();
    b += 16 * sizeof<T>();
  }
  // Whole vectors run over the end.
  return bits & (~(<u64> 0) >> (64 - count));
}

/** The same for both volumes, of voxels given by their numbers in the window. */
function alike<T>(first: usize, second: usize, i: isize, j: isize, count: i32): u64 {
  const a = <usize> i << alignof<T>();
  const b = <usize> j << alignof<T>();
  const same = same_64<T>(first + a, first + b, count);
  return second ? same & same_64<T>(second + a, second + b, count) : same;
}

function mark_planes<T>(frame: usize, begin: i32, end: i32): void {
  const first = load<usize>(frame), second = load<usize>(frame, SECOND);
  const height = load<i32>(frame, HEIGHT), width = load<i32>(frame, WIDTH);
  const rowStarts = load<usize>(frame, ROW_STARTS);
  const words = <isize> ((width + 63) >> 6);
  for (let row = begin * height; row < end * height; row++) {
    let mark = load<usize>(frame, MARKS) + <usize> (<isize> row * words << 5);
    let before = -1;
    for (let x = 0; x < width; x += 64) {
      const count = min(64, width - x);
      const at = <isize> row * <isize> width + <isize> x;
      let starts = ~alike<T>(first, second, at, at - 1, count) & (~(<u64> 0) >> (64 - count));
      if (x == 0) starts |= 1;
      store<u64>(mark, starts);
      // A plane's first row has nothing above, and is never joined with it.
      store<u64>(mark, 0, UP);
      store<i32>(mark, before, BEFORE);
      before += <i32> popcnt(starts);
      mark += 32;
    }
    store<i32>(rowStarts + (<usize> row << 2), before + 1, 4);
  }
}

/** Appends the runs of a row to the table. */
function add_runs<T>(frame: usize, row: i32): void {
  const width = load<i32>(frame, WIDTH);
  const at = <usize> (<isize> row * <isize> width << alignof<T>());
  const first = load<usize>(frame) + at;
  const second = load<usize>(frame, SECOND) ? load<usize>(frame, SECOND) + at : 0;
  let run = load<u32>(load<usize>(frame, ROW_STARTS) + (<usize> row << 2));
  let entry = load<usize>(frame, TABLE) + (<usize> run << 3);
  // Where the end of the last run goes. The row's first has none before it: what its own end holds until then is all one.
  let end = entry + 4;
  let mark = load<usize>(frame, MARKS) + (<usize> (row * ((width + 63) >> 6)) << 5);
  for (let x = 0; x < width; x += 64) {
    let starts = load<u64>(mark);
    while (starts) {
      const start = x + <i32> ctz(starts);
      const offset = <usize> start << alignof<T>();
      let isLabel = load<T>(first + offset) != 0;
      if (second) isLabel = isLabel || load<T>(second + offset) != 0;
      store<u32>(entry, isLabel ? run : NONE);
      store<i32>(end, start);
      end = entry + 4;
      run++;
      entry += 8;
      starts &= starts - 1;
    }
    mark += 32;
  }
  store<i32>(end, width);
}

/** Bits of `todo` whose segment of `same`, up to the next bit of `todo`, has none of `known` in its first eight voxels. */
function unknown(todo: u64, known: u64, inner: u64): u64 {
  // Known voxels spread to the one before, unless that is of another segment, by 1, 2 and 4.
  known |= (known & inner) >> 1;
  inner &= inner << 1;
  known |= (known & inner) >> 2;
  inner &= inner << 2;
  known |= (known & inner) >> 4;
  return todo & ~known;
}

/**
 * Joins the runs of two rows that touch; with `reach` also those that touch only by a corner of the pair of rows.
 *
 * @param row Of the window's planes; `other` comes before it, and may lie in the plane before the window.
 * @param kept Where the marks keep which voxels are alike, 0 for nowhere. BACK, which comes after UP, leaves out what is
 * joined already around the row above: three sides of a square of four voxels make the fourth.
 */
function join_rows<T>(frame: usize, row: i32, other: i32, reach: bool, kept: usize): void {
  const first = load<usize>(frame), second = load<usize>(frame, SECOND);
  const table = load<usize>(frame, TABLE), rowStarts = load<usize>(frame, ROW_STARTS);
  const width = load<i32>(frame, WIDTH);
  const words = <isize> ((width + 63) >> 6);
  const run = load<i32>(rowStarts + <usize> (<isize> row << 2));
  const otherRun = load<i32>(rowStarts + <usize> (<isize> other << 2));
  let mark = load<usize>(frame, MARKS) + <usize> (<isize> row * words << 5);
  let otherMark = load<usize>(frame, MARKS) + <usize> (<isize> other * words << 5);
  const rowAbove = <usize> words << 5;
  let carry: u64 = 0;
  for (let x = 0; x < width; x += 64) {
    const i = <isize> row * <isize> width + <isize> x;
    const j = <isize> other * <isize> width + <isize> x;
    const same = alike<T>(first, second, i, j, min(64, width - x));
    if (kept) store<u64>(mark + kept, same);
    const starts = load<u64>(mark), otherStarts = load<u64>(otherMark);
    const a = run + load<i32>(mark, BEFORE), b = otherRun + load<i32>(otherMark, BEFORE);
    // Two runs are joined where their overlap begins.
    let todo = same & (starts | ~(same << 1 | carry));
    carry = same >> 63;
    if (kept == BACK) {
      const around = load<u64>(mark, UP) & load<u64>(otherMark, UP) &
        load<u64>(mark - rowAbove, BACK);
      todo = unknown(todo, same & around, same & ~todo);
    }
    while (todo) {
      const upTo = todo ^ (todo - 1);
      join(table, a + <i32> popcnt(starts & upTo), b + <i32> popcnt(otherStarts & upTo));
      todo &= todo - 1;
    }
    if (reach) {
      // Runs that touch by a corner only: one begins where the other ends.
      todo = starts & otherStarts & ~(<u64> (x == 0));
      while (todo) {
        const upTo = todo ^ (todo - 1);
        const bit = <isize> ctz(todo);
        const p = a + <i32> popcnt(starts & upTo), q = b + <i32> popcnt(otherStarts & upTo);
        if (alike<T>(first, second, i + bit - 1, j + bit, 1)) join(table, p - 1, q);
        if (alike<T>(first, second, i + bit, j + bit - 1, 1)) join(table, p, q - 1);
        todo &= todo - 1;
      }
    }
    mark += 32;
    otherMark += 32;
  }
}

/** Joins the runs of a row with those of the plane before. */
function join_back<T>(frame: usize, plane: i32, y: i32): void {
  const height = load<i32>(frame, HEIGHT), axes = load<i32>(frame, AXES);
  const row = plane * height + y, back = row - height;
  if (axes > 1 && y > 0) join_rows<T>(frame, row, back - 1, axes > 2, 0);
  join_rows<T>(frame, row, back, axes > 1, BACK);
  if (axes > 1 && y < height - 1) join_rows<T>(frame, row, back + 1, axes > 2, 0);
}

function seam_plane<T>(frame: usize, plane: i32): void {
  for (let y = 0; y < load<i32>(frame, HEIGHT); y++) join_back<T>(frame, plane, y);
}

function link_planes<T>(frame: usize, begin: i32, end: i32, hasBefore: bool): void {
  const height = load<i32>(frame, HEIGHT), axes = load<i32>(frame, AXES);
  for (let plane = begin; plane < end; plane++) {
    for (let y = 0; y < height; y++) {
      const row = plane * height + y;
      add_runs<T>(frame, row);
      if (y > 0) join_rows<T>(frame, row, row - 1, axes > 1, UP);
      if (plane > begin || hasBefore) join_back<T>(frame, plane, y);
    }
  }
}

/** Finds where runs start in planes [begin, end) of the window, and counts them by row: `sum_rows` makes starts of it. */
export function mark(frame: usize, begin: i32, end: i32): void {
  const bytes = load<i32>(frame, LABEL_BYTES);
  if (bytes == 1) mark_planes<u8>(frame, begin, end);
  else if (bytes == 2) mark_planes<u16>(frame, begin, end);
  else if (bytes == 4) mark_planes<u32>(frame, begin, end);
  else mark_planes<u64>(frame, begin, end);
}

/** Row starts of the window's planes; returns the number of all runs up to here. */
export function sum_rows(frame: usize, planes: i32): u32 {
  let row = load<usize>(frame, ROW_STARTS);
  let run = load<u32>(row);
  for (let rows = planes * load<i32>(frame, HEIGHT); rows > 0; rows--) {
    row += 4;
    run += load<u32>(row);
    store<u32>(row, run);
  }
  return run;
}

/** Adds the runs of planes [begin, end) and joins them; with those of the plane before them where `hasBefore`. */
export function link(frame: usize, begin: i32, end: i32, hasBefore: bool): void {
  const bytes = load<i32>(frame, LABEL_BYTES);
  if (bytes == 1) link_planes<u8>(frame, begin, end, hasBefore);
  else if (bytes == 2) link_planes<u16>(frame, begin, end, hasBefore);
  else if (bytes == 4) link_planes<u32>(frame, begin, end, hasBefore);
  else link_planes<u64>(frame, begin, end, hasBefore);
}

/** Joins the runs of two planes that were linked apart: `plane` and the one before it. */
export function seam(frame: usize, plane: i32): void {
  const bytes = load<i32>(frame, LABEL_BYTES);
  if (bytes == 1) seam_plane<u8>(frame, plane);
  else if (bytes == 2) seam_plane<u16>(frame, plane);
  else if (bytes == 4) seam_plane<u32>(frame, plane);
  else seam_plane<u64>(frame, plane);
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

/** Writes the numbers of rows [begin, end) of the volume as u32 to `output`. */
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
      const stop = load<i32>(table + (<usize> run << 3), 4);
      // Whole vectors: what is written past the end of a run belongs to later ones, or to the slack behind the buffer.
      for (; x < stop; x += 4) v128.store(output + (<usize> x << 2), number);
      x = stop;
    }
    output += <usize> x << 2;
  }
}
