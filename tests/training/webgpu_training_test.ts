/** What is particular to training on a GPU: weights that never leave it, and packed forms that have to follow them. */
import { deepStrictEqual, notDeepStrictEqual, ok } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { createModel } from "../../engine/models/registry.ts";
import { DEFAULT_OPTIMIZER, OPTIMIZER_NAMES } from "../../engine/training/optimizer.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { Random } from "../../engine/training/random.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { testWith } from "../support/resources.ts";
import { randomFloats, smallModel } from "../support/small_networks.ts";

const MODEL = smallModel([7, 7, 7], [2, 2, 2], 2, 4);
const VARIABLES = initialVariables(MODEL, new Random(3));
const VOXELS = 2 * 7 ** 3;
const BATCH = {
  image: randomFloats(VOXELS, 1),
  seed: randomFloats(VOXELS, 2),
  labels: randomFloats(VOXELS, 3).map((v) => v > 0 ? 0.95 : 0.05),
  weights: randomFloats(VOXELS, 4).map((v) => v > -0.8 ? 1 : 0),
};

testWith("gpu", "TrainingStep.predict() on a GPU sees every update", async () => {
  await using gpu = await WebGpuBackend.open();
  await using cpu = openReferenceBackend();
  const options = { ...DEFAULT_OPTIMIZER, learningRate: 0.1 };
  await using actual = await TrainingStep.open(MODEL, 2, options, VARIABLES, gpu);
  await using expected = await TrainingStep.open(MODEL, 2, options, VARIABLES, cpu);
  const before = (await actual.predict(BATCH)).slice();
  // Two updates bring the first pair of tensors back into place: their contents differ, their names do not.
  for (let i = 0; i < 2; i++) {
    await actual.step(BATCH);
    await expected.step(BATCH);
  }
  const [after, wanted] = [await actual.predict(BATCH), await expected.predict(BATCH)];
  const worst = after.reduce((m, v, i) => Math.max(m, Math.abs(v - wanted[i])), 0);
  const change = after.reduce((m, v, i) => Math.max(m, Math.abs(v - before[i])), 0);
  ok(worst < 1e-4 && change > 1e-2, `off by ${worst}, changed by ${change}`);
});

testWith(
  "gpu",
  "gradients of a stack with layer normalisation equal the plain loops'",
  async () => {
    const model = createModel("convstack.ResConvStack", {
      fov_size: [5, 5, 5],
      deltas: [1, 1, 1],
      depth: 2,
      features: 4,
    });
    const variables = initialVariables(model, new Random(9));
    const batch = Object.fromEntries(
      Object.entries(BATCH).map(([name, data]) => [name, data.subarray(0, 5 ** 3)]),
    ) as typeof BATCH;
    const gradientsOn = async (backend: Backend) => {
      await using training = await TrainingStep.open(
        model,
        1,
        DEFAULT_OPTIMIZER,
        variables,
        backend,
      );
      await training.step(batch);
      return await training.gradients();
    };
    await using gpu = await WebGpuBackend.open();
    const [actual, expected] = [await gradientsOn(gpu), await gradientsOn(openReferenceBackend())];
    for (const [name, gradient] of expected) {
      const error = Math.hypot(...actual.get(name)!.map((v, i) => v - gradient[i]));
      const norm = Math.hypot(...gradient);
      ok(error <= 1e-4 * norm && norm > 0, `${name}: ${error} of ${norm}`);
    }
  },
);

for (const name of OPTIMIZER_NAMES) {
  testWith("gpu", `a GPU goes on with ${name} after a restart to the byte`, async () => {
    const options = { ...DEFAULT_OPTIMIZER, name, learningRate: 0.01 };
    const steps = async (training: TrainingStep, count: number) => {
      for (let i = 0; i < count; i++) await training.step(BATCH);
      return await training.variables();
    };
    await using gpu = await WebGpuBackend.open();
    await using whole = await TrainingStep.open(MODEL, 2, options, VARIABLES, gpu);
    const expected = await steps(whole, 5);
    await using first = await TrainingStep.open(MODEL, 2, options, VARIABLES, gpu);
    const saved = await steps(first, 2);
    await using other = await WebGpuBackend.open();
    await using second = await TrainingStep.open(MODEL, 2, options, saved, other, 2);
    deepStrictEqual(await steps(second, 3), expected);
    notDeepStrictEqual(saved, expected);
  });
}

testWith("gpu", "a step on a GPU reads the loss and the logits, and nothing else", async () => {
  await using gpu = await WebGpuBackend.open();
  const options = { ...DEFAULT_OPTIMIZER, name: "adam" } as const;
  await using training = await TrainingStep.open(MODEL, 2, options, VARIABLES, gpu);
  const { submissions } = gpu.device;
  await training.step(BATCH);
  // The gradients, the loss, the logits, the optimizer.
  deepStrictEqual(gpu.device.submissions - submissions, 4);
});
