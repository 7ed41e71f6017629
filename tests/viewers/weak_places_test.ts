import { deepStrictEqual } from "node:assert/strict";
import { weakPlaces } from "../../engine/viewers/page/weak_places.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";

const SIZE: Zyx = [3, 5, 9];
const index = ([z, y, x]: Zyx) => (z * SIZE[1] + y) * SIZE[2] + x;
const logitOf = (prob: number) => Math.log(prob / (1 - prob));

Deno.test("weakPlaces() lists unsure moves, then contacts with other objects, the largest first", () => {
  const seed = new Float32Array(3 * 5 * 9).fill(NaN);
  const segmentation = new Int32Array(3 * 5 * 9);
  // A bar along x; object 4 lies below it at one voxel, object 2 at its far end and above at two.
  for (let x = 1; x < 8; x++) seed[index([1, 2, x])] = logitOf(0.91);
  seed[index([1, 2, 3])] = logitOf(0.7);
  seed[index([1, 2, 5])] = logitOf(0.85);
  segmentation[index([2, 2, 2])] = 4;
  segmentation[index([1, 1, 6])] = 2;
  segmentation[index([1, 1, 7])] = 2;
  segmentation[index([1, 2, 8])] = 2;
  // A mark of a rejected seed is no object.
  segmentation[index([0, 2, 4])] = -1;
  const path: Zyx[] = [[1, 2, 1], [1, 2, 3], [1, 2, 5], [1, 2, 7]];
  const box = { start: [0, 1, 0], size: [3, 3, 9] } as const;
  const threshold = logitOf(0.6);
  const found = weakPlaces({ size: SIZE, seed, segmentation, box, threshold, path });
  deepStrictEqual(found, [
    { position: [1, 2, 3], reason: "only 70 % sure at the centre of a field of view" },
    { position: [1, 2, 5], reason: "only 85 % sure at the centre of a field of view" },
    { position: [1, 2, 7], reason: "it touches object 2 at 3 faces" },
    { position: [1, 2, 2], reason: "it touches object 4 at 1 face" },
  ]);
});
