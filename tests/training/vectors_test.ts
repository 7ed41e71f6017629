/** Closed-form vectors of spec/training.md: one network with its gradients (L3), and the optimizers on one number (O1). */
import { deepStrictEqual, ok } from "node:assert/strict";
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { elementCount, type NdArray } from "../../engine/formats/nd_array.ts";
import { logit32 } from "../../engine/inference/logit.ts";
import { createModel } from "../../engine/models/registry.ts";
import { AdamPowers, DEFAULT_OPTIMIZER, stepAttributes } from "../../engine/training/optimizer.ts";
import { optimizerStep } from "../../engine/ops/optimizer_step.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { testWith } from "../support/resources.ts";

/** Norm, then entries at 0, 1, size / 2 and size - 1, of each gradient in order of use. */
const L3: readonly (readonly number[])[] = [
  [0.8611894, -8.301423e-3, 4.671234e-3, 8.683893e-2, -1.455897e-2],
  [0.08042513, -3.060323e-2, 2.251760e-2, -1.328295e-2, 7.474374e-3],
  [0.3995429, -3.604114e-3, -4.981332e-3, -8.340782e-3, 1.917914e-5],
  [0.05871937, -1.927833e-2, -1.228647e-2, -6.011003e-4, -1.267466e-3],
  [0.2169955, 2.536900e-5, -5.430732e-6, 1.057304e-3, -1.647141e-4],
  [0.1171458, 5.453421e-3, -2.965845e-3, -2.484187e-3, -1.777347e-3],
  [0.05999627, 0, 0, -1.984906e-4, 4.351597e-5],
  [0.05244437, -1.799440e-2, -9.664840e-3, -5.759971e-3, 3.728770e-3],
  [0.1061677, -3.121857e-2, -1.788404e-2, -2.522837e-2, -3.594803e-3],
  [0.234468, -2.344680e-1, NaN, -2.344680e-1, -2.344680e-1],
];

const close = (actual: number, expected: number, tolerance: number) =>
  Math.abs(actual - expected) <= tolerance * Math.max(Math.abs(expected), 1e-2);

const BACKENDS = {
  reference: () => openReferenceBackend(),
  wasm: () => openWasmBackend({ threads: 2 }),
  "kernel process": () => openKernelProcess({ threads: 2 }),
  webgpu: () => WebGpuBackend.open(),
} as const;

for (const [name, open] of Object.entries(BACKENDS)) {
  const test = `vector L3: loss, logits, gradients and one step on the ${name} backend`;
  testWith(name === "webgpu" ? "gpu" : [], test, async () => {
    await using backend = await open();
    const model = createModel("convstack_3d.ConvStack3DFFNModel", {
      fov_size: [5, 4, 3],
      deltas: [1, 1, 1],
      depth: 2,
    });
    const wave = (count: number, f: (k: number) => number) =>
      Float32Array.from({ length: count }, (_, k) => f(k));
    const variables = new Map<string, NdArray>(
      model.variables.map(({ name, shape }, i) => [name, {
        dtype: "float32",
        shape,
        data: wave(elementCount(shape), (k) => 0.1 * Math.sin(0.7 * k + i)),
      }]),
    );
    const centre = (1 * 4 + 2) * 5 + 2;
    const batch = {
      image: wave(120, (k) => Math.sin(0.3 * k)),
      seed: wave(120, (k) => logit32(k % 60 === centre ? 0.95 : 0.05)),
      labels: wave(120, (k) => k % 3 === 0 ? 0.95 : 0.05),
      weights: wave(120, (k) => k % 7 === 0 ? 0 : 1),
    };
    const options = { ...DEFAULT_OPTIMIZER, learningRate: 0.01 };
    await using training = await TrainingStep.open(model, 2, options, variables, backend);
    const { loss, logits } = await training.step(batch);
    ok(close(loss, 0.930445931, 1e-6), `${loss}`);
    ok(close(logits.reduce((a, b) => a + b), -326.561652, 1e-6));
    const probes = [[0, -2.828043], [1, -2.810977], [2, -2.875228], [59, -2.697017], [
      119,
      -2.756740,
    ]];
    for (const [k, expected] of probes) ok(close(logits[k], expected, 1e-6), `logit ${k}`);
    const gradients = await training.gradients();
    const after = await training.variables();
    for (const [i, { name }] of model.variables.entries()) {
      const g = gradients.get(name)!;
      const [norm, first, second, middle, last] = L3[i];
      ok(close(Math.hypot(...g), norm, 1e-5), `${name}: ${Math.hypot(...g)}`);
      const entries = [[0, first], [1, second], [g.length >> 1, middle], [g.length - 1, last]];
      for (const [k, expected] of entries) {
        ok(Number.isNaN(expected) || close(g[k], expected, 1e-4), `${name}[${k}]: ${g[k]}`);
      }
      const [before, now] = [variables.get(name)!, after.get(name)!].map(({ data }) =>
        data as Float32Array
      );
      ok(
        now.every((w, k) => Math.abs(w - (before[k] - 0.01 * g[k])) < 1e-8),
        `${name} after a step`,
      );
    }
    deepStrictEqual([...after.get("global_step")!.data], [1]);
  });
}

Deno.test("vector O1: five optimizers on one number", () => {
  const expected = {
    sgd: [[0.95, 0.97, 0.96], []],
    momentum: [[0.95, 0.925, 0.8925], [0.325]],
    adagrad: [[0.9154845, 0.9475102, 0.9316988], [0.4]],
    adam: [[0.9, 0.8654396, 0.8275007], [0.0325, 0.00029945641]],
    rmsprop: [[0.9480125, 0.9230911, 0.8891444], [0.7538499, 0.03394672]],
  } as const;
  const start = { sgd: [], momentum: [0], adagrad: [0.1], adam: [0, 0], rmsprop: [1, 0] };
  for (const name of Object.keys(expected) as (keyof typeof expected)[]) {
    const options = { ...DEFAULT_OPTIMIZER, name, learningRate: 0.1 };
    const powers = new AdamPowers(options);
    const host = (value: number) => ({ shape: [1], data: Float64Array.of(value) });
    let state = [1, ...start[name]];
    const [steps, slots] = expected[name];
    [0.5, -0.2, 0.1].forEach((gradient, i) => {
      const rate = name === "adam" ? powers.corrected(0.1) : 0.1;
      const inputs = [state[0], gradient, rate, ...state.slice(1)].map(host);
      const outputs = state.map(() => host(0));
      optimizerStep.reference(inputs, outputs, stepAttributes(options));
      powers.advance();
      state = outputs.map(({ data }) => data[0]);
      // TensorFlow rounds Adam's 1 - 0.999 to float32, these loops do not.
      ok(Math.abs(state[0] - steps[i]) < 3e-6, `${name} step ${i}: ${state[0]}`);
    });
    slots.forEach((value, i) => ok(Math.abs(state[i + 1] - value) < 1e-6, `${name} slot ${i}`));
    const [beta1, beta2] = [...powers.variables().values()].map(({ data }) => Number(data[0]));
    ok(Math.abs(beta1 - 0.6561) < 1e-6 && Math.abs(beta2 - 0.99600607) < 1e-6);
  }
});
