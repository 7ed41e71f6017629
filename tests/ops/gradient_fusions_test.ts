/** The passes over backward calls keep every gradient of a residual network and leave the calls that they claim to. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import type { Backend } from "../../engine/backends/backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { appendAdd } from "../../engine/ops/binary.ts";
import { appendConv3d } from "../../engine/ops/conv3d.ts";
import { fuse } from "../../engine/ops/fusions.ts";
import { fuseGradients } from "../../engine/ops/gradient_fusions.ts";
import { appendGradients } from "../../engine/ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../engine/ops/graph.ts";
import type { Value } from "../../engine/ops/op.ts";
import { sigmoidCrossEntropy } from "../../engine/ops/sigmoid_cross_entropy.ts";
import { appendRelu } from "../../engine/ops/unary.ts";
import { seededRandom } from "../support/random.ts";

/** Loss and all gradients of a stack of one block and one residual module, with a 1x1x1 output as networks have. */
function residualGraph(alsoReadsRelu = false): Graph {
  const graph = new GraphBuilder();
  const wanted: Value[] = [];
  const conv = (x: Value, co: number, edge: number) => {
    const name = `w${wanted.length / 2}`;
    const weights = graph.parameter(name, [edge, edge, edge, x.shape[4], co]);
    const bias = graph.parameter(`${name}_bias`, [co]);
    wanted.push(weights, bias);
    return appendConv3d(graph, x, weights, bias);
  };
  const first = conv(appendRelu(graph, conv(graph.input("x", [2, 5, 4, 6, 2]), 8, 3)), 8, 3);
  const open = appendRelu(graph, first);
  const inner = appendRelu(graph, conv(open, 8, 3));
  const skip = alsoReadsRelu ? appendAdd(graph, open, first) : first;
  const sum = appendAdd(graph, conv(inner, 8, 3), skip);
  const logits = conv(appendRelu(graph, sum), 1, 1);
  const [labels, weights] = ["labels", "weights"].map((name) => graph.input(name, logits.shape));
  const [loss] = graph.call(sigmoidCrossEntropy, [logits, labels, weights]);
  const gradients = appendGradients(graph, graph.build(), loss, wanted);
  graph.output("loss", loss);
  for (const { id, name } of wanted) graph.output(`gradient/${name}`, gradients.get(id)!);
  return graph.build();
}

/** Every output of a graph on seeded random inputs. */
async function evaluate(graph: Graph, backend: Backend): Promise<Map<string, Float32Array>> {
  const random = seededRandom(11);
  const bindings = Object.fromEntries(
    [...graph.inputs, ...graph.parameters, ...graph.outputs].map(([name, { shape }]) => {
      const tensor = backend.allocate(shape, "float32", name);
      const size = elementCount(shape);
      backend.write(tensor, Float32Array.from({ length: size }, () => random() - 0.5));
      return [name, tensor];
    }),
  );
  backend.run(await backend.compile(graph), bindings);
  const results = new Map<string, Float32Array>();
  for (const name of graph.outputs.keys()) results.set(name, await backend.read(bindings[name]));
  return results;
}

function assertClose(actual: Map<string, Float32Array>, expected: Map<string, Float32Array>): void {
  equal(actual.size, expected.size);
  for (const [name, values] of expected) {
    const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
    const worst = values.reduce((w, v, i) => Math.max(w, Math.abs(v - actual.get(name)![i])), 0);
    ok(scale > 0 && worst <= 2e-5 * scale, `${name}: ${worst} of ${scale}`);
  }
}

/** Backward calls with the switches that are on: `conv3d_input_grad+masked`. */
function summary(graph: Graph): string[] {
  return graph.calls.map(({ op, attributes }) =>
    [op.name, ...Object.keys(attributes).filter((key) => attributes[key] === true).sort()].join("+")
  );
}

Deno.test("fuseGradients() leaves a residual network neither ReLUs nor sums of its own", async () => {
  const graph = residualGraph();
  const fused = fuseGradients(fuse(graph));
  deepEqual(summary(fused), [
    "conv3d+reluOutput",
    "conv3d",
    "conv3d+reluInput+reluOutput",
    "conv3d+residual",
    "conv3d+reluInput",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_grad",
    "conv3d_weight_grad+reluInput",
    "conv3d_input_grad+masked",
    "conv3d_weight_grad",
    "conv3d_input_grad+masked",
    "conv3d_weight_grad+reluInput",
    "conv3d_input_grad+masked+residual",
    "conv3d_weight_grad",
    "conv3d_input_grad+masked",
    "conv3d_weight_grad",
  ]);
  const reference = openReferenceBackend();
  assertClose(await evaluate(fused, reference), await evaluate(graph, reference));
});

Deno.test("fuseGradients() leaves a ReLU whose values are also summed", async () => {
  const graph = residualGraph(true);
  const fused = fuseGradients(fuse(graph));
  ok(summary(fused).includes("unary"));
  const reference = openReferenceBackend();
  assertClose(await evaluate(fused, reference), await evaluate(graph, reference));
});

Deno.test("the wasm backend gives the gradients of the plain loops for residual networks", async () => {
  await using wasm = await openWasmBackend({ threads: 2 });
  for (const graph of [residualGraph(), residualGraph(true)]) {
    assertClose(await evaluate(graph, wasm), await evaluate(graph, openReferenceBackend()));
  }
});
