import { deepStrictEqual, rejects } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import {
  asUint32,
  meet,
  meetLikeReference,
  mergeFromMinId,
} from "../../engine/segmentation/meet.ts";
import { seededRandom } from "../support/random.ts";
import { plainComponents } from "../wasm/labels/plain_labels.ts";

/** Vectors T4 of `spec/postprocessing.md`: a, b, the reference's result, the meet. */
const T4: [number[], number[], number[], number[]][] = [
  [[1, 1, 1, 1, 1, 1], [5, 5, 5, 6, 6, 6], [3, 3, 3, 3, 3, 3], [1, 1, 1, 2, 2, 2]],
  [[5, 5, 5, 6, 6, 6], [1, 1, 1, 1, 1, 1], [3, 3, 3, 4, 4, 4], [1, 1, 1, 2, 2, 2]],
  [[0, 1, 1, 1, 1, 0], [0, 5, 5, 6, 6, 0], [0, 4, 4, 4, 4, 0], [0, 1, 1, 2, 2, 0]],
  [
    [1, 1, 1, 2, 2, 0, 0, 3],
    [5, 5, 6, 6, 0, 7, 0, 0],
    [7, 7, 7, 8, 2, 5, 0, 3],
    [1, 1, 2, 3, 4, 5, 0, 6],
  ],
  [[1, 0, 1, 0, 1, 0], [9, 0, 9, 0, 0, 0], [5, 0, 6, 0, 2, 0], [1, 0, 2, 0, 3, 0]],
  [[0, 1, 1, 2], [0, 1, 1, 2], [0, 4, 4, 5], [0, 1, 1, 2]],
];
const row = (values: readonly number[]): Zyx => [1, 1, values.length];
const u32 = (values: readonly number[]) => Uint32Array.from(values);

Deno.test("mergeFromMinId() gives the recorded numbers (T2)", async () => {
  const labels = u32([5, 5, 0, 6, 5, 6]);
  const out = new Uint32Array(6);
  const last = await mergeFromMinId(out, labels, (i) => labels[i] > 0, [1, 1, 6], 10);
  deepStrictEqual([...out], [11, 11, 0, 12, 13, 14]);
  deepStrictEqual(last, 14);
});

Deno.test("meetLikeReference() gives the recorded labels (T4)", async () => {
  for (const [a, b, expected] of T4) {
    const { labels } = await meetLikeReference(u32(a), u32(b), row(a));
    deepStrictEqual([...labels], expected);
  }
  const from10 = await meetLikeReference(u32([1, 1, 0, 0]), u32([0, 2, 2, 0]), [1, 1, 4], 10);
  deepStrictEqual([...from10.labels], [11, 15, 13, 0]);
  const [x, y, z] = [[1, 1, 1, 1], [2, 2, 3, 3], [4, 5, 5, 5]].map(u32);
  for (
    const [order, expected] of [[[x, y, z], [3, 3, 3, 3]], [[z, y, x], [3, 4, 4, 4]], [[y, x, z], [
      ...[3, 3, 4, 4],
    ]]]
  ) {
    let folded = order[0] as Uint32Array;
    for (const next of order.slice(1) as Uint32Array[]) {
      folded = (await meetLikeReference(folded, next, [1, 1, 4])).labels;
    }
    deepStrictEqual([...folded], expected);
  }
});

Deno.test("meet() gives the recorded labels (T4)", async () => {
  for (const [a, b, , expected] of T4) {
    const { labels, maxId } = await meet(u32(a), u32(b), row(a));
    deepStrictEqual([...labels], expected);
    deepStrictEqual(maxId, Math.max(...expected));
  }
});

Deno.test("meet() is commutative and associative, and equals components of pairs", async () => {
  const size: Zyx = [4, 7, 9];
  const random = seededRandom(12);
  const [a, b, c] = [2, 3, 2].map((n) =>
    Uint32Array.from({ length: volumeOf(size) }, () => Math.floor(random() * (n + 1)))
  );
  const ab = await meet(a, b, size);
  deepStrictEqual((await meet(b, a, size)).labels, ab.labels);
  const pairs = [...a].map((v, i) => v + b[i] === 0 ? "0" : `${v},${b[i]}`);
  deepStrictEqual([...ab.labels], plainComponents(pairs, size, 6).labels);
  const left = await meet(ab.labels, c, size);
  const right = await meet(a, (await meet(b, c, size)).labels, size);
  deepStrictEqual(left.labels, right.labels);
});

Deno.test("meet() without a split keeps voxels of one pair of labels together", async () => {
  const options = { splitCc: false };
  const { labels, maxId } = await meet(u32([1, 0, 1, 0, 1, 2]), u32([9, 0, 9, 0, 0, 0]), [
    ...[1, 1] as const,
    6,
  ], options);
  deepStrictEqual([...labels], [1, 0, 1, 0, 2, 3]);
  deepStrictEqual(maxId, 3);
});

Deno.test("meet() refuses segmentations of different size", async () => {
  await rejects(() => meet(new Uint32Array(6), new Uint32Array(5), [1, 2, 3]), {
    name: "RangeError",
    message:
      "Cannot combine segmentations: both need 6 voxels for size zyx (1, 2, 3), current 6 and 5",
  });
});

Deno.test("asUint32() keeps what fits and renumbers 64-bit labels", () => {
  deepStrictEqual([...asUint32(Uint8Array.of(3, 0, 9))], [3, 0, 9]);
  deepStrictEqual([...asUint32(BigUint64Array.of(1n << 40n, 0n, 7n, 1n << 40n))], [1, 0, 2, 1]);
});
