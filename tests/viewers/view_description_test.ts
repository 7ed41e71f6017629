import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { endOf } from "../../engine/geometry/box.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { canvasAt, canvasWithCorner } from "../../engine/viewers/view_description.ts";

Deno.test("canvasAt() gives each voxel a canvas that holds it, away from faces within the volume", () => {
  // Small, thin, and of several canvases along all axes or some.
  const sizes: Zyx[] = [[20, 30, 40], [288, 288, 288], [8, 2000, 3000], [300, 300, 300], [
    97,
    600,
    999,
  ]];
  for (const size of sizes) {
    const places = size.map((n) => [0, 1, n >> 2, n >> 1, n - 100, n - 2, n - 1]);
    for (const z of places[0]) {
      for (const y of places[1]) {
        for (const x of places[2]) {
          const position = [z, y, x] as const;
          if (position.some((p) => p < 0)) continue;
          const canvas = canvasAt(size, position), end = endOf(canvas);
          deepStrictEqual(canvasWithCorner(size, canvas.start), canvas);
          position.forEach((p, axis) => {
            ok(p >= canvas.start[axis] && p < end[axis], `${size}: ${position}`);
            // Half of what neighbours share, but at the ends of the volume.
            ok(canvas.start[axis] === 0 || p - canvas.start[axis] >= 47, `${size}: ${position}`);
            ok(end[axis] === size[axis] || end[axis] - p >= 47, `${size}: ${position}`);
          });
        }
      }
    }
  }
  strictEqual(canvasWithCorner([300, 300, 300], [0, 160, 320]), null);
  strictEqual(canvasWithCorner([300, 300, 300], [0, 1, 0]), null);
  deepStrictEqual(canvasWithCorner([300, 300, 300], [0, 160, 160]), {
    start: [0, 160, 160],
    size: [256, 140, 140],
  });
});
