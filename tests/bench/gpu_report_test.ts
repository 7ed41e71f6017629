import { match, ok } from "node:assert/strict";
import type { GpuResult } from "../../bench/gpu/gpu_bench.ts";
import { compare } from "../../bench/gpu/report_bench.ts";
import { drawRoofline } from "../../bench/gpu/roofline.ts";

const RESULT: GpuResult = {
  device: "GPU <1> & co",
  software: false,
  features: [],
  readMode: "immediate",
  attainable: { fmaSweep: [100, 200], gflops: 200, copyGBps: 50, readMs: 0.1 },
  variants: [{
    name: "conv3d nested",
    batch: 1,
    gpuMs: 2,
    launches: 3,
    nominalGflops: 320,
    executedGflops: 100,
    gbps: 4,
    nominalFlops: 2e9,
    bytes: 1e7,
  }],
  steps: [{ batch: 1, gpuMs: 30, nominalGflops: 300, dispatches: 75, variants: [] }],
  trainingSteps: [{ batch: 4, gpuMs: 90, nominalGflops: 310, dispatches: 400, variants: [] }],
  floods: [],
};

Deno.test("compare() has a column per GPU and a dash where one lacks a figure", () => {
  const other = { ...RESULT, device: "other", variants: [], steps: [], trainingSteps: [] };
  const table = compare([RESULT, other]);
  match(table, /\| {2}\| GPU <1> & co \| other \|/);
  match(table, /\| conv3d nested, ms \(share of attainable\) \| 2\.00 \(50 %\) \| – \|/);
  match(table, /\| training step, batch 4, ms per example \| 90\.0 \| – \|/);
});

Deno.test("drawRoofline() draws every GPU and kernel inside the frame", () => {
  const svg = drawRoofline([RESULT, RESULT]);
  match(svg, /GPU &lt;1> &amp; co/);
  const places = [...svg.matchAll(/c([xy])="([-\d.]+)"/g)];
  ok(places.length === 4);
  for (const [, axis, value] of places) {
    ok(Number(value) > 0 && Number(value) < (axis === "x" ? 860 : 520), `${axis} ${value}`);
  }
  ok(!/NaN|Infinity/.test(svg));
});
