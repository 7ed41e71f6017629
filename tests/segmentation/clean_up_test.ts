import { deepStrictEqual, throws } from "node:assert/strict";
import { cleanUp } from "../../engine/segmentation/clean_up.ts";
import { makeLabelsContiguous } from "../../engine/segmentation/contiguous.ts";
import { distinctLabels } from "../../engine/segmentation/distinct_labels.ts";
import { clearDust } from "../../engine/segmentation/dust.ts";

Deno.test("makeLabelsContiguous() numbers labels in ascending order", () => {
  const { labels, mapping } = makeLabelsContiguous(
    Uint16Array.of(...[5, 5, 0, 9], ...[5, 0, 9, 9], ...[0, 7, 7, 0]),
  );
  deepStrictEqual([...labels], [1, 1, 0, 3, 1, 0, 3, 3, 0, 2, 2, 0]);
  deepStrictEqual(mapping, [[0, 0], [5, 1], [7, 2], [9, 3]]);
});

Deno.test("makeLabelsContiguous() makes 0 of the smallest label unless told to keep 0", () => {
  const dense = Uint8Array.of(5, 9, 9, 5);
  deepStrictEqual([...makeLabelsContiguous(dense).labels], [0, 1, 1, 0]);
  const kept = makeLabelsContiguous(dense, { keepZero: true });
  deepStrictEqual([...kept.labels], [1, 2, 2, 1]);
  deepStrictEqual(kept.mapping, [[0, 0], [5, 1], [9, 2]]);
});

Deno.test("makeLabelsContiguous() orders signed and 64-bit labels by value", () => {
  deepStrictEqual(makeLabelsContiguous(Int32Array.of(3, -1, 0)).mapping, [[-1, 0], [0, 1], [3, 2]]);
  const big = 1n << 40n;
  const { labels, mapping } = makeLabelsContiguous(BigUint64Array.of(big + 1n, 7n, big, big + 1n));
  deepStrictEqual([...labels], [2, 0, 1, 2]);
  deepStrictEqual(mapping, [[7n, 0], [big, 1], [big + 1n, 2]]);
});

Deno.test("distinctLabels() counts more labels than its first table holds", () => {
  const labels = Uint32Array.from({ length: 30000 }, (_, i) => (i % 10000) * 65536 + 1);
  const { index, ids, counts } = distinctLabels(labels);
  deepStrictEqual(ids.length, 10001);
  deepStrictEqual(counts[0], 0);
  deepStrictEqual(new Set(counts.slice(1)), new Set([3]));
  deepStrictEqual([...index].every((at, i) => ids[at] === labels[i]), true);
});

Deno.test("clearDust() removes labels below the size, in place", () => {
  const labels = Uint8Array.of(0, 0, 1, 1, 1, 2, 3, 3, 3, 3);
  deepStrictEqual(clearDust(labels, 3), 1);
  deepStrictEqual([...labels], [0, 0, 1, 1, 1, 0, 3, 3, 3, 3]);
  const wide = BigUint64Array.of(1n << 33n, 1n << 33n, 5n);
  deepStrictEqual(clearDust(wide, 2), 1);
  deepStrictEqual([...wide], [1n << 33n, 1n << 33n, 0n]);
  throws(() => clearDust(new Float64Array(1)), { name: "TypeError" });
});

Deno.test("cleanUp() splits, removes dust and maps new labels to old ones", async () => {
  const labels = Int32Array.of(
    ...[1, 1, 0, 2, 0, 1, 0, 1, 3, 0, 3, 1],
    ...[0, 0, 0, 2, 1, 0, 0, 1, 3, 3, 3, 0],
  );
  const before = labels.slice();
  const clean = await cleanUp(labels, [2, 3, 4], { minSize: 2 });
  deepStrictEqual(labels, before);
  deepStrictEqual([...clean.newToOld], [[0, 0], [1, 1], [2, 2], [3, 1], [4, 3]]);
  deepStrictEqual([...clean.counts], [[0, 11], [1, 3], [2, 2], [3, 3], [4, 5]]);
  deepStrictEqual(clean.labels[16], 0);
});

Deno.test("cleanUp() without a split keeps labels and type", async () => {
  const big = 1n << 35n;
  const clean = await cleanUp(BigUint64Array.of(big, 0n, big, 4n), [1, 1, 4], {
    splitCc: false,
    minSize: 2,
  });
  deepStrictEqual(clean.labels, BigUint64Array.of(big, 0n, big, 0n));
  deepStrictEqual([...clean.newToOld], [[0n, 0n], [big, big]]);
  deepStrictEqual([...clean.counts], [[0n, 2], [big, 2]]);
});
