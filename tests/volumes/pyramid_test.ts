import { deepStrictEqual } from "node:assert/strict";
import type { DType, TypedArray } from "../../engine/formats/nd_array.ts";
import { planPyramid } from "../../engine/geometry/pyramid.ts";
import { finerBox, reduceBox, type Reduction } from "../../engine/volumes/pyramid.ts";
import { CHUNKED } from "./kinds.ts";

/** By TensorStore: means and most frequent labels over windows of 2³, of arrays that begin at 0 or at 1. */
const recorded = JSON.parse(await Deno.readTextFile(`${CHUNKED}/pyramids.json`));

function halves(data: TypedArray, dtype: DType, reduction: Reduction, origin: number) {
  const [finer, coarser] = planPyramid([7, 9, 11], {
    offset: [origin, origin, origin],
    levels: 2,
  });
  const box = { start: [0, 0, 0], size: coarser.size } as const;
  deepStrictEqual(finerBox(box, finer, coarser), { start: [0, 0, 0], size: [7, 9, 11] });
  const whole = reduceBox(data, dtype, box, finer, coarser, reduction);
  return { shape: [...coarser.size], data: [...whole].map(String) };
}

for (const origin of [0, 1]) {
  Deno.test(`reduceBox() rounds means of an image at ${origin} as TensorStore does`, () =>
    deepStrictEqual(
      halves(Uint8Array.from(recorded.image), "uint8", "mean", origin),
      recorded[`mean${origin}`],
    ));

  Deno.test(`reduceBox() takes the labels of a volume at ${origin} that TensorStore takes`, () =>
    deepStrictEqual(
      halves(BigUint64Array.from(recorded.labels, BigInt), "uint64", "mode", origin),
      recorded[`mode${origin}`],
    ));
}

Deno.test("reduceBox() rounds means of negative and of 64-bit integers half to even", () => {
  const [finer, coarser] = planPyramid([1, 1, 8], { levels: 2 });
  const box = { start: [0, 0, 0], size: [1, 1, 4] } as const;
  const values = [-3, -2, -1, 0, 1, 2, -4, -3];
  const expected = [-2, 0, 2, -4];
  const small = reduceBox(Int32Array.from(values), "int32", box, finer, coarser, "mean");
  deepStrictEqual([...small].map((v) => Number(v) + 0), expected);
  const big = reduceBox(
    BigInt64Array.from(values, BigInt),
    "int64",
    box,
    finer,
    coarser,
    "mean",
  );
  deepStrictEqual([...big].map(Number), expected);
});

Deno.test("planPyramid() halves short axes first, and ends when a level is small", () => {
  const levels = planPyramid([100, 1000, 1200], { voxelSize: [32, 8, 8] });
  deepStrictEqual(levels.map(({ factors }) => factors), [
    [1, 1, 1],
    [1, 2, 2],
    [1, 4, 4],
    [2, 8, 8],
    [4, 16, 16],
  ]);
  deepStrictEqual(levels.map(({ size }) => size), [
    [100, 1000, 1200],
    [100, 500, 600],
    [100, 250, 300],
    [50, 125, 150],
    [25, 63, 75],
  ]);
  deepStrictEqual(planPyramid([8, 8, 8], { levels: 9 }).length, 4);
});
