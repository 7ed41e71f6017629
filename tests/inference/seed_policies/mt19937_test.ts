import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Mt19937 } from "../../../engine/inference/seed_policies/mt19937.ts";
import { h16 } from "../../support/array_hash.ts";

Deno.test("Mt19937.random() gives the doubles of NumPy's random_sample", async () => {
  const generator = new Mt19937(42);
  const values = Float64Array.from({ length: 5000 }, () => generator.random());
  deepStrictEqual([...values.subarray(0, 5)], [
    0.3745401188473625,
    0.9507143064099162,
    0.7319939418114051,
    0.5986584841970366,
    0.15601864044243652,
  ]);
  strictEqual(await h16(values), "0144253b6fdd85f9");
});

Deno.test("Mt19937 takes seeds of 32 bits", () => {
  strictEqual(new Mt19937(0).random(), 0.5488135039273248);
  strictEqual(new Mt19937(2 ** 32 - 1).random(), 0.0976320289940138);
});
