/** Levels of a multi-resolution pyramid. */
import { mapZyx, volumeOf, type Zyx } from "./vectors.ts";

/** One level; level 0 is the volume itself. */
export interface PyramidLevel {
  readonly size: Zyx;
  /** Voxels of level 0 in one of this, per axis. */
  readonly factors: Zyx;
  /** Index of the first voxel, in voxels of this level. */
  readonly offset: Zyx;
  /** By how much each axis was divided since the level before, 1 or 2. */
  readonly step: Zyx;
}

/** Levels end where the whole of one has at most this many voxels: it fits into one request. */
const SMALLEST_LEVEL = 64 ** 3;

/**
 * Plans a pyramid. Each level halves the axes along which voxels are short, so that they become as long as wide; windows
 * lie at even places of the data set's own coordinates, whatever the offset of the volume.
 *
 * @param levels How many, level 0 included; until the last is small unless given.
 */
export function planPyramid(
  size: Zyx,
  { voxelSize = [1, 1, 1], offset = [0, 0, 0], levels = Infinity }: {
    voxelSize?: Zyx;
    offset?: Zyx;
    levels?: number;
  },
): PyramidLevel[] {
  const all: PyramidLevel[] = [{ size, factors: [1, 1, 1], offset, step: [1, 1, 1] }];
  while (all.length < levels) {
    const last = all[all.length - 1];
    if (levels === Infinity && volumeOf(last.size) <= SMALLEST_LEVEL) break;
    const edges = mapZyx((edge, factor) => edge * factor, voxelSize, last.factors);
    const shortest = Math.min(...edges.filter((_, axis) => last.size[axis] > 1));
    // An axis whose voxels are almost twice as long waits for the others.
    const step = mapZyx((edge, n) => n > 1 && edge < 1.5 * shortest ? 2 : 1, edges, last.size);
    if (volumeOf(step) === 1) break;
    all.push({
      size: mapZyx(
        (_, s, axis) => {
          const end = Math.ceil((last.offset[axis] + last.size[axis]) / s);
          return end - Math.floor(last.offset[axis] / s);
        },
        step,
        step,
      ),
      factors: mapZyx((factor, s) => factor * s, last.factors, step),
      offset: mapZyx((place, s) => Math.floor(place / s), last.offset, step),
      step,
    });
  }
  return all;
}
