/** Every kernel variant against the plain loops, on whatever adapter there is. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { placeAlone } from "../../engine/backends/webgpu/placement.ts";
import { supportedVariants } from "../../engine/backends/webgpu/program.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "../../engine/ops/conv3d_grad.ts";
import { OPS } from "../../engine/ops/mod.ts";
import { LAUNCHERS } from "../../kernels/mod.ts";
import { GRADIENT_CASES } from "../ops/gradient_cases.ts";
import { NETWORK_CASES, NETWORK_GRADIENT_CASES } from "../ops/network_cases.ts";
import { WINDOW_CASES, WINDOW_GRADIENT_CASES } from "../ops/window_cases.ts";
import { testWith } from "../support/resources.ts";
import { type Case, CASES, describeCase, expect, prepareCase } from "./cases.ts";
import { runVariant, toHalf } from "./run_variant.ts";

/** Largest error relative to the largest value; f16 keeps 11 bits of every activation and weight. */
const TOLERANCE = { f32: 1e-4, f16: 4e-3 };

/** What every WebGPU device grants: kernels must not need more. */
const DEFAULT_LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxStorageBuffersPerShaderStage: 8,
};

/** f16 is for inference: only f32 has gradients. */
const CASES_OF = {
  f32: [
    ...CASES,
    ...GRADIENT_CASES,
    ...WINDOW_CASES,
    ...WINDOW_GRADIENT_CASES,
    ...NETWORK_CASES,
    ...NETWORK_GRADIENT_CASES,
    ...[[2, 4, 1], [1, 3, 2]].flatMap((kernel): Case[] => [
      { op: conv3dInputGrad, shapes: [[1, 4, 5, 6, 4], [...kernel, 3, 4]], attributes: {} },
      {
        op: conv3dWeightGrad,
        shapes: [[1, 4, 5, 6, 3], [1, 4, 5, 6, 4]],
        attributes: { kernel },
      },
    ]),
  ],
  f16: [...CASES, ...WINDOW_CASES].filter(({ shapes }) => shapes[0].length === 5),
} as const;

/** Ops without WGSL kernels, and why. */
const NOT_ON_GPU: ReadonlyMap<string, string> = new Map();

Deno.test("every op has kernels or a reason for having none", () => {
  deepEqual([...LAUNCHERS.keys(), ...NOT_ON_GPU.keys()].sort(), [...OPS.keys()].sort());
});

function largestError(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
  return actual.reduce((worst, v, i) => {
    const error = Math.abs(v - expected[i]) / scale;
    return error <= worst ? worst : Number.isNaN(error) ? Infinity : error;
  }, 0);
}

for (const real of ["f32", "f16"] as const) {
  testWith("gpu", `kernels agree with the plain loops (${real})`, async (t) => {
    await using backend = await WebGpuBackend.open({
      halfStorage: real === "f16",
      limits: DEFAULT_LIMITS,
    });
    if (real === "f16" && !backend.profile.halfStorage) {
      await t.step({ name: "no f16 on this adapter", ignore: true, fn: () => {} });
      return;
    }
    // Kernels for narrow subgroups run on wider ones too.
    const narrow = { ...backend.profile, subgroupSize: Math.min(backend.profile.subgroupSize, 4) };
    const seen = new Set<string>();
    for (const [number, test] of CASES_OF[real].entries()) {
      const { call, inputs: exact } = prepareCase(test, number + 1);
      const placed = placeAlone(call, real === "f16");
      // Both sides start from the same rounded activations, so the tolerance is about the kernel.
      const inputs = exact.map((host, i) =>
        placed.inputs[i].real === "f16"
          ? { ...host, data: toHalf(host.data as Float32Array) }
          : host
      );
      const expected = expect(test, inputs);
      const variants = [backend.profile, narrow].flatMap((p) => supportedVariants(placed, p));
      for (const variant of new Set(variants)) {
        await t.step(`${variant.name}: ${describeCase(test)}`, async () => {
          const actual = await runVariant(backend, placed, variant, inputs);
          for (const [i, { data }] of expected.entries()) {
            equal(actual[i].length, data.length);
            const error = largestError(actual[i], data as Float32Array);
            ok(error <= TOLERANCE[real], `largest error of output ${i}: ${error}`);
          }
        });
        seen.add(`${test.op.name} ${variant.name}`);
      }
    }
    const ops = new Set(CASES_OF[real].map(({ op }) => op.name));
    const { subgroupSize } = backend.profile;
    const all = [...ops].flatMap((op) =>
      LAUNCHERS.get(op)!.variants
        .filter(({ name }) => subgroupSize >= 8 || !name.endsWith("_broadcast"))
        .filter(({ name }) => subgroupSize >= 4 || !name.endsWith("_quad"))
        .map(({ name }) => `${op} ${name}`)
    );
    deepEqual([...seen].sort(), all.sort(), "a variant is not covered by the table");
  });
}
