import type { Zyx } from "../../geometry/vectors.ts";
import type { FillPlane } from "./noise.ts";

/**
 * Distances in float32 from squared ones, plane by plane. An image (with `perSlice` a slice) without an edge gets what
 * SciPy gives: the distance to the voxel before its first one along its first axis.
 *
 * @param squared `[z, y, x]` of `size`, Infinity throughout an image without an edge.
 */
export function edgeDistances(
  squared: Float32Array | Float64Array,
  size: Zyx,
  perSlice = false,
): FillPlane {
  const [, height, width] = size;
  return (z, plane) => {
    const start = z * plane.length;
    for (let i = 0; i < plane.length; i++) plane[i] = Math.fround(Math.sqrt(squared[start + i]));
    if (plane[0] !== Infinity) return;
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const away = perSlice ? (y + 1) ** 2 + x ** 2 : (z + 1) ** 2 + y ** 2 + x ** 2;
        plane[i++] = Math.fround(Math.sqrt(away));
      }
    }
  };
}
