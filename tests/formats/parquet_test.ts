import { deepStrictEqual, throws } from "node:assert/strict";
import { parquetReadObjects } from "npm:hyparquet@1.31.5";
import { encodeParquet } from "../../engine/formats/parquet.ts";

Deno.test("encodeParquet() keeps 64-bit ids and every column's type", async () => {
  const bytes = encodeParquet([
    { name: "id", dtype: "uint64", data: BigUint64Array.of(1n, 2n ** 63n + 5n, 2n ** 53n + 1n) },
    { name: "x", dtype: "uint32", data: Uint32Array.of(0, 2 ** 32 - 1, 7) },
    { name: "score", dtype: "float32", data: Float32Array.of(0.5, NaN, -1) },
  ]);
  const rows = await parquetReadObjects({ file: bytes.slice().buffer });
  deepStrictEqual(rows, [
    { id: 1n, x: 0, score: 0.5 },
    { id: 2n ** 63n + 5n, x: 2 ** 32 - 1, score: NaN },
    { id: 2n ** 53n + 1n, x: 7, score: -1 },
  ]);
});

Deno.test("encodeParquet() takes no rows, and refuses columns of different length", async () => {
  const none = encodeParquet([{ name: "id", dtype: "uint64", data: new BigUint64Array() }]);
  deepStrictEqual(await parquetReadObjects({ file: none.slice().buffer }), []);
  throws(
    () =>
      encodeParquet([
        { name: "a", dtype: "uint32", data: new Uint32Array(2) },
        { name: "b", dtype: "float32", data: new Float32Array(3) },
      ]),
    { name: "RangeError", message: /column "b" has 3 rows, the first has 2/ },
  );
});
