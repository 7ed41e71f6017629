import { deepStrictEqual, ok } from "node:assert/strict";
import { Contingency } from "../../engine/segmentation/contingency.ts";
import { compareLabels, labelMetrics } from "../../engine/segmentation/metrics.ts";
import { matchObjects } from "../../engine/segmentation/object_matching.ts";
import { seededRandom } from "../support/random.ts";

Deno.test("matchObjects() finds the best segment of each object and the worst mistakes", () => {
  const contingency = new Contingency();
  //                   object 1 cut in two, 2 and 3 run together, 4 missed, voxels without truth left out
  const truth = Uint8Array.of(1, 1, 1, 1, 2, 2, 2, 3, 4, 0);
  const segmentation = BigUint64Array.of(9n, 9n, 9n, 8n, 7n, 7n, 7n, 7n, 0n, 7n);
  contingency.add(segmentation, truth);
  const { truths, segments, ...summary } = matchObjects(contingency);
  deepStrictEqual(
    truths.map(({ id, voxels, segment, iou, segments }) => [id, voxels, segment, iou, segments]),
    [[1n, 4, 9n, 0.75, 2], [2n, 3, 7n, 0.75, 1], [3n, 1, 7n, 0.25, 1], [4n, 1, null, 0, 0]],
  );
  deepStrictEqual(
    segments.map(({ id, voxels, truths }) => [id, voxels, truths]),
    [[7n, 4, 2], [8n, 1, 1], [9n, 3, 1]],
  );
  deepStrictEqual(summary, { matched: 2, precision: 2 / 3, recall: 0.5, f1: 4 / 7 });
});

Deno.test("matchObjects() shares out the variation of information", () => {
  const random = seededRandom(8);
  const draw = (n: number) => Uint16Array.from({ length: 500 }, () => Math.floor(random() * n));
  const contingency = new Contingency();
  contingency.add(draw(9), draw(7));
  const { all } = labelMetrics(contingency);
  const { truths, segments } = matchObjects(contingency);
  const split = truths.reduce((sum, { splitBits }) => sum + splitBits, 0);
  ok(Math.abs(split - all.split) < 1e-12);
  // What background runs together is no segment's mistake.
  const merge = segments.reduce((sum, { mergeBits }) => sum + mergeBits, 0);
  ok(merge > 0 && merge < all.merge);
});

Deno.test("compareLabels() corrects the Rand index for chance", () => {
  const random = seededRandom(5);
  const draw = (n: number) => Uint8Array.from({ length: 60 }, () => Math.floor(random() * n));
  const [segmentation, truth] = [draw(4), draw(5)];
  // The definition: pairs joined in both, in each, and what chance would give.
  let [both, a, b, pairs] = [0, 0, 0, 0];
  for (let i = 0; i < 60; i++) {
    for (let j = 0; j < i; j++) {
      if (truth[i] === 0 || truth[j] === 0) continue;
      const [x, y] = [segmentation[i] === segmentation[j], truth[i] === truth[j]];
      pairs++;
      if (x) a++;
      if (y) b++;
      if (x && y) both++;
    }
  }
  const expected = (both - a * b / pairs) / ((a + b) / 2 - a * b / pairs);
  ok(Math.abs(compareLabels(segmentation, truth).adjustedRandIndex - expected) < 1e-12);
  deepStrictEqual(compareLabels(truth, truth).adjustedRandIndex, 1);
});
