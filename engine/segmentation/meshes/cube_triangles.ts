/**
 * Marching cubes between the centres of 2×2×2 voxels. The triangles of each of the 256 cases are derived here, not
 * copied: on every face of the cube the inside corners are cut off from each other unless they share an edge of it, so
 * that cubes side by side agree, and no triangle has a side that runs across a face. Together cubes therefore always
 * give closed surfaces in which each side belongs to two triangles.
 *
 * Corner c lies at x = c & 1, y = c >> 1 & 1, z = c >> 2.
 */

/** An edge of the cube: the corner it begins at, and its axis (0 is x, 1 is y, 2 is z). */
export interface CubeEdge {
  readonly corner: number;
  readonly axis: number;
}

/** The twelve edges. */
export const CUBE_EDGES: readonly CubeEdge[] = [0, 1, 2].flatMap((axis) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((corner) => !(corner >> axis & 1)).map((corner) => ({
    corner,
    axis,
  }))
);

/** Corners of the six faces, counter-clockwise seen from outside. */
const FACES: readonly (readonly number[])[] = [0, 1, 2].flatMap((axis) => {
  const [u, v] = [1 << (axis + 1) % 3, 1 << (axis + 2) % 3];
  const far = 1 << axis;
  return [[0, v, u | v, u], [far, far | u, far | u | v, far | v]];
});

/**
 * Triangles by case, where bit c of the case tells that corner c is inside: three edges of {@linkcode CUBE_EDGES} each, in
 * whose middle the vertices lie, counter-clockwise seen from outside.
 */
export const CUBE_TRIANGLES: readonly (readonly number[])[] = Array.from(
  { length: 256 },
  (_, inside) => outlines(inside).flatMap((outline) => triangulate(outline)!),
);

/** Closed lines in which the surface meets the faces, as edges of the cube. */
function outlines(inside: number): number[][] {
  const isInside = (corner: number) => (inside >> corner & 1) === 1;
  const next = new Map<number, number>();
  for (const face of FACES) {
    for (let i = 0; i < 4; i++) {
      if (!isInside(face[i]) || isInside(face[(i + 1) % 4])) continue;
      // A run of inside corners ends here; the line goes to where it began.
      let first = i;
      while (isInside(face[(first + 3) % 4])) first = (first + 3) % 4;
      next.set(edgeAt(face[(first + 3) % 4], face[first]), edgeAt(face[i], face[(i + 1) % 4]));
    }
  }
  const all: number[][] = [];
  for (const start of next.keys()) {
    if (all.some((outline) => outline.includes(start))) continue;
    const outline = [start];
    for (let e = next.get(start)!; e !== start; e = next.get(e)!) outline.push(e);
    all.push(outline);
  }
  return all;
}

/** Cuts a closed line into triangles by lines that lie on no face; null where that is not possible. */
function triangulate(outline: readonly number[]): number[] | null {
  if (outline.length === 3) return [...outline];
  const first = outline[0], last = outline[outline.length - 1];
  for (let i = 1; i < outline.length - 1; i++) {
    // The triangle on the side from last to first, and what is left on both sides of it.
    const sides = [outline.slice(0, i + 1), outline.slice(i)];
    const parts = sides.map((side) =>
      side.length === 2 ? [] : shareFace(side[0], side[side.length - 1]) ? null : triangulate(side)
    );
    if (parts[0] && parts[1]) return [first, outline[i], last, ...parts[0], ...parts[1]];
  }
  return null;
}

function edgeAt(a: number, b: number): number {
  return CUBE_EDGES.findIndex(({ corner, axis }) =>
    corner === Math.min(a, b) && (corner | 1 << axis) === Math.max(a, b)
  );
}

function shareFace(a: number, b: number): boolean {
  const isOn = (face: readonly number[], { corner, axis }: CubeEdge) =>
    face.includes(corner) && face.includes(corner | 1 << axis);
  return FACES.some((face) => isOn(face, CUBE_EDGES[a]) && isOn(face, CUBE_EDGES[b]));
}
