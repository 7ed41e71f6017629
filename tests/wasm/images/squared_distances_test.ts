import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { squaredDistances } from "../../../wasm/images/squared_distances.ts";
import { seededRandom } from "../../support/random.ts";
import { plainSquaredDistances, SHAPES } from "./plain_filters.ts";

Deno.test("squaredDistances() equals looking at every edge voxel", async () => {
  const random = seededRandom(5);
  // The last two have lines that are searched together and edges too far for that.
  for (const size of [...SHAPES, [70, 2, 19], [2, 70, 19]] as Zyx[]) {
    for (const density of [0, 0.003, 0.05, 0.5, 1]) {
      const edge = Uint8Array.from({ length: volumeOf(size) }, () => random() < density ? 1 : 0);
      if (edge.length > 1000) edge.fill(0, 0, edge.length / 2);
      for (const perSlice of [false, true]) {
        const squared = await squaredDistances(edge, size, { perSlice });
        ok(squared instanceof Float32Array);
        const expected = plainSquaredDistances(edge, size, [1, 1, 1], perSlice);
        deepStrictEqual([...squared], expected, `${size}, density ${density}`);
      }
    }
  }
});

Deno.test("squaredDistances() measures with the given steps", async () => {
  const random = seededRandom(6);
  const size: Zyx = [6, 9, 13];
  const steps: Zyx = [33, 8, 7.5];
  for (const density of [0.002, 0.02, 0.2]) {
    const edge = Uint8Array.from({ length: volumeOf(size) }, () => random() < density ? 1 : 0);
    const squared = await squaredDistances(edge, size, { steps });
    const expected = plainSquaredDistances(edge, size, steps, false);
    squared.forEach((value, i) => {
      ok(value === expected[i] || Math.abs(value - expected[i]) <= 1e-9 * expected[i]);
    });
  }
});

Deno.test("squaredDistances() stays exact where float32 is not", async () => {
  const edge = new Uint8Array(5000);
  edge[0] = 1;
  const squared = await squaredDistances(edge, [1, 1, 5000]);
  strictEqual(squared[4999], 4999 ** 2);
  strictEqual(squared[4097], 4097 ** 2);
  const deep = await squaredDistances(edge, [5000, 1, 1]);
  strictEqual(deep[4999], 4999 ** 2);
});

Deno.test("squaredDistances() stops when it is cancelled", async () => {
  const stop = new AbortController();
  stop.abort(new Error("Cannot go on"));
  const run = squaredDistances(new Uint8Array(8), [2, 2, 2], {}, new Pace(stop.signal));
  await rejects(run, /Cannot go on/);
});
