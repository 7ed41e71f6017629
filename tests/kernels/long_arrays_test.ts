/** Weights of more elements than one row of workgroups has threads: 512 to 512 channels in 3x3x3 taps, as resnet18 has. */
import { ok } from "node:assert/strict";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { placeAlone } from "../../engine/backends/webgpu/placement.ts";
import { supportedVariants } from "../../engine/backends/webgpu/program.ts";
import { conv3d } from "../../engine/ops/conv3d.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "../../engine/ops/conv3d_grad.ts";
import { optimizerStep } from "../../engine/ops/optimizer_step.ts";
import { testWith } from "../support/resources.ts";
import { type Case, describeCase, prepareCase } from "./cases.ts";
import { runVariant } from "./run_variant.ts";

const CHANNELS = 512;
const VOXEL = [1, 1, 1, 1, CHANNELS];
const WEIGHTS = [3, 3, 3, CHANNELS, CHANNELS];
/** One more than a row of workgroups has threads. */
const LONG = [65535 * 64 + 1];

const CASES: readonly (Case & { readonly variant: string })[] = [
  { op: conv3d, shapes: [VOXEL, WEIGHTS, [CHANNELS]], attributes: {}, variant: "rows" },
  { op: conv3dInputGrad, shapes: [VOXEL, WEIGHTS], attributes: {}, variant: "rows" },
  {
    ...{ op: conv3dWeightGrad, shapes: [VOXEL, VOXEL], variant: "direct" },
    attributes: { kernel: [3, 3, 3] },
  },
  {
    ...{ op: optimizerStep, shapes: [LONG, LONG, [1]], variant: "flat" },
    attributes: { function: "sgd" },
  },
  {
    ...{ op: optimizerStep, shapes: [LONG, LONG, [1], LONG, LONG], variant: "flat" },
    attributes: { function: "adam", beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  },
];

testWith("gpu", "rowsFor() lets kernels reach every weight of a large layer", async (t) => {
  await using backend = await WebGpuBackend.open();
  for (const { variant: name, ...test } of CASES) {
    await t.step(`${name}: ${describeCase(test)}`, async () => {
      const { call, inputs, expected } = prepareCase(test, 3);
      const placed = placeAlone(call, false);
      const variant = supportedVariants(placed, backend.profile).find((v) => v.name === name)!;
      const actual = await runVariant(backend, placed, variant, inputs);
      for (const [i, { data }] of expected.entries()) {
        const wanted = data as Float32Array;
        const wrong = actual[i].findIndex((v, n) => !(Math.abs(v - wanted[n]) <= 1e-3));
        ok(wrong < 0, `element ${wrong} is ${actual[i][wrong]}, not ${wanted[wrong]}`);
      }
    });
  }
});
