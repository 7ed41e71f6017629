import { ok, strictEqual } from "node:assert/strict";
import {
  dequantiseProbability,
  quantiseProbability,
} from "../../engine/segmentation/quantisation.ts";

Deno.test("quantiseProbability() gives the bytes of V2", () => {
  const rows: [number, number][] = [
    [0, 1],
    [1e-9, 1],
    [0.0039, 1],
    [0.00394, 2],
    [0.05, 13],
    [0.25, 64],
    [0.5, 128],
    [0.6, 153],
    [0.75, 191],
    [0.9, 229],
    [0.95, 242],
    [0.999, 254],
    [0.9999999, 254],
    [1, 255],
    [1.5, 255],
    [-0.1, 0],
    [NaN, 0],
    [1 / 254, 2],
    [Math.fround(1 / 254), 1],
  ];
  for (const [prob, q] of rows) strictEqual(quantiseProbability(prob), q, `${prob}`);
});

Deno.test("quantiseProbability() counts the bin edges at or below a float32 probability", () => {
  const edges = Array.from({ length: 255 }, (_, i) => i * (1 / 254));
  for (const edge of edges.slice(1)) {
    // The float32 nearest to the edge and its neighbours on both sides.
    for (const prob of [edge * (1 - 2 ** -23), edge, edge * (1 + 2 ** -23)].map(Math.fround)) {
      strictEqual(quantiseProbability(prob), edges.filter((e) => e <= prob).length, `${prob}`);
    }
  }
});

Deno.test("dequantiseProbability() gives the values of V2", () => {
  strictEqual(dequantiseProbability(0), NaN);
  const rows: [number, number][] = [
    [1, 0.0019607844],
    [64, 0.2490196],
    [127, 0.49607843],
    [128, 0.5],
    [153, 0.59803921],
    [154, 0.60196078],
    [229, 0.8960784],
    [242, 0.9470588],
    [255, 0.9980392],
  ];
  for (const [q, prob] of rows) {
    ok(Math.abs(dequantiseProbability(q) - prob) < 1e-7 * prob, `${q}`);
    strictEqual(dequantiseProbability(q), Math.fround(dequantiseProbability(q)));
  }
});
