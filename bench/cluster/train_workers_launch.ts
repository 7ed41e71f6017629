/**
 * One process that trains the published network on one thread: `train_workers_launch.ts CONFIG|alone RANK BATCH EDGE STEPS
 * PREFETCH`. It prints `ready` after a step to warm up, begins at the first byte of its standard input, and prints the
 * milliseconds of its steps.
 */
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { readExchangeConfig } from "../../engine/cluster/exchange_config.ts";
import { openNatsExchange } from "../../engine/cluster/nats_exchange.ts";
import { volumeOf } from "../../engine/geometry/vectors.ts";
import { createModel } from "../../engine/models/registry.ts";
import { ExchangedStep } from "../../engine/training/exchanged_step.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { IDENTITY } from "./load_model.ts";

const [path, rank, batchText, edgeText, stepsText, prefetch] = Deno.args;
const [batchSize, edge, steps] = [batchText, edgeText, stepsText].map(Number);
const model = createModel("convstack_3d.ConvStack3DFFNModel", {
  ...{ depth: 12, fov_size: [edge, edge, edge], deltas: [2, 2, 2] },
});
const random = new Random(Number(rank));
const array = (draw: () => number) =>
  Float32Array.from({ length: batchSize * volumeOf(model.fovSize) }, draw);
const batch = {
  image: array(() => 2 * random.uniform() - 1),
  seed: array(() => -2.9),
  labels: array(() => random.uniform() < 0.5 ? 0.95 : 0.05),
  weights: array(() => 1),
};
const optimizer = { ...DEFAULT_OPTIMIZER, name: "adam" } as const;
await using backend = await openWasmBackend({ threads: 1 });
const { variables } = model;
const { signal } = new AbortController();
const worker = { worker: Number(rank), identity: IDENTITY, variables, signal };
const exchange = path === "alone"
  ? null
  : await openNatsExchange(await readExchangeConfig(path), worker);
await using learner = exchange
  ? await ExchangedStep.open(
    ...[model, batchSize, optimizer, { exchange, prefetch: prefetch === "true" }, backend] as const,
  )
  : await TrainingStep.open(
    ...[model, batchSize, optimizer, initialVariables(model, new Random(1)), backend] as const,
  );
await learner.step(batch);
console.log("ready");
await Deno.stdin.read(new Uint8Array(1));
const ms: number[] = [];
for (let i = 0; i < steps; i++) {
  const start = performance.now();
  await learner.step(batch);
  ms.push(performance.now() - start);
}
console.log(JSON.stringify(ms));
// Until all are done: another process that ends would leave a core to this one.
for await (const _ of Deno.stdin.readable);
await exchange?.leave();
await exchange?.[Symbol.asyncDispose]();
