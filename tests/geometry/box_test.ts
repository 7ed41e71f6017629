import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { type Box, containing, endOf, intersect } from "../../engine/geometry/box.ts";
import { maxZyx, minZyx } from "../../engine/geometry/vectors.ts";

const box = (start: Box["start"], size: Box["size"]): Box => ({ start, size });

Deno.test("minZyx() and maxZyx() look at the two vectors only", () => {
  deepStrictEqual(minZyx([5, 5, 5], [7, 7, 7]), [5, 5, 5]);
  deepStrictEqual(maxZyx([-5, -5, -5], [-7, -7, -7]), [-5, -5, -5]);
  deepStrictEqual(minZyx([1, 9, 3], [4, 2, 8]), [1, 2, 3]);
  deepStrictEqual(maxZyx([1, 9, 3], [4, 2, 8]), [4, 9, 8]);
});

Deno.test("intersect() gives the common part, or null where there is none", () => {
  const a = box([0, 0, 0], [10, 10, 10]);
  deepStrictEqual(intersect(a, a), a);
  deepStrictEqual(intersect(a, box([-3, 4, 9], [5, 5, 5])), box([0, 4, 9], [2, 5, 1]));
  strictEqual(intersect(a, box([10, 0, 0], [5, 5, 5])), null);
  deepStrictEqual(intersect(box([-9, -9, -9], [4, 4, 4]), box([-8, -8, -8], [9, 9, 9])), {
    start: [-8, -8, -8],
    size: [3, 3, 3],
  });
});

Deno.test("containing() gives the smallest box around all", () => {
  const boxes = [box([5, 6, 7], [1, 1, 1]), box([-2, 8, 9], [3, 1, 4])];
  const hull = containing(boxes);
  deepStrictEqual(hull, box([-2, 6, 7], [8, 3, 6]));
  deepStrictEqual(endOf(hull), [6, 9, 13]);
});
