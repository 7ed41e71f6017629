/** Gradients of graphs against differences of their losses, by the plain loops in float64. */
import { equal, ok } from "node:assert/strict";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { appendGradients } from "../../engine/ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../engine/ops/graph.ts";
import type { Host, Shape, Value } from "../../engine/ops/op.ts";
import { sigmoidCrossEntropy } from "../../engine/ops/sigmoid_cross_entropy.ts";
import { seededRandom } from "./random.ts";

type Host64 = Host & { readonly data: Float64Array };

/** Runs a graph by the plain loops in float64, from values by name. */
function evaluate(graph: Graph, values: ReadonlyMap<string, Float64Array>): Map<number, Host64> {
  const hosts = new Map<number, Host64>();
  for (const [name, { id, shape }] of [...graph.inputs, ...graph.parameters]) {
    hosts.set(id, { shape, data: values.get(name)! });
  }
  for (const { op, inputs, outputs, attributes } of graph.calls) {
    const made = outputs.map(({ shape }) => ({
      shape,
      data: new Float64Array(elementCount(shape)),
    }));
    op.reference(inputs.map((v) => hosts.get(v.id)!), made, attributes);
    outputs.forEach((v, i) => hosts.set(v.id, made[i]));
  }
  return hosts;
}

function crossEntropy(graph: GraphBuilder, logits: Value): Value {
  const [labels, weights] = ["labels", "weights"].map((name) => graph.input(name, logits.shape));
  return graph.call(sigmoidCrossEntropy, [logits, labels, weights])[0];
}

/**
 * Compares the gradients of a network, with respect to everything that goes into it, with differences of its loss.
 * `network` appends calls; `lossOf` makes a number `[1]` of their result, by default its cross-entropy as logits.
 */
export function checkByDifferences(
  shapes: Readonly<Record<string, Shape>>,
  network: (graph: GraphBuilder, values: Record<string, Value>) => Value,
  lossOf: (graph: GraphBuilder, y: Value) => Value = crossEntropy,
): void {
  const graph = new GraphBuilder();
  const values = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, graph.input(name, shape)]),
  );
  const loss = lossOf(graph, network(graph, values));
  const forward = graph.build();
  const random = seededRandom(3);
  const numbers = new Map(
    [...forward.inputs].map(([name, { shape }]) => [
      name,
      Float64Array.from({ length: elementCount(shape) }, () => 2 * random() - 1),
    ]),
  );
  const wanted = Object.values(values);
  const gradients = appendGradients(graph, forward, loss, wanted);
  const found = evaluate(graph.build(), numbers);
  const lossAt = () => evaluate(forward, numbers).get(loss.id)!.data[0];
  for (const { id, name } of wanted) {
    const gradient = found.get(gradients.get(id)!.id)!.data;
    const data = numbers.get(name)!;
    equal(gradient.length, data.length, name);
    for (let i = 0; i < data.length; i += Math.ceil(data.length / 40)) {
      const [before, step] = [data[i], 1e-5];
      data[i] = before + step;
      const above = lossAt();
      data[i] = before - step;
      const difference = (above - lossAt()) / (2 * step);
      data[i] = before;
      ok(Math.abs(difference - gradient[i]) < 1e-8, `${name}[${i}]: ${gradient[i]}, ${difference}`);
    }
  }
}
