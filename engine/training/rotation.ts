/** Rotations of whole patches by any angle, with voxels of unequal sides. */
import { mapZyx, type Zyx } from "../geometry/vectors.ts";
import type { Random } from "./random.ts";

/** Rotation matrix; rows and columns are x, y, z, and points are rows that stand before it. */
export type Rotation = readonly (readonly [number, number, number])[];

/** Any angle about z, or any rotation in space, all alike. */
export function drawRotation(dimensions: 2 | 3, random: Random): Rotation {
  if (dimensions === 2) {
    const angle = 2 * Math.PI * random.uniform();
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return [[c, -s, 0], [s, c, 0], [0, 0, 1]];
  }
  // Shoemake's uniform quaternions.
  const [u, a, b] = [random.uniform(), random.uniform(), random.uniform()];
  const [low, high] = [Math.sqrt(1 - u), Math.sqrt(u)];
  const x = Math.sin(2 * Math.PI * a) * low, y = Math.cos(2 * Math.PI * a) * low;
  const z = Math.sin(2 * Math.PI * b) * high, w = Math.cos(2 * Math.PI * b) * high;
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
  ];
}

/** Size of the patch that must be read so that a patch of `size`, rotated anyhow inside it, has a value everywhere. Odd. */
export function sizeToRotate(size: Zyx, dimensions: 2 | 3, voxelSize: Zyx): Zyx {
  const isTurned = (axis: number) => dimensions === 3 || axis > 0;
  const extents = [0, 1, 2].filter(isTurned).map((axis) => size[axis] * voxelSize[axis]);
  // The diagonal of the largest square or cube.
  const diagonal = Math.sqrt(dimensions) * Math.max(...extents);
  return mapZyx(
    (n, edge, axis) => isTurned(axis) ? Math.ceil(diagonal / edge) | 1 : n,
    size,
    voxelSize,
  );
}

/** The patch of size `to` in the middle of a rotated one `[z, y, x]` of size `from`: each voxel is the nearest old one. */
export function rotated(
  data: Float32Array,
  from: Zyx,
  to: Zyx,
  rotation: Rotation,
  voxelSize: Zyx,
): Float32Array {
  const result = new Float32Array(to[0] * to[1] * to[2]);
  const [vz, vy, vx] = voxelSize;
  const place = (i: number, n: number, edge: number) => (i + 0.5 - n / 2) * edge;
  const index = (offset: number, axis: number) => {
    const i = Math.round(offset / voxelSize[axis] + from[axis] / 2 - 0.5);
    return Math.min(Math.max(i, 0), from[axis] - 1);
  };
  let at = 0;
  for (let k = 0; k < to[0]; k++) {
    const z = place(k, to[0], vz);
    for (let j = 0; j < to[1]; j++) {
      const y = place(j, to[1], vy);
      for (let i = 0; i < to[2]; i++) {
        const x = place(i, to[2], vx);
        const [ox, oy, oz] = [0, 1, 2].map((c) =>
          x * rotation[0][c] + y * rotation[1][c] + z * rotation[2][c]
        );
        result[at++] = data[(index(oz, 0) * from[1] + index(oy, 1)) * from[2] + index(ox, 2)];
      }
    }
  }
  return result;
}
