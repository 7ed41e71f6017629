import type { Zyx } from "../../engine/geometry/vectors.ts";

/**
 * Walks through voxels in the order given and drops each one that lies closer than `spacing` to one that was kept.
 *
 * @param indices C-order indices into a volume of `size`.
 * @param euclidean Measures the straight line instead of the largest difference over the axes.
 */
export function keepApart(
  indices: readonly number[],
  size: Zyx,
  spacing: number,
  euclidean = false,
): number[] {
  const [, height, width] = size;
  // Kept voxels by cube of edge `spacing`: anything closer than that is in the same cube or in one of its neighbours.
  const cubesY = Math.ceil(height / spacing) + 2;
  const cubesX = Math.ceil(width / spacing) + 2;
  const cubes = new Map<number, number[]>();
  const kept: number[] = [];
  const tooClose = (z: number, y: number, x: number, other: number) => {
    const dx = Math.abs(other % width - x);
    const dy = Math.abs(Math.floor(other / width) % height - y);
    const dz = Math.abs(Math.floor(other / (width * height)) - z);
    return euclidean ? dz ** 2 + dy ** 2 + dx ** 2 < spacing ** 2 : Math.max(dz, dy, dx) < spacing;
  };
  for (const index of indices) {
    const x = index % width;
    const y = Math.floor(index / width) % height;
    const z = Math.floor(index / (width * height));
    const cube = (Math.floor(z / spacing) * cubesY + Math.floor(y / spacing) + 1) * cubesX +
      Math.floor(x / spacing) + 1;
    let free = true;
    for (let k = 0; free && k < 27; k++) {
      const [dz, dy, dx] = [Math.floor(k / 9) - 1, Math.floor(k / 3) % 3 - 1, k % 3 - 1];
      const near = cubes.get(cube + (dz * cubesY + dy) * cubesX + dx);
      free = !near?.some((other) => tooClose(z, y, x, other));
    }
    if (!free) continue;
    kept.push(index);
    const own = cubes.get(cube);
    if (own) own.push(index);
    else cubes.set(cube, [index]);
  }
  return kept;
}
