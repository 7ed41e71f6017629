/**
 * For voxels of a label, how many voxels of that label lie in the box around them, as a class that a table gives for each
 * number. Counts are sliding sums: along x within a row, along y over the rows of a plane, along z over a ring of planes.
 * A label costs what its own bounding box holds, not what the volume holds.
 *
 * Frame (i32 words): depth | height | width of the input | radius z | y | x | address of labels (u32 [z, y, x] of the input) | of
 * classes (u8 [z, y, x] of the output, which is a radius smaller on every side) | of the table (u8 by count) | of the
 * tasks | number of tasks | next task (shared by all threads).
 * Task (i32 words): label | begin and end in z, y and x of its voxels in the input | 1: give every voxel of the output
 * around them its class, 0: only voxels of the label that have none yet.
 */

const RADIUS: usize = 12;
const LABELS: usize = 24;
const CLASSES: usize = 28;
const TABLE: usize = 32;
const TASKS: usize = 36;
const TASK_COUNT: usize = 40;
const NEXT_TASK: usize = 44;

const TASK_BYTES: i32 = 32;

/** Whether `label` occurs in `count` labels. */
function occurs(labels: usize, count: i32, label: i32): bool {
  const wanted = i32x4.splat(label);
  const end = labels + (<usize> count << 2);
  for (; labels + 16 <= end; labels += 16) {
    if (v128.any_true(i32x4.eq(v128.load(labels), wanted))) return true;
  }
  for (; labels < end; labels += 4) if (load<i32>(labels) == label) return true;
  return false;
}

/**
 * Sliding counts along a row: to[i] is how often the label occurs in [i, i + 2 radius] of `row`.
 */
function rowCounts(row: usize, label: i32, radius: i32, count: i32, to: usize): void {
  let sum = 0;
  const ahead = <usize> radius << 3;
  for (let i = 0; i < 2 * radius; i++) sum += i32(load<i32>(row + (<usize> i << 2)) == label);
  for (const end = row + (<usize> count << 2); row < end; row += 4, to += 4) {
    sum += i32(load<i32>(row + ahead) == label);
    store<i32>(to, sum);
    sum -= i32(load<i32>(row) == label);
  }
}

/** total += gained - lost over `count` words, and lost = gained. */
function exchange(total: usize, lost: usize, gained: usize, count: i32): void {
  let i: usize = 0;
  const bytes = <usize> count << 2;
  for (; i + 16 <= bytes; i += 16) {
    const plus = v128.load(gained + i);
    const difference = i32x4.sub(plus, v128.load(lost + i));
    v128.store(total + i, i32x4.add(v128.load(total + i), difference));
    v128.store(lost + i, plus);
  }
  for (; i < bytes; i += 4) {
    const plus = load<i32>(gained + i);
    store<i32>(total + i, load<i32>(total + i) + plus - load<i32>(lost + i));
    store<i32>(lost + i, plus);
  }
}

/** sums += added - dropped over `count` words; 0 stands for a row of zeros. */
function slide(sums: usize, added: usize, dropped: usize, count: i32): void {
  const bytes = <usize> count << 2;
  for (let i: usize = 0; i < bytes; i += 4) {
    const plus = added ? load<i32>(added + i) : 0;
    const minus = dropped ? load<i32>(dropped + i) : 0;
    store<i32>(sums + i, load<i32>(sums + i) + plus - minus);
  }
}

function count(frame: usize, task: usize, scratch: usize): void {
  const depth = load<i32>(frame), height = load<i32>(frame, 4), width = load<i32>(frame, 8);
  const rz = load<i32>(frame, RADIUS), ry = load<i32>(frame, RADIUS + 4);
  const rx = load<i32>(frame, RADIUS + 8);
  const label = load<i32>(task), everywhere = load<i32>(task, 28) != 0;
  const beginZ = load<i32>(task, 4), endZ = load<i32>(task, 8);
  const grow = everywhere ? 1 : 0;
  // Voxels of the output that get a class, in the input's coordinates.
  const z0 = max(rz, beginZ - grow * rz), z1 = min(depth - rz, endZ + grow * rz);
  const y0 = max(ry, load<i32>(task, 12) - grow * ry);
  const y1 = min(height - ry, load<i32>(task, 16) + grow * ry);
  const x0 = max(rx, load<i32>(task, 20) - grow * rx);
  const x1 = min(width - rx, load<i32>(task, 24) + grow * rx);
  if (z0 >= z1 || y0 >= y1 || x0 >= x1) return;
  const rows = y1 - y0, columns = x1 - x0, planes = 2 * rz + 1;
  const rowBytes = <usize> columns << 2;
  const counts = scratch;
  const flags = counts + <usize> (rows + 2 * ry) * rowBytes;
  const sums = flags + (<usize> (rows + 2 * ry) << 2);
  const totals = sums + rowBytes;
  const ring = totals + <usize> rows * rowBytes;
  memory.fill(totals, 0, <usize> rows * rowBytes * (1 + planes));
  const labels = load<usize>(frame, LABELS), classes = load<usize>(frame, CLASSES);
  const table = load<usize>(frame, TABLE);
  for (let z = z0 - rz; z < z1 + rz; z++) {
    const slot = ring + <usize> ((z - z0 + rz) % planes) * <usize> rows * rowBytes;
    const isInside = z >= beginZ && z < endZ;
    if (isInside) {
      for (let y = 0; y < rows + 2 * ry; y++) {
        const row = labels + (<usize> ((z * height + y0 - ry + y) * width + x0 - rx) << 2);
        const found = occurs(row, columns + 2 * rx, label);
        store<i32>(flags + (<usize> y << 2), i32(found));
        if (found) rowCounts(row, label, rx, columns, counts + <usize> y * rowBytes);
      }
    }
    memory.fill(sums, 0, rowBytes);
    for (let y = isInside ? -2 * ry : 0; y < rows; y++) {
      if (isInside) {
        const last = y + 2 * ry, dropped = y - 1;
        const isAdded = load<i32>(flags + (<usize> last << 2));
        const isDropped = dropped >= 0 ? load<i32>(flags + (<usize> dropped << 2)) : 0;
        if (isAdded | isDropped) {
          slide(
            sums,
            isAdded ? counts + <usize> last * rowBytes : 0,
            isDropped ? counts + <usize> dropped * rowBytes : 0,
            columns,
          );
        }
      }
      const at = <usize> y * rowBytes;
      if (y >= 0) exchange(totals + at, slot + at, sums, columns);
    }
    const centre = z - rz;
    if (centre < z0) continue;
    for (let y = 0; y < rows; y++) {
      const from = labels + (<usize> ((centre * height + y0 + y) * width + x0) << 2);
      const total = totals + <usize> y * rowBytes;
      const to = classes +
        <usize> (((centre - rz) * (height - 2 * ry) + y0 + y - ry) * (width - 2 * rx) + x0 - rx);
      for (let x: usize = 0; x < <usize> columns; x++) {
        if (everywhere) {
          const value = load<u8>(table + load<u32>(total + (x << 2)));
          if (value) store<u8>(to + x, value);
        } else if (load<i32>(from + (x << 2)) == label && !load<u8>(to + x)) {
          store<u8>(to + x, load<u8>(table + load<u32>(total + (x << 2))));
        }
      }
    }
  }
}

/** Takes tasks until none is left; every thread runs this with its own scratch memory. */
export function count_boxes(frame: usize, scratch: usize): void {
  const tasks = load<i32>(frame, TASK_COUNT);
  for (;;) {
    const index = atomic.add<i32>(frame, 1, NEXT_TASK);
    if (index >= tasks) return;
    count(frame, load<usize>(frame, TASKS) + <usize> (index * TASK_BYTES), scratch);
  }
}
