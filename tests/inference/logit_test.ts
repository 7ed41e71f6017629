import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { expit32, logit, logit32 } from "../../engine/inference/logit.ts";

Deno.test("logit32() gives the bits of V1", () => {
  const rows: [number, number, number, string][] = [
    [0.95, 2.944438728199543, 2.9444386959075928, "403c71af"],
    [0.9, 2.197224312426715, 2.1972243785858154, "400c9f53"],
    [0.6, 0.40546520744924, 0.4054652154445648, "3ecf9923"],
    [0.5, 0, 0, "00000000"],
    [0.1, -2.197224560779374, -2.1972246170043945, "c00c9f54"],
    [0.05, -2.9444389634810078, -2.944438934326172, "c03c71b0"],
  ];
  for (const [prob, exact, stored, bits] of rows) {
    const value = logit32(prob);
    strictEqual(logit(Math.fround(prob)).toPrecision(13), exact.toPrecision(13));
    strictEqual(value, stored);
    const word = new Uint32Array(new Float32Array([value]).buffer)[0];
    strictEqual(word.toString(16).padStart(8, "0"), bits);
  }
  deepStrictEqual([logit(0), logit(1)], [-Infinity, Infinity]);
});

Deno.test("expit32() saturates where float32 does, not where float64 does", () => {
  strictEqual(expit32(0), 0.5);
  strictEqual(expit32(16.7), 1);
  strictEqual(expit32(16.5) < 1, true);
  strictEqual(expit32(-200), 0);
  strictEqual(Math.abs(expit32(2.5) - 1 / (1 + Math.exp(-2.5))) < 1e-7, true);
});
