/** One training step of the published network on a GPU: a recorded example of FIB-25 (vector N1), beside the CPU. */
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { toZyx } from "../../engine/geometry/vectors.ts";
import { logit } from "../../engine/inference/logit.ts";
import { createModel } from "../../engine/models/registry.ts";
import { readVariables } from "../../engine/training/checkpoint_store.ts";
import { ExampleLoader, keptInMemory } from "../../engine/training/example_loader.ts";
import { exampleSizes, fixedShifts } from "../../engine/training/fov_geometry.ts";
import { FovLoop } from "../../engine/training/fov_loop.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { type Batch, TrainingStep } from "../../engine/training/training_step.ts";
import { open } from "../../engine/volumes/open.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "a training step of the published network on the GPU and on the CPU";

const MODEL = createModel("convstack_3d.ConvStack3DFFNModel", {
  depth: 12,
  fov_size: [33, 33, 33],
  deltas: [8, 8, 8],
});

/** The first field of view of the recorded example. */
async function recordedBatch(sample: string): Promise<Batch> {
  const volume = {
    name: "v",
    image: await keptInMemory(await open(`${sample}/grayscale_maps.h5:raw`)),
    labels: await keptInMemory(await open(`${sample}/groundtruth.h5:stack`)),
    offset: 128,
    scale: 33,
  };
  const sizes = exampleSizes(MODEL, "fixed", 1);
  const loader = new ExampleLoader([volume], sizes, { permutableAxes: [], reflectableAxes: [] });
  const center = toZyx({ x: 134, y: 92, z: 119 });
  const example = await loader.load(loader.draw({ center, volume: "v" }, new Random(0)));
  const loop = new FovLoop({
    ...{ model: MODEL, sizes, policy: "fixed", batchSize: 1, seedPad: 0.05 },
    shifts: fixedShifts(MODEL.deltas),
    threshold: Math.fround(logit(0.9)),
  }, {
    next: () => Promise.resolve(example),
    load: () => Promise.resolve(example),
    finished: () => {},
  });
  return await loop.next();
}

/** |a - b| / |b| in the Euclidean norm. */
function relativeError(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((v, i) => v - b[i])) / Math.hypot(...b);
}

export async function run({ fib25, threads, check, print }: AcceptanceContext): Promise<void> {
  const variables = await readVariables(`${fib25}/model/model.ckpt-27465036`);
  const batch = await recordedBatch(`${fib25}/training_sample2`);
  await using gpu = await WebGpuBackend.open();
  await using cpu = await openWasmBackend({ threads });
  print(gpu.description);
  const stepOn = async (backend: typeof gpu | typeof cpu) => {
    const options = { ...DEFAULT_OPTIMIZER, learningRate: 0.01 };
    await using training = await TrainingStep.open(MODEL, 1, options, variables, backend);
    const startedMs = performance.now();
    const { loss, logits } = await training.step(batch);
    const gradients = await training.gradients();
    print(`${backend.name}: ${(performance.now() - startedMs).toFixed(0)} ms`);
    const { loss: next } = await training.step(batch);
    return { loss, logits: logits.slice(), gradients, next };
  };
  const [actual, expected] = [await stepOn(gpu), await stepOn(cpu)];
  const { loss } = actual;
  check("loss of N1", loss.toPrecision(8), "0.238273504", Math.abs(loss - 0.238273504) < 1e-5);
  const norm = Math.hypot(...actual.gradients.get("seed_update/conv0_a/weights")!);
  check(
    "norm of the gradient of conv0_a/weights",
    norm.toPrecision(7),
    "0.71604565 within 1e-3",
    Math.abs(norm / 0.71604565 - 1) < 1e-3,
  );
  const errors = [...actual.gradients].map(([name, gradient]) => ({
    name,
    error: relativeError(gradient, expected.gradients.get(name)!),
  }));
  const worst = errors.reduce((a, b) => b.error > a.error ? b : a);
  check(
    `largest difference between the gradients of GPU and CPU, ${worst.name}`,
    worst.error.toExponential(2),
    "1e-3, a few ReLUs near zero may switch",
    worst.error < 1e-3,
  );
  const difference = Math.abs(actual.next - expected.next);
  check(
    "difference of the losses after an update",
    difference.toExponential(2),
    "1e-5",
    difference < 1e-5,
  );
}
