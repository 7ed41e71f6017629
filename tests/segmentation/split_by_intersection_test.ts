import { deepStrictEqual, throws } from "node:assert/strict";
import { splitByIntersection } from "../../engine/segmentation/split_by_intersection.ts";

/** Vectors T1 of `spec/postprocessing.md`: a, b, smallest part, result. */
const big = 2 ** 33;
const T1: [number[], number[], number, number[]][] = [
  [
    [1, 1, 1, 1, 2, 2, 2, 0, 0, 3],
    [7, 7, 7, 8, 8, 0, 0, 7, 0, 9],
    0,
    [1, 1, 1, 4, 5, 2, 2, 0, 0, 3],
  ],
  [
    [1, 1, 1, 1, 2, 2, 2, 0, 0, 3],
    [7, 7, 7, 8, 8, 0, 0, 7, 0, 9],
    2,
    [1, 1, 1, 0, 0, 2, 2, 0, 0, 0],
  ],
  [[1, 1, 1, 1, 5], [9, 4, 9, 4, 4], 0, [6, 1, 6, 1, 5]],
  [[big, big, big + 5, 0, big], [1, 2, 2, 2, 2], 0, [big + 6, big, big + 5, 0, big]],
  [[big, big, big + 5, big], [1, 2, 2, 2], 0, [big + 6, big, big + 5, big]],
  [[1, 1, 1, 2], [2 ** 40, 2 ** 41, 2 ** 41, 2 ** 40], 0, [3, 1, 1, 2]],
];
const u64 = (values: readonly number[]) => BigUint64Array.from(values, BigInt);

Deno.test("splitByIntersection() gives the recorded labels (T1)", () => {
  for (const [a, b, minSize, expected] of T1) {
    const labels = u64(a);
    splitByIntersection(labels, u64(b), minSize);
    deepStrictEqual(labels, u64(expected));
  }
});

Deno.test("splitByIntersection() refuses other types and shapes", () => {
  const narrow = Uint32Array.of(1) as unknown as BigUint64Array;
  throws(() => splitByIntersection(narrow, u64([1])), { name: "TypeError" });
  throws(() => splitByIntersection(u64([1, 2]), u64([1])), {
    name: "RangeError",
    message: /same shape, current lengths are 2 and 1/,
  });
});
