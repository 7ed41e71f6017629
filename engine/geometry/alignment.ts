import { type Box, intersect } from "./box.ts";
import { equalZyx, volumeOf } from "./vectors.ts";

/** What the typed arrays have in common, as far as voxels are copied between them. */
interface Voxels<T> {
  readonly length: number;
  subarray(begin: number, end: number): T;
  set(values: T, offset: number): void;
}

/**
 * Cuts the voxels `[z, y, x]` of one box to another: the common part is copied, the rest is `fill` (0 unless given).
 * Where the boxes are equal the source itself is returned.
 */
export function alignAndCrop<T extends Voxels<T>>(
  source: T,
  sourceBox: Box,
  targetBox: Box,
  fill?: number | bigint,
): T {
  if (source.length !== volumeOf(sourceBox.size)) {
    throw new RangeError(
      `Cannot align an array: its box has ${
        volumeOf(sourceBox.size)
      } voxels, current length is ${source.length}`,
    );
  }
  const [from, to] = [sourceBox, targetBox];
  if (equalZyx(from.start, to.start) && equalZyx(from.size, to.size)) return source;
  const type = source.constructor as new (length: number) => T & { fill(value: unknown): void };
  const target = new type(volumeOf(to.size));
  if (fill) target.fill(fill);
  const part = intersect(from, to);
  if (part === null) return target;
  const [depth, height, width] = part.size;
  // Index of the row at (z, y) of the common part in the array of a box.
  const rowIn = (box: Box, z: number, y: number) =>
    ((part.start[0] + z - box.start[0]) * box.size[1] + part.start[1] + y - box.start[1]) *
      box.size[2] + part.start[2] - box.start[2];
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const row = rowIn(from, z, y);
      target.set(source.subarray(row, row + width), rowIn(to, z, y));
    }
  }
  return target;
}
