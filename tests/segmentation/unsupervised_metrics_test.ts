import { deepStrictEqual, throws } from "node:assert/strict";
import { equivalenceClasses, parseEquivalences } from "../../engine/segmentation/equivalences.ts";
import { unsupervisedMetrics } from "../../engine/segmentation/unsupervised_metrics.ts";

Deno.test("unsupervisedMetrics() gives the recorded figures (T13)", async () => {
  const labels = new Uint16Array(343);
  const set = (z: number, y: number, x: number, label: number) =>
    labels[(z * 7 + y) * 7 + x] = label;
  for (let z = 1; z < 6; z++) {
    for (let y = 1; y < 6; y++) for (let x = 1; x < 3; x++) set(z, y, x, 1);
  }
  set(3, 3, 5, 1);
  for (let x = 0; x < 4; x++) set(0, 0, x, 2);
  for (let x = 0; x < 7; x++) set(6, 6, x, 3);
  const before = labels.slice();
  const { density, objects, split, decrumbed } = await unsupervisedMetrics(labels, [7, 7, 7], 2);
  deepStrictEqual(labels, before);
  deepStrictEqual(density, 0.18075801749271136);
  deepStrictEqual(objects, {
    ...{ nsegs: 3, minSize: 4, meanSize: 20.666666666666668, medianSize: 7, maxSize: 51 },
    nIslands: 1,
  });
  deepStrictEqual(split, {
    ...{ nsegs: 4, minSize: 1, meanSize: 15.5, medianSize: 5.5, maxSize: 50, nIslands: 1 },
  });
  deepStrictEqual(decrumbed, {
    ...{ nsegs: 1, minSize: 51, meanSize: 51, medianSize: 51, maxSize: 51, nIslands: 1 },
    density: 0.14868804664723032,
  });
});

Deno.test("unsupervisedMetrics() of nothing has no sizes", async () => {
  const { density, objects } = await unsupervisedMetrics(new Uint8Array(8), [2, 2, 2], 0);
  deepStrictEqual([density, objects.nsegs, objects.minSize, objects.nIslands], [0, 0, NaN, 0]);
});

Deno.test("equivalenceClasses() joins what lines of two and of five columns say (T16)", () => {
  const text = "1,2\n2,3 # the same again\n\n7,9\n";
  const pairs = [
    ...parseEquivalences(text, "a.csv"),
    ...parseEquivalences("1,9,10,20,30", "b.csv"),
  ];
  deepStrictEqual(equivalenceClasses(pairs), [[1n, 2n, 3n, 7n, 9n]]);
  deepStrictEqual(equivalenceClasses([[5n, 4n], [2n ** 63n, 8n]]), [[4n, 5n], [8n, 2n ** 63n]]);
  throws(() => parseEquivalences("1,2\n1,2,3\n", "c.csv"), {
    name: "FormatError",
    message: /line 2 must be "a,b" or "a,b,x,y,z", current "1,2,3"/,
  });
});
