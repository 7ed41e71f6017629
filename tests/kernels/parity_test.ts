/** Every kernel variant against the plain loops, on whatever adapter there is. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { OPS } from "../../engine/ops/mod.ts";
import { supportedVariants } from "../../engine/backends/webgpu/program.ts";
import { blockedLayout, plainLayout } from "../../kernels/layout.ts";
import { LAUNCHERS } from "../../kernels/mod.ts";
import { testWith } from "../support/resources.ts";
import { CASES, describeCase, expect, prepareCase } from "./cases.ts";
import { runVariant, toHalf } from "./run_variant.ts";

/** Largest error relative to the largest value; f16 keeps 11 bits of every activation and weight. */
const TOLERANCE = { f32: 1e-4, f16: 4e-3 };

/** Ops without a GPU form, and why. */
const NOT_ON_GPU: ReadonlyMap<string, string> = new Map(
  [
    "conv3d_input_grad",
    "conv3d_weight_grad",
    "layer_norm_grad",
    "optimizer_step",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_grad",
    "slice_channels",
    "unary_grad",
  ].map((name) => [name, "training runs on the CPU"]),
);

Deno.test("every op has kernels or a reason for having none", () => {
  deepEqual(
    [...LAUNCHERS.keys(), ...NOT_ON_GPU.keys()].sort(),
    [...OPS.keys()].sort(),
  );
});

function largestError(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  return actual.reduce((worst, v, i) => {
    const error = Math.abs(v - expected[i]) / scale;
    return error <= worst ? worst : Number.isNaN(error) ? Infinity : error;
  }, 0);
}

for (const real of ["f32", "f16"] as const) {
  testWith("gpu", `kernels agree with the plain loops (${real})`, async (t) => {
    await using backend = await WebGpuBackend.open({ halfStorage: real === "f16" });
    if (real === "f16" && !backend.profile.halfStorage) return;
    const place = (shape: readonly number[]) =>
      shape.length === 5 ? blockedLayout(shape, real === "f16") : plainLayout(shape);
    const seen = new Set<string>();
    for (const [number, test] of CASES.entries()) {
      if (real === "f16" && test.shapes[0].length !== 5) continue;
      const prepared = prepareCase(test, number + 1);
      const placed = {
        call: prepared.call,
        inputs: test.shapes.map((shape, i) => {
          const isWeights = test.op.name === "conv3d" && i === 1;
          return isWeights ? plainLayout(shape) : place(shape);
        }),
        outputs: [place(prepared.expected.shape)],
      };
      // Both sides start from the same rounded activations, so the tolerance is about the kernel.
      const inputs = prepared.inputs.map((host, i) =>
        placed.inputs[i].real === "f16"
          ? { ...host, data: toHalf(host.data as Float32Array) }
          : host
      );
      const expected = expect(test, inputs, prepared.expected.shape).data as Float32Array;
      for (const variant of supportedVariants(placed, backend.profile)) {
        await t.step(`${variant.name}: ${describeCase(test)}`, async () => {
          const actual = await runVariant(backend, placed, variant, inputs);
          equal(actual.length, expected.length);
          const error = largestError(actual, expected);
          ok(error <= TOLERANCE[real], `largest error ${error}`);
        });
        seen.add(`${test.op.name} ${variant.name}`);
      }
    }
    const all = [...LAUNCHERS].flatMap(([op, l]) => l.variants.map((v) => `${op} ${v.name}`));
    deepEqual([...seen].sort(), all.sort(), "a variant is not covered by the table");
  });
}
