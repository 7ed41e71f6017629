/**
 * Connected components of equal label, by runs: a row is cut into runs of one label, runs that touch are joined in a
 * union-find whose root is the run that comes first, and roots are numbered in order.
 *
 * Voxels are compared once, with the one before in the row, 64 at a time. From there on a row is a list of runs, and two
 * rows are compared by walking along their lists.
 *
 * The volume passes by in windows of planes: `link`, then `keep`. Labels are compared in pairs, so that the components of
 * two volumes at once (their meet) come out of the same loops.
 *
 * Frame (u32 words): address of labels | of the second volume's, 0 without one | of rows | of the table | height | width |
 * bytes of a label | axes that a step to a neighbour may change: 1, 2 or 3.
 *   labels  [planes, y, x] of the window, behind the last plane of the window before; `link` leaves the labels of a row's
 *           runs at its front
 *   rows    two u32 per row of the window's planes: its first run, and the one after its last
 *   table   two u32 per run of the whole volume: the address of its parent's entry (NONE for label 0; after `number_runs`
 *           the number of its component) and the x at which it ends; a parent never comes later than its child
 */

const SECOND: usize = 4;
const ROWS: usize = 8;
const TABLE: usize = 12;
const HEIGHT: usize = 16;
const WIDTH: usize = 20;
const LABEL_BYTES: usize = 24;
const AXES: usize = 28;

const NONE: u32 = 0xffffffff;

/** Root of a run that has a label, halving the path on the way. */
function root_of(run: usize): usize {
  let parent = load<usize>(run);
  while (parent != run) {
    const grandparent = load<usize>(parent);
    if (grandparent == parent) return parent;
    store<usize>(run, grandparent);
    run = grandparent;
    parent = load<usize>(run);
  }
  return run;
}

/** Joins two runs of one label; returns the parent of both. */
function join(a: usize, b: usize): usize {
  const x = root_of(a);
  const y = root_of(b);
  const root = min(x, y);
  store<usize>(max(x, y), root);
  // The runs that touch them next are seen to be joined at once.
  store<usize>(a, root);
  store<usize>(b, root);
  return root;
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

/** Address of row `row` of the frame's list of rows. */
function row_of(frame: usize, row: i32): usize {
  return load<usize>(frame, ROWS) + (<isize> row << 3);
}

/** Address of a run's entry in the table. */
function entry_of(frame: usize, run: u32): usize {
  return load<usize>(frame, TABLE) + (<usize> run << 3);
}

/** Enters the runs of a row into the table, the first as number `run`; returns the number after the last. */
function add_runs<T>(frame: usize, row: i32, run: u32): u32 {
  const width = load<i32>(frame, WIDTH);
  const first = load<usize>(frame), second = load<usize>(frame, SECOND);
  const apart = second ? second - first : 0;
  const at = <isize> row * <isize> width;
  const labels = first + (<usize> at << alignof<T>());
  let front = labels;
  let entry = entry_of(frame, run);
  store<u32>(row_of(frame, row), run);
  // Where the end of the last run goes. The row's first has none before it: what its own end holds until then is all one.
  let end = entry + 4;
  for (let x = 0; x < width; x += 64) {
    const count = min(64, width - x);
    const i = at + <isize> x;
    let starts = ~alike<T>(first, second, i, i - 1, count) & (~(<u64> 0) >> (64 - count));
    if (x == 0) starts |= 1;
    run += <u32> popcnt(starts);
    while (starts) {
      const start = x + <i32> ctz(starts);
      const label = labels + (<usize> start << alignof<T>());
      let isLabel = load<T>(label) != 0;
      // Runs are never more than the voxels behind, so that none is overwritten that is still to be compared.
      store<T>(front, load<T>(label));
      if (apart) {
        isLabel = isLabel || load<T>(label + apart) != 0;
        store<T>(front + apart, load<T>(label + apart));
      }
      front += sizeof<T>();
      store<u32>(entry, isLabel ? <u32> entry : NONE);
      store<i32>(end, start);
      end = entry + 4;
      entry += 8;
      starts &= starts - 1;
    }
  }
  store<i32>(end, width);
  store<u32>(row_of(frame, row), run, 4);
  return run;
}

/** Whether two runs have the same label: 1 or 0. In a second volume, labels lie `apart` from these; 0 without one. */
function is_same<T>(a: usize, b: usize, apart: usize): i32 {
  const same = <i32> (load<T>(a) == load<T>(b));
  return apart ? same & <i32> (load<T>(a + apart) == load<T>(b + apart)) : same;
}

/** Joins two runs that touch by a corner of the pair of rows, where they have the same label. */
function join_corner<T>(run: usize, other: usize, a: usize, b: usize, apart: usize): void {
  if (is_same<T>(a, b, apart) && load<u32>(run) != NONE) join(run, other);
}

/** Joins the runs of two rows of one volume that touch by faces: `join_rows` without what most volumes do not need. */
function join_faces<T>(frame: usize, row: i32, otherRow: i32): void {
  const first = load<usize>(frame);
  const width = <isize> load<i32>(frame, WIDTH);
  let a = first + (<usize> (<isize> row * width) << alignof<T>());
  let b = first + (<usize> (<isize> otherRow * width) << alignof<T>());
  let run = entry_of(frame, load<u32>(row_of(frame, row)));
  const stop = entry_of(frame, load<u32>(row_of(frame, row), 4));
  let other = entry_of(frame, load<u32>(row_of(frame, otherRow)));
  let parent = load<usize>(run);
  do {
    const end = load<i32>(run, 4), otherEnd = load<i32>(other, 4);
    const otherParent = load<usize>(other);
    const next = load<usize>(run, 8);
    const same = <i32> (load<T>(a) == load<T>(b));
    // Mostly a run has no other yet and takes that of what it touches, or both have one: no branch depends on labels.
    if (same & <i32> (parent != otherParent) & <i32> (parent != run)) parent = join(run, other);
    else {
      parent = select<usize>(otherParent, parent, same);
      store<usize>(run, parent);
    }
    const step = <usize> (end <= otherEnd), otherStep = <usize> (otherEnd <= end);
    parent = select<usize>(next, parent, step);
    a += step << alignof<T>();
    b += otherStep << alignof<T>();
    run += step << 3;
    other += otherStep << 3;
  } while (run < stop);
}

/**
 * Joins the runs of two rows that touch; with `reach` also those that touch only by a corner of the pair of rows.
 *
 * @param row Of the window's planes; `otherRow` comes before it, and may lie in the plane before the window.
 */
function join_rows<T>(frame: usize, row: i32, otherRow: i32, reach: bool): void {
  const first = load<usize>(frame), second = load<usize>(frame, SECOND);
  if (!reach && !second) return join_faces<T>(frame, row, otherRow);
  const apart = second ? second - first : 0;
  const width = <isize> load<i32>(frame, WIDTH);
  let a = first + (<usize> (<isize> row * width) << alignof<T>());
  let b = first + (<usize> (<isize> otherRow * width) << alignof<T>());
  let run = entry_of(frame, load<u32>(row_of(frame, row)));
  const stop = entry_of(frame, load<u32>(row_of(frame, row), 4));
  let other = entry_of(frame, load<u32>(row_of(frame, otherRow)));
  let parent = load<usize>(run);
  do {
    const end = load<i32>(run, 4), otherEnd = load<i32>(other, 4);
    const otherParent = load<usize>(other);
    let next = load<usize>(run, 8);
    const same = is_same<T>(a, b, apart);
    if (same & <i32> (parent != otherParent) & <i32> (parent != run)) parent = join(run, other);
    else {
      parent = select<usize>(otherParent, parent, same);
      store<usize>(run, parent);
    }
    const step = <usize> (end <= otherEnd), otherStep = <usize> (otherEnd <= end);
    if (reach) {
      if ((step & otherStep) && run + 8 < stop) {
        join_corner<T>(run, other + 8, a, b + sizeof<T>(), apart);
        join_corner<T>(run + 8, other, a + sizeof<T>(), b, apart);
        next = load<usize>(run, 8);
      }
    }
    parent = select<usize>(next, parent, step);
    a += step << alignof<T>();
    b += otherStep << alignof<T>();
    run += step << 3;
    other += otherStep << 3;
  } while (run < stop);
}

/** Joins the runs of a row with those of the plane before. */
function join_back<T>(frame: usize, plane: i32, y: i32): void {
  const height = load<i32>(frame, HEIGHT), axes = load<i32>(frame, AXES);
  const row = plane * height + y, back = row - height;
  if (axes > 1 && y > 0) join_rows<T>(frame, row, back - 1, axes > 2);
  join_rows<T>(frame, row, back, axes > 1);
  if (axes > 1 && y < height - 1) join_rows<T>(frame, row, back + 1, axes > 2);
}

function link_planes<T>(frame: usize, planes: i32, hasBefore: bool, run: u32): u32 {
  const height = load<i32>(frame, HEIGHT), axes = load<i32>(frame, AXES);
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < height; y++) {
      const row = plane * height + y;
      run = add_runs<T>(frame, row, run);
      if (y > 0) join_rows<T>(frame, row, row - 1, axes > 1);
      if (plane > 0 || hasBefore) join_back<T>(frame, plane, y);
    }
  }
  return run;
}

function keep_plane<T>(frame: usize, plane: i32): void {
  const height = load<i32>(frame, HEIGHT), width = load<i32>(frame, WIDTH);
  const first = load<usize>(frame), second = load<usize>(frame, SECOND);
  for (let y = 0; y < height; y++) {
    const row = row_of(frame, plane * height + y);
    const bytes = <usize> (load<u32>(row, 4) - load<u32>(row)) << alignof<T>();
    const from = <usize> ((plane * height + y) * width) << alignof<T>();
    const to = <usize> ((y - height) * width) << alignof<T>();
    memory.copy(first + to, first + from, bytes);
    if (second) memory.copy(second + to, second + from, bytes);
  }
}

/**
 * Enters the runs of a window's planes into the table, from number `run` on, and joins them; with those of the plane
 * before the window where `hasBefore`. Returns the number after the last.
 */
export function link(frame: usize, planes: i32, hasBefore: bool, run: u32): u32 {
  const bytes = load<i32>(frame, LABEL_BYTES);
  if (bytes == 1) return link_planes<u8>(frame, planes, hasBefore, run);
  if (bytes == 2) return link_planes<u16>(frame, planes, hasBefore, run);
  if (bytes == 4) return link_planes<u32>(frame, planes, hasBefore, run);
  return link_planes<u64>(frame, planes, hasBefore, run);
}

/** Copies the labels of a plane's runs to where those of the plane before the window are. */
export function keep(frame: usize, plane: i32): void {
  const bytes = load<i32>(frame, LABEL_BYTES);
  if (bytes == 1) keep_plane<u8>(frame, plane);
  else if (bytes == 2) keep_plane<u16>(frame, plane);
  else if (bytes == 4) keep_plane<u32>(frame, plane);
  else keep_plane<u64>(frame, plane);
}

/** Replaces parents by numbers from 1 in order of roots, 0 for label 0; returns how many there are. */
export function number_runs(table: usize, runs: u32): u32 {
  let count: u32 = 0;
  const stop = table + (<usize> runs << 3);
  for (let run = table; run < stop; run += 8) {
    const parent = load<u32>(run);
    if (parent == NONE) store<u32>(run, 0);
    // A parent comes before its children, so its entry is a number already.
    else store<u32>(run, parent == <u32> run ? ++count : load<u32>(parent));
  }
  return count;
}

/** Writes the numbers of rows [begin, end) of the volume as u32 to `output`, and up to 31 voxels of anything behind them. */
export function write_rows(table: usize, rows: usize, begin: i32, end: i32, output: usize): void {
  for (let row = rows + (<usize> begin << 3); row < rows + (<usize> end << 3); row += 8) {
    const next = table + (<usize> load<u32>(row, 4) << 3);
    let at = output, stop = output;
    for (let run = table + (<usize> load<u32>(row) << 3); run < next; run += 8) {
      const number = i32x4.splat(load<i32>(run));
      stop = output + (load<usize>(run, 4) << 2);
      // Few runs need more than one turn. What is written past the end of one is written again by later ones.
      do {
        v128.store(at, number);
        v128.store(at, number, 16);
        v128.store(at, number, 32);
        v128.store(at, number, 48);
        v128.store(at, number, 64);
        v128.store(at, number, 80);
        v128.store(at, number, 96);
        v128.store(at, number, 112);
        at += 128;
      } while (at < stop);
      at = stop;
    }
    output = stop;
  }
}
