import type { Backend } from "../../backends/backend.ts";
import { planGraph } from "../../backends/wasm/planner.ts";
import { elementCount } from "../../formats/nd_array.ts";
import { type SecganModel, secganVariables } from "../../models/secgan/secgan.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Value } from "../../ops/op.ts";
import type { OptimizerOptions } from "../optimizer.ts";
import { DEFAULT_LAMBDAS } from "./losses.ts";
import { optimizerBytes } from "./network_optimizer.ts";
import { stepGraph } from "./step_graph.ts";

/** How a batch goes through the networks. */
export interface MemoryPlan {
  readonly microBatch: number;
  readonly recompute: boolean;
}

/**
 * Bytes that a step may take: a wasm memory but for what threads, lists of calls and gaps need; of a GPU with 16 GB, for activations
 * only, what variables, gradients and packed weights leave.
 */
const BUDGETS: Readonly<Record<Backend["name"], number>> = {
  ...{ wasm: 2 ** 32 - 2 ** 26, webgpu: 10 * 2 ** 30, reference: Infinity },
};

/** Bytes that a step takes of a wasm memory: what its graph computes, what is bound to it, and the optimizers'. */
export function wasmBytes(model: SecganModel, graph: Graph, optimizer: OptimizerOptions): number {
  const sum = (values: Iterable<Value>) =>
    [...values].reduce((bytes, { shape }) => bytes + 4 * elementCount(shape), 0);
  const bound = [graph.inputs, graph.parameters, graph.outputs].map((values) =>
    sum(values.values())
  );
  const trained = secganVariables(model).filter((variable) => variable.trained);
  return planGraph(graph).memory.bytes + bound.reduce((a, b) => a + b) +
    optimizerBytes({ name: "wasm" }, trained.map(({ shape }) => shape), optimizer);
}

/** Bytes of what a graph computes and does not give back, where buffers of one shape take turns. */
export function activationBytes(graph: Graph): number {
  const kept = new Set([...graph.outputs.values()].map(({ id }) => id));
  const lastUse = new Map<number, number>();
  graph.calls.forEach(({ inputs }, i) => inputs.forEach(({ id }) => lastUse.set(id, i)));
  const made = new Set<number>();
  const free = new Map<string, number>();
  let bytes = 0;
  graph.calls.forEach(({ inputs, outputs }, i) => {
    for (const { id, shape } of outputs) {
      if (kept.has(id)) continue;
      made.add(id);
      const spare = free.get(shape.join()) ?? 0;
      if (spare > 0) free.set(shape.join(), spare - 1);
      else bytes += 4 * elementCount(shape);
    }
    for (const { id, shape } of new Set([...inputs, ...outputs])) {
      if (!made.has(id) || (lastUse.get(id) ?? i) > i) continue;
      made.delete(id);
      free.set(shape.join(), (free.get(shape.join()) ?? 0) + 1);
    }
  });
  return bytes;
}

/**
 * The most samples at once that fit, without recomputation where that fits too. What is given stays.
 *
 * @throws {RangeError} when a part is no divisor of the batch, or a normalisation needs the whole batch.
 */
export function planMemory(
  model: SecganModel,
  batchSize: number,
  backend: Backend["name"],
  optimizer: OptimizerOptions,
  given: Partial<MemoryPlan>,
): MemoryPlan {
  const isWhole = [model.generator, model.discriminator].some(({ norm }) => norm === "batch");
  if (given.microBatch !== undefined) checkParts(given.microBatch, batchSize, isWhole);
  const sizes = given.microBatch !== undefined
    ? [given.microBatch]
    : Array.from({ length: batchSize }, (_, i) => batchSize - i)
      .filter((n) => batchSize % n === 0 && (!isWhole || n === batchSize));
  const ways = given.recompute === undefined ? [false, true] : [given.recompute];
  for (const microBatch of sizes) {
    for (const recompute of ways) {
      const options = { model, microBatch, recompute, lambdas: DEFAULT_LAMBDAS };
      const graph = stepGraph(options, batchSize / microBatch);
      const bytes = backend === "wasm"
        ? wasmBytes(model, graph, optimizer)
        : activationBytes(graph);
      if (bytes <= BUDGETS[backend]) return { microBatch, recompute };
    }
  }
  return { microBatch: sizes.at(-1)!, recompute: ways.at(-1)! };
}

function checkParts(microBatch: number, batchSize: number, isWhole: boolean): void {
  if (batchSize % microBatch !== 0) {
    throw new RangeError(
      `Cannot train with micro_batch ${microBatch}: it must be a divisor of batch_size, current batch_size is ${batchSize}`,
    );
  }
  if (isWhole && microBatch !== batchSize) {
    throw new RangeError(
      `Cannot train with micro_batch ${microBatch}: batch normalisation needs the whole batch at once, use ${batchSize} or another norm`,
    );
  }
}
