/** Vectors T12 of `spec/postprocessing.md`. */
import { deepStrictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import {
  type DecisionPointOptions,
  findDecisionPoints,
} from "../../engine/resegmentation/find_decision_points.ts";
import { growLabels } from "../../engine/resegmentation/grow_labels.ts";

function labelled(size: Zyx, at: (z: number, y: number, x: number) => number): Uint32Array {
  return Uint32Array.from({ length: volumeOf(size) }, (_, i) =>
    at(
      Math.floor(i / (size[1] * size[2])),
      Math.floor(i / size[2]) % size[1],
      i % size[2],
    ));
}

async function points(labels: Uint32Array, size: Zyx, options?: DecisionPointOptions) {
  const found = await findDecisionPoints(labels, size, options);
  return found.map(({ idA, idB, distance, position }) => [
    ...[Number(idA), Number(idB), Number(distance.toFixed(6)), [...position].reverse()],
  ]);
}

Deno.test("findDecisionPoints() finds the middle of a gap between two slabs (T12)", async () => {
  const size: Zyx = [100, 80, 60];
  const labels = labelled(size, (z) => z < 40 ? 1 : z >= 60 ? 2 : 0);
  deepStrictEqual(await points(labels, size), [[1, 2, 10, [29, 39, 49]]]);
});

Deno.test("findDecisionPoints() finds three neighbours, or the near ones only (T12)", async () => {
  const size: Zyx = [1, 100, 100];
  const labels = labelled(
    size,
    (_, y, x) =>
      y < 20 && x < 20 ? 1 : y < 20 && x >= 80 ? 2 : y >= 80 && x >= 40 && x < 60 ? 3 : 0,
  );
  deepStrictEqual(await points(labels, size), [
    [1, 2, 30, [49, 9, 0]],
    [1, 3, 31.622776, [29, 49, 0]],
    [2, 3, 31.787933, [69, 49, 0]],
  ]);
  deepStrictEqual(await points(labels, size, { maxDistance: 30 }), [[1, 2, 30, [49, 9, 0]]]);
});

Deno.test("findDecisionPoints() finds objects that touch, by a face or a corner (T12)", async () => {
  const halves = labelled([3, 6, 6], (_, __, x) => x < 3 ? 10 : 20);
  deepStrictEqual(await points(halves, [3, 6, 6]), [[10, 20, 0, [2, 2, 1]]]);
  const octants = labelled([4, 4, 4], (z, y, x) => {
    const sides = [z, y, x].map((v) => v > 1);
    return sides.every(Boolean) ? 9 : sides.some(Boolean) ? 0 : 4;
  });
  deepStrictEqual(await points(octants, [4, 4, 4], { maxDistance: 0 }), [[4, 9, 0, [1, 1, 1]]]);
});

Deno.test("findDecisionPoints() measures with voxels of unequal sides (T12)", async () => {
  const size: Zyx = [1, 10, 10];
  const labels = labelled(
    size,
    (_, y, x) => y < 2 && x < 2 ? 1 : y < 2 && x >= 8 ? 2 : y >= 8 && (x === 4 || x === 5) ? 3 : 0,
  );
  deepStrictEqual(await points(labels, size, { voxelSize: [40, 8, 8] }), [
    [1, 2, 24, [4, 0, 0]],
    [1, 3, 25.298222, [2, 4, 0]],
    [2, 3, 27.071316, [6, 4, 0]],
  ]);
});

Deno.test("findDecisionPoints() leaves out crumbs and what lies outside of its box", async () => {
  const size: Zyx = [1, 4, 12];
  const labels = labelled(size, (_, y, x) => x < 3 ? 1 : x > 8 ? 2 : y === 0 && x === 5 ? 7 : 0);
  deepStrictEqual((await points(labels, size)).length, 3);
  deepStrictEqual((await points(labels, size, { minVoxels: 2 })).map(([a, b]) => [a, b]), [[1, 2]]);
  deepStrictEqual(await points(labels, size, { minVoxels: 13 }), []);
  const within = { start: [0, 2, 3], size: [1, 2, 6] } as const;
  deepStrictEqual(await points(labels, size, { minVoxels: 2, within }), [[1, 2, 3, [2, 0, 0]]]);
});

Deno.test("growLabels() floods from the lowest voxels on and stops at closed ones", () => {
  const heights = Float32Array.of(0, 3, 1, 2, 0, 9, 0);
  const labels = Uint32Array.of(5, 0, 0, 0, 6, 0, 0);
  growLabels(labels, heights, [1, 1, 7], (i) => heights[i] < 9);
  deepStrictEqual([...labels], [5, 5, 6, 6, 6, 0, 0]);
});
