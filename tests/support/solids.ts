/** What closed surfaces of triangles must be, and what they enclose. */
import { ok, strictEqual } from "node:assert/strict";

/** A surface of triangles. */
export interface Solid {
  /** Triples xyz. */
  readonly positions: ArrayLike<number>;
  /** Triples of vertices, counter-clockwise seen from outside. */
  readonly triangles: ArrayLike<number>;
}

/**
 * Vertices − edges + triangles: 2 for a ball, 0 for a ring. Fails unless the surface is a closed oriented manifold: every
 * directed edge once, its reverse once, and the triangles around each vertex one ring.
 */
export function eulerNumber({ positions, triangles }: Solid): number {
  const opposite = new Map<string, number>();
  const around = new Map<number, number[]>();
  for (let t = 0; t < triangles.length; t += 3) {
    for (let i = 0; i < 3; i++) {
      const [a, b, c] = [0, 1, 2].map((k) => triangles[t + (i + k) % 3]);
      ok(!opposite.has(`${a} ${b}`), "an edge with two triangles on one side");
      opposite.set(`${a} ${b}`, c);
      around.set(a, [...around.get(a) ?? [], b]);
    }
  }
  for (const edge of opposite.keys()) {
    ok(opposite.has(edge.split(" ").reverse().join(" ")), "an open edge");
  }
  for (const [vertex, ring] of around) {
    let steps = 1;
    for (let at = opposite.get(`${vertex} ${ring[0]}`)!; at !== ring[0]; steps++) {
      at = opposite.get(`${vertex} ${at}`)!;
    }
    strictEqual(steps, ring.length, "two sheets that touch in a vertex");
  }
  strictEqual(around.size, positions.length / 3, "a vertex of no triangle");
  return around.size - opposite.size / 2 + triangles.length / 3;
}

/** Volume by the divergence theorem; positive where triangles are counter-clockwise seen from outside. */
export function enclosedVolume({ positions, triangles }: Solid): number {
  let sum = 0;
  for (let t = 0; t < triangles.length; t += 3) {
    const [[ax, ay, az], [bx, by, bz], [cx, cy, cz]] = [0, 1, 2].map((i) =>
      [0, 1, 2].map((k) => positions[3 * triangles[t + i] + k])
    );
    sum += ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx);
  }
  return sum / 6;
}
