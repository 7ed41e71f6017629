import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { splitDisconnectedComponents } from "../../engine/segmentation/components.ts";
import { Contingency } from "../../engine/segmentation/contingency.ts";
import {
  compareLabels,
  type LabelMetrics,
  labelMetrics,
} from "../../engine/segmentation/metrics.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { open } from "../../engine/volumes/open.ts";
import { FIB25, testWith } from "../support/resources.ts";

/** One case of `tests/oracles/label_metrics.py`. */
interface Case {
  name: string;
  size: Zyx;
  truth: number[];
  segmentation: number[];
  all: { voxels: number; split: number; merge: number };
  both: { voxels: number; split: number; merge: number };
  adaptedRandError: number;
  randPrecision: number;
  randRecall: number;
  coverage: number;
  components: Record<"6" | "18" | "26", number[]>;
}

const cases: Case[] = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/label_metrics.json", import.meta.url)),
);

function assertClose(actual: number, expected: number, what: string): void {
  ok(Math.abs(actual - expected) < 1e-12, `${what}: ${actual}, expected ${expected}`);
}

for (const expected of cases) {
  Deno.test(`compareLabels() agrees with scikit-image: ${expected.name}`, () => {
    const actual = compareLabels(
      Uint16Array.from(expected.segmentation),
      Int32Array.from(expected.truth),
    );
    for (const set of ["all", "both"] as const) {
      deepStrictEqual(actual[set].voxels, expected[set].voxels);
      assertClose(actual[set].split, expected[set].split, `${set} split`);
      assertClose(actual[set].merge, expected[set].merge, `${set} merge`);
      assertClose(actual[set].total, actual[set].split + actual[set].merge, `${set} total`);
    }
    for (const key of ["adaptedRandError", "randPrecision", "randRecall", "coverage"] as const) {
      assertClose(actual[key], expected[key], key);
    }
  });

  Deno.test(`splitDisconnectedComponents() agrees with scikit-image: ${expected.name}`, async () => {
    for (const connectivity of [6, 18, 26] as const) {
      const { labels } = await splitDisconnectedComponents(
        Uint16Array.from(expected.truth),
        expected.size,
        connectivity,
      );
      deepStrictEqual([...labels], expected.components[connectivity]);
    }
  });
}

/** The Rand index by its definition: every pair of voxels. */
function randErrorByPairs(segmentation: number[], truth: number[]): number {
  let [pairs, differing] = [0, 0];
  for (let i = 0; i < truth.length; i++) {
    for (let j = 0; j < i; j++) {
      if (truth[i] === 0 || truth[j] === 0) continue;
      pairs++;
      const joined = segmentation[i] === segmentation[j];
      if (joined !== (truth[i] === truth[j])) differing++;
    }
  }
  return differing / pairs;
}

Deno.test("compareLabels() counts voxel pairs for the Rand error", () => {
  for (const { segmentation, truth } of cases) {
    const { randError } = compareLabels(Uint8Array.from(segmentation), Uint16Array.from(truth));
    assertClose(randError, randErrorByPairs(segmentation.map((v) => v & 255), truth), "Rand error");
  }
});

Deno.test("compareLabels() of equal labellings is perfect, of renamed ones too", () => {
  const truth = Uint8Array.of(1, 1, 2, 2, 0, 3);
  const renamed = Uint8Array.of(9, 9, 4, 4, 7, 2);
  const metrics: LabelMetrics = compareLabels(renamed, truth);
  deepStrictEqual(metrics.all, { voxels: 5, split: 0, merge: 0, total: 0 });
  deepStrictEqual([metrics.adaptedRandError, metrics.randError, metrics.coverage], [0, 0, 1]);
  deepStrictEqual([metrics.segments, metrics.truths], [4, 3]);
});

Deno.test("compareLabels() of two halves run together loses one bit by merging", () => {
  const metrics = compareLabels(Uint8Array.of(1, 1, 1, 1), Uint8Array.of(1, 1, 2, 2));
  deepStrictEqual(metrics.all, { voxels: 4, split: 0, merge: 1, total: 1 });
  deepStrictEqual(compareLabels(Uint8Array.of(1, 1, 2, 2), Uint8Array.of(5, 5, 5, 5)).all.split, 1);
});

Deno.test("Contingency.add() gathers boxes and mixes 64-bit with narrow labels", () => {
  const contingency = new Contingency();
  contingency.add(BigUint64Array.of(1n << 32n, 1n << 32n, 1n), Uint8Array.of(1, 2, 2));
  contingency.add(new Uint8Array(0), new Uint8Array(0));
  contingency.add(Uint32Array.of(1, 0), Uint32Array.of(2, 2));
  deepStrictEqual([...contingency.cells()], [
    { segment: 1, truth: 1, count: 1 },
    { segment: 1, truth: 2, count: 1 },
    { segment: 2, truth: 2, count: 2 },
    { segment: 0, truth: 2, count: 1 },
  ]);
});

Deno.test("compareLabels() refuses floats, different lengths and empty truth", () => {
  throws(() => compareLabels(new Float32Array(1), new Uint8Array(1)), { name: "TypeError" });
  throws(() => compareLabels(new Uint8Array(2), new Uint8Array(1)), {
    name: "RangeError",
    message: "Cannot compare segmentations: both need the same shape, current lengths are 2 and 1",
  });
  throws(() => labelMetrics(new Contingency()), {
    name: "RangeError",
    message:
      "Cannot compare segmentations: some voxel needs a truth label > 0, current truth is all 0",
  });
});

async function allOf(spec: string, labels = false) {
  await using volume = await open(spec, { labels });
  return await volume.read({ start: [0, 0, 0], size: [250, 250, 250] });
}

testWith("shared", "compareLabels() reproduces the published result's figures", async () => {
  const folder = `${FIB25}/training_sample2`;
  const truth = await allOf(`${folder}/groundtruth.h5:stack`);
  const published = compareLabels(
    await allOf(`${folder}/sample-training2.npz:segmentation`),
    truth,
  );
  const figures = ({ all, both }: LabelMetrics) =>
    [all, both].map(({ voxels, split, merge }) => [voxels, split.toFixed(6), merge.toFixed(6)]);
  deepStrictEqual(figures(published), [
    [15624750, "0.898653", "0.918404"],
    [13867123, "0.612568", "0.263210"],
  ]);
  deepStrictEqual(published.adaptedRandError.toFixed(6), "0.157366");
  deepStrictEqual(published.coverage.toFixed(6), "0.887496");

  const over = compareLabels(await allOf(`${folder}/oversegmentation.h5:stack`), truth);
  deepStrictEqual(figures(over)[0].slice(1), ["2.375748", "0.329600"]);
});
