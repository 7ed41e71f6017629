import { MeshoptSimplifier } from "npm:meshoptimizer@1.3.0";
import { mapZyx, type Zyx } from "../../geometry/vectors.ts";
import type { LabelSurface } from "./label_surfaces.ts";

/** A surface in nanometres. */
export interface Mesh {
  /** Triples xyz. */
  readonly positionsNm: Float32Array<ArrayBuffer>;
  /** Triples of vertices, counter-clockwise seen from outside. */
  readonly triangles: Uint32Array<ArrayBuffer>;
}

/** Where the first voxel of a block lies. */
export interface MeshPlace {
  /** Voxels of the data set, zyx. */
  readonly start: Zyx;
  /** Edges of a voxel in nanometres, zyx. */
  readonly voxelSizeNm: Zyx;
}

/**
 * Puts the surface of a block where it belongs, with fewer triangles where few are enough. Open borders stay as they are, so
 * that the parts of an object go on fitting together.
 *
 * @param maxError How far the surface may move, in edges of a voxel along its shortest axis; 0 keeps every triangle.
 */
export async function simplifySurface(
  { vertices, triangles }: LabelSurface,
  { start, voxelSizeNm }: MeshPlace,
  maxError: number,
): Promise<Mesh> {
  // Relative to the block, so that few bits are lost.
  const local = Float32Array.from(vertices, (half, i) => half / 2 * voxelSizeNm[i % 3]);
  let kept = Uint32Array.from(triangles);
  if (maxError > 0) {
    await MeshoptSimplifier.ready;
    const errorNm = maxError * Math.min(...voxelSizeNm);
    const flags = ["LockBorder" as const, "ErrorAbsolute" as const];
    const [simple] = MeshoptSimplifier.simplify(kept, local, 3, 0, errorNm, flags);
    // An object smaller than the error would vanish.
    if (simple.length > 0) kept = new Uint32Array(simple);
  }
  // Vertices that are left, by order of use.
  const numbers = new Map<number, number>();
  const numbered = kept.map((vertex) => {
    const number = numbers.get(vertex) ?? numbers.size;
    numbers.set(vertex, number);
    return number;
  });
  const positionsNm = new Float32Array(3 * numbers.size);
  for (const [vertex, number] of numbers) {
    const place = mapZyx(
      (from, edge, axis) => (from + 0.5 + vertices[3 * vertex + axis] / 2) * edge,
      start,
      voxelSizeNm,
    );
    positionsNm.set([place[2], place[1], place[0]], 3 * number);
  }
  return { positionsNm, triangles: numbered };
}
