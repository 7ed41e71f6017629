import { ok } from "node:assert/strict";
import {
  FeatureHistograms,
  FeatureStatistics,
  histogramTransfer,
} from "../../engine/inference/feature_statistics.ts";
import { randomFloats } from "../support/small_networks.ts";

const CHANNELS = 3;

/** Statistics of features that come in parts of different lengths. */
function seen(features: Float32Array): { moments: FeatureStatistics; all: FeatureHistograms } {
  const parts = [features.subarray(0, 30), features.subarray(30, 33), features.subarray(33)];
  const moments = new FeatureStatistics(CHANNELS);
  for (const part of parts) moments.add(part);
  const all = new FeatureHistograms(moments);
  for (const part of parts) all.add(part);
  return { moments, all };
}

Deno.test("FeatureStatistics gathers what all features at once have, also far from 0", () => {
  const features = randomFloats(900, 4).map((v, i) => v * (1 + i % 3) + 1000 * (i % 3));
  const { moments } = seen(features);
  const count = features.length / CHANNELS;
  const channel = (c: number) =>
    Array.from({ length: count }, (_, i) => features[CHANNELS * i + c]);
  for (let a = 0; a < CHANNELS; a++) {
    const mean = channel(a).reduce((sum, v) => sum + v / count, 0);
    ok(Math.abs(moments.mean[a] - mean) < 1e-9);
    for (let b = 0; b < CHANNELS; b++) {
      const other = channel(b).reduce((sum, v) => sum + v / count, 0);
      const wanted = channel(a)
        .reduce((sum, v, i) => sum + (v - mean) * (channel(b)[i] - other) / count, 0);
      ok(Math.abs(moments.covariance[a * CHANNELS + b] - wanted) < 1e-9, `${a} ${b}`);
    }
  }
});

Deno.test("histogramTransfer() gives each value the style's value of the same rank", () => {
  const content = randomFloats(3000, 6);
  const style = randomFloats(3000, 7).map((v, i) => v ** 3 * (2 + i % 3) + 10 * (i % 3));
  const features = content.slice();
  histogramTransfer(seen(content).all, seen(style).all, CHANNELS)(features);
  for (let c = 0; c < CHANNELS; c++) {
    const sorted = (values: Float32Array) => values.filter((_, i) => i % CHANNELS === c).toSorted();
    const [found, wanted] = [sorted(features), sorted(style)];
    const ranked = [...content.keys()].filter((i) => i % CHANNELS === c)
      .toSorted((i, j) => content[i] - content[j]).map((i) => features[i]);
    // In the order of the content, and at each rank within the neighbouring values and a bin.
    const bin = (wanted.at(-1)! - wanted[0]) / 4096;
    for (const [i, value] of ranked.entries()) {
      ok(Math.abs(value - found[i]) < 1e-6);
      const [low, high] = [wanted[Math.max(0, i - 3)], wanted[Math.min(i + 3, 999)]];
      ok(value >= low - 2 * bin && value <= high + 2 * bin, `${c}: rank ${i} is ${value}`);
    }
  }
});

Deno.test("histogramTransfer() takes a feature that never changes", () => {
  const content = new Float32Array(300), style = randomFloats(300, 8);
  histogramTransfer(seen(content).all, seen(style).all, CHANNELS)(content);
  ok(content.every(Number.isFinite));
});
