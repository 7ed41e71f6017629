/** The two graphs of a training step: gradients of a batch, and the optimizer's change of the variables by them. */
import type { Model, Variable } from "../models/model.ts";
import { appendGradients } from "../ops/gradients.ts";
import { type Graph, GraphBuilder } from "../ops/graph.ts";
import { optimizerStep } from "../ops/optimizer_step.ts";
import { sigmoidCrossEntropy } from "../ops/sigmoid_cross_entropy.ts";
import { type OptimizerOptions, optimizerSlots, stepAttributes } from "./optimizer.ts";

/** Name of the gradient of a variable, or of an input. */
export function gradientName(variable: string): string {
  return `gradients/${variable}`;
}

/** Name of what a variable becomes. */
export function nextName(variable: string): string {
  return `next/${variable}`;
}

/** Names of a variable and its states. */
export function slotNames(variable: string, options: OptimizerOptions): string[] {
  return optimizerSlots(options.name).map(({ name }) => `${variable}/${name}`);
}

/**
 * Inputs `image`, `seed`, `labels`, `weights` (the latter two of the prediction's shape) and the model's parameters; outputs
 * `logits`, `loss` `[1]` and `gradients/<variable>`, not clipped.
 *
 * @param alsoInputs Adds `gradients/image` and `gradients/seed`.
 */
export function gradientGraph(model: Model, batch: number, alsoInputs = false): Graph {
  const network = model.build(batch);
  const graph = GraphBuilder.continue(network);
  const logits = network.outputs.get("logits")!;
  const labels = graph.input("labels", logits.shape);
  const weights = graph.input("weights", logits.shape);
  const [loss] = graph.call(sigmoidCrossEntropy, [logits, labels, weights]);
  graph.output("loss", loss);
  const wanted = [
    ...model.variables.map(({ name }) => network.parameters.get(name)!),
    ...alsoInputs ? [...network.inputs.values()] : [],
  ];
  const gradients = appendGradients(graph, graph.build(), loss, wanted);
  for (const value of wanted) graph.output(gradientName(value.name), gradients.get(value.id)!);
  return graph.build();
}

/**
 * Inputs: every variable with its states, its gradient, and `rate` `[1]`; outputs `next/<variable>` and
 * `next/<variable>/<state>`.
 */
export function optimizerGraph(variables: readonly Variable[], options: OptimizerOptions): Graph {
  const graph = new GraphBuilder();
  const rate = graph.input("rate", [1]);
  for (const { name, shape } of variables) {
    const names = [name, ...slotNames(name, options)];
    const [variable, ...slots] = names.map((n) => graph.input(n, shape));
    const gradient = graph.input(gradientName(name), shape);
    const inputs = [variable, gradient, rate, ...slots];
    const next = graph.call(optimizerStep, inputs, stepAttributes(options));
    names.forEach((n, i) => graph.output(nextName(n), next[i]));
  }
  return graph.build();
}
