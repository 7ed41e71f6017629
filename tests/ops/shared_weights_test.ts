/** Weights that several calls use, and gradients that are summed inside a graph. */
import { ok } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { appendAdd } from "../../engine/ops/binary.ts";
import { appendConv3d } from "../../engine/ops/conv3d.ts";
import { appendGradients } from "../../engine/ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../engine/ops/graph.ts";
import { optimizerStep } from "../../engine/ops/optimizer_step.ts";
import { sigmoidCrossEntropy } from "../../engine/ops/sigmoid_cross_entropy.ts";
import { appendRelu } from "../../engine/ops/unary.ts";
import { seededRandom } from "../support/random.ts";

/** One convolution applied twice, and a step on its weights within the graph. */
function twiceApplied(): Graph {
  const graph = new GraphBuilder();
  const [w, b] = [graph.parameter("w", [3, 3, 3, 6, 6]), graph.parameter("b", [6])];
  const x = graph.input("x", [1, 9, 9, 9, 6]);
  const inner = appendRelu(graph, appendConv3d(graph, x, w, b, { padding: "valid" }));
  const y = appendConv3d(graph, inner, w, b, { padding: "valid" });
  const others = ["labels", "weights"].map((name) => graph.input(name, y.shape));
  const [loss] = graph.call(sigmoidCrossEntropy, [y, ...others]);
  const gradients = appendGradients(graph, graph.build(), loss, [w, b]);
  const rate = graph.input("rate", [1]);
  const step = graph.call(optimizerStep, [w, gradients.get(w.id)!, rate], { function: "sgd" });
  graph.output("next_w", step[0]);
  graph.output("dbias", gradients.get(b.id)!);
  graph.output("twice", appendAdd(graph, loss, loss));
  return graph.build();
}

async function evaluate(backend: Backend, graph: Graph): Promise<number[][]> {
  const random = seededRandom(8);
  const values = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const bindings = Object.fromEntries(values.map(([name, { shape }]) => {
    const tensor = backend.allocate(shape, "float32", name);
    const data = Float32Array.from({ length: elementCount(shape) }, () => 2 * random() - 1);
    backend.write(tensor, data);
    return [name, tensor];
  }));
  backend.run(await backend.compile(graph), bindings);
  const results: number[][] = [];
  for (const name of graph.outputs.keys()) {
    results.push([...await backend.read<Float32Array>(bindings[name])]);
  }
  return results;
}

Deno.test("wasm backend adds gradients of weights that are used twice and steps with them in one graph", async () => {
  const graph = twiceApplied();
  const expected = await evaluate(openReferenceBackend(), graph);
  await using backend = await openWasmBackend({ threads: 2 });
  const actual = await evaluate(backend, graph);
  for (const [i, values] of expected.entries()) {
    const scale = values.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
    values.forEach((v, k) => ok(Math.abs(v - actual[i][k]) <= 2e-5 * scale, `output ${i}[${k}]`));
  }
});
