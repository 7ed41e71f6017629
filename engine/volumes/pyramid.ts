/** Coarser levels of volumes, computed from the next finer one: means of images, most frequent labels. */
import { arrayConstructor, type DType, type TypedArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import type { PyramidLevel } from "../geometry/pyramid.ts";
import { mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";

/** What becomes of the voxels of a window. */
export type Reduction = "mean" | "mode";

/** The voxels of the finer level that a box of a coarser level is made of. */
export function finerBox(box: Box, finer: PyramidLevel, coarser: PyramidLevel): Box {
  const { step } = coarser;
  const place = (n: number, axis: number) =>
    Math.min(
      finer.size[axis],
      Math.max(0, (coarser.offset[axis] + n) * step[axis] - finer.offset[axis]),
    );
  const start = mapZyx((n, _, axis) => place(n, axis), box.start);
  const size = mapZyx(
    (n, length, axis) => place(n + length, axis) - start[axis],
    box.start,
    box.size,
  );
  return { start, size };
}

/**
 * Reduces the voxels of a finer level to a box of a coarser one.
 *
 * @param data `[z, y, x]` of the box that {@linkcode finerBox} gives for `box`.
 * @returns `[z, y, x]` of `box`. Means are rounded half to even; of labels equally frequent the smallest counts.
 */
export function reduceBox(
  data: TypedArray,
  dtype: DType,
  box: Box,
  finer: PyramidLevel,
  coarser: PyramidLevel,
  reduction: Reduction,
): TypedArray {
  const source = finerBox(box, finer, coarser);
  const { step } = coarser;
  const out = new (arrayConstructor(dtype))(volumeOf(box.size));
  // Begin and end of each window along each axis, in the source.
  const windows = [0, 1, 2].map((axis) =>
    Array.from({ length: box.size[axis] }, (_, i) => {
      const one = (d: number): Zyx => mapZyx((n, _, a) => a === axis ? n + d : n, box.start);
      const window = finerBox({ start: one(i), size: [1, 1, 1] }, finer, coarser);
      const begin = window.start[axis] - source.start[axis];
      return [begin, begin + window.size[axis]] as const;
    })
  );
  const [, height, width] = source.size;
  const found: (number | bigint)[] = new Array(volumeOf(step));
  const reduce = reduction === "mode"
    ? mode
    : dtype.includes("64") && dtype !== "float64"
    ? bigMean
    : mean(dtype);
  let at = 0;
  for (const [z0, z1] of windows[0]) {
    for (const [y0, y1] of windows[1]) {
      for (const [x0, x1] of windows[2]) {
        let count = 0;
        for (let z = z0; z < z1; z++) {
          for (let y = y0; y < y1; y++) {
            const row = (z * height + y) * width;
            for (let x = x0; x < x1; x++) found[count++] = data[row + x];
          }
        }
        out[at++] = reduce(found, count) as never;
      }
    }
  }
  return out;
}

function mean(dtype: DType): (values: (number | bigint)[], count: number) => number {
  const isFloat = dtype.startsWith("float");
  return (values, count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += values[i] as number;
    const value = sum / count;
    if (isFloat) return value;
    const floor = Math.floor(value);
    const rest = value - floor;
    if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
    return floor % 2 === 0 ? floor : floor + 1;
  };
}

function bigMean(values: (number | bigint)[], count: number): bigint {
  let sum = 0n;
  for (let i = 0; i < count; i++) sum += values[i] as bigint;
  const n = BigInt(count);
  // Towards minus infinity, as for numbers.
  const rest = ((sum % n) + n) % n;
  const floor = (sum - rest) / n;
  if (2n * rest !== n) return 2n * rest < n ? floor : floor + 1n;
  return floor % 2n === 0n ? floor : floor + 1n;
}

/** Windows have at most 8 voxels, and most are of one label. */
function mode(values: (number | bigint)[], count: number): number | bigint {
  let best = values[0], bestCount = 0;
  for (let i = 0; i < count; i++) {
    let same = 0;
    for (let j = 0; j < count; j++) if (values[j] === values[i]) same++;
    if (same === count) return values[i];
    if (same > bestCount || (same === bestCount && values[i] < best)) {
      best = values[i];
      bestCount = same;
    }
  }
  return best;
}
