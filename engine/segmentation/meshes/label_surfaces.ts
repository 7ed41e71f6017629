import type { Zyx } from "../../geometry/vectors.ts";
import { CUBE_EDGES, CUBE_TRIANGLES } from "./cube_triangles.ts";

/** The surface of one label, or the part of it that lies in a block. */
export interface LabelSurface {
  /** Triples zyx in half voxels, counted from the centre of the block's first voxel: one entry of each is odd. */
  readonly vertices: number[];
  /** Triples of vertices, counter-clockwise seen from outside where x, y, z is right-handed. */
  readonly triangles: number[];
}

/**
 * Surfaces of all labels of a block but 0, half way between the centres of voxels: marching cubes with one table for all.
 * Voxels of a label that share no face are not connected. The surface is open only where it meets the outermost voxels,
 * so a volume needs a border of 0; blocks that have one plane of voxels in common fit together exactly.
 *
 * @param labels `[z, y, x]`, small numbers as `distinctLabels` gives them.
 * @param count Labels are smaller than this.
 * @returns By label; labels without a surface in the block are absent.
 */
export function labelSurfaces(
  labels: Uint32Array,
  size: Zyx,
  count: number,
): Map<number, LabelSurface> {
  const [depth, height, width] = size;
  const plane = height * width;
  const corners = Array.from(
    { length: 8 },
    (_, c) => (c & 1) + (c >> 1 & 1) * width + (c >> 2) * plane,
  );
  const surfaces: (LabelSurface | undefined)[] = new Array(count);
  // Vertices of the two planes of voxels at hand: by parity of z, axis, place in the plane, and whether the label is that
  // of the voxel before or after; 0 where there is none yet, else one more than its number.
  const numbers = new Uint32Array(2 * 3 * plane * 2);
  const cube = new Uint32Array(8);
  for (let z = 0; z + 1 < depth; z++) {
    // The plane before is done with: its place is that of the next.
    const fresh = (z + 1 & 1) * 6 * plane;
    numbers.fill(0, fresh, fresh + 6 * plane);
    for (let y = 0; y + 1 < height; y++) {
      for (let x = 0; x + 1 < width; x++) {
        const voxel = z * plane + y * width + x;
        const first = labels[voxel];
        let isMixed = false;
        for (let c = 0; c < 8; c++) {
          cube[c] = labels[voxel + corners[c]];
          if (cube[c] !== first) isMixed = true;
        }
        if (!isMixed) continue;
        for (let c = 0; c < 8; c++) {
          const label = cube[c];
          if (label === 0 || cube.indexOf(label) !== c) continue;
          let inside = 0;
          for (let other = c; other < 8; other++) if (cube[other] === label) inside |= 1 << other;
          const surface = surfaces[label] ??= { vertices: [], triangles: [] };
          for (const edge of CUBE_TRIANGLES[inside]) {
            const { corner, axis } = CUBE_EDGES[edge];
            const at = voxel + corners[corner];
            const cz = z + (corner >> 2);
            const isAfter = inside >> corner & 1 ? 0 : 1;
            const slot = (((cz & 1) * 3 + axis) * plane + at - cz * plane) * 2 + isAfter;
            if (numbers[slot] === 0) {
              const { vertices } = surface;
              const [cy, cx] = [y + (corner >> 1 & 1), x + (corner & 1)];
              vertices.push(
                2 * cz + (axis === 2 ? 1 : 0),
                2 * cy + (axis === 1 ? 1 : 0),
                2 * cx + (axis === 0 ? 1 : 0),
              );
              numbers[slot] = vertices.length / 3;
            }
            surface.triangles.push(numbers[slot] - 1);
          }
        }
      }
    }
  }
  const found = new Map<number, LabelSurface>();
  surfaces.forEach((surface, label) => surface && found.set(label, surface));
  return found;
}
