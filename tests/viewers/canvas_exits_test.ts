import { deepStrictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { canvasExits } from "../../engine/viewers/page/canvas_exits.ts";

Deno.test("canvasExits() lists each part of an object that leaves its canvas into the volume", () => {
  const size: Zyx = [4, 6, 8];
  const seed = new Float32Array(volumeOf(size)).fill(NaN);
  const set = (z: number, y: number, x: number, logit = 2) => seed[(z * 6 + y) * 8 + x] = logit;
  // Across the whole of x, and away through y in another place; one voxel is too weak, one reaches the end of the volume.
  for (let x = 0; x < 8; x++) set(1, 2, x);
  for (let y = 2; y < 6; y++) set(1, y, 4);
  set(1, 1, 7);
  set(3, 5, 7, 0.1);
  set(0, 0, 2);
  const canvas = { start: [0, 10, 20], size } as const;
  const places = (volume: Zyx) =>
    canvasExits({ seed, threshold: 0.5 }, canvas, volume).map(({ position }) => position);
  deepStrictEqual(places([4, 16, 28]), [[0, 0, 2], [1, 2, 0]]);
  deepStrictEqual(places([4, 17, 29]).slice(0, 1), [[1, 1, 7]]);
  deepStrictEqual(places([5, 17, 29]).length, 4);
  deepStrictEqual(canvasExits({ seed, threshold: 0.5 }, { start: [0, 0, 0], size }, size), []);
});
