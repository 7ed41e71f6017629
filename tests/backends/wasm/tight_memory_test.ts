/** Programs whose values lie where others were give the same bytes as those whose values have places of their own. */
import { deepEqual, ok } from "node:assert/strict";
import { planGraph } from "../../../engine/backends/wasm/planner.ts";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../../engine/formats/nd_array.ts";
import { appendAdd } from "../../../engine/ops/binary.ts";
import { appendConv3d } from "../../../engine/ops/conv3d.ts";
import { appendCrop } from "../../../engine/ops/crop.ts";
import { appendGradients } from "../../../engine/ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../../engine/ops/graph.ts";
import { appendInstanceNorm } from "../../../engine/ops/instance_norm.ts";
import { appendMeanError } from "../../../engine/ops/mean_error.ts";
import { appendRelu } from "../../../engine/ops/unary.ts";

/** Windows of every kind over odd sizes and channels that fill no vector, and their gradients. */
function trainingGraph(): Graph {
  const graph = new GraphBuilder();
  const x = graph.input("x", [2, 13, 12, 11, 2]);
  let count = 0;
  const conv = (value: typeof x, channels: number, kernel: number, attributes = {}) => {
    const shape = [kernel, kernel, kernel, value.shape[4], channels];
    const w = graph.parameter(`w${count}`, shape), b = graph.parameter(`b${count++}`, [channels]);
    return appendConv3d(graph, value, w, b, attributes);
  };
  const h = conv(x, 6, 3, { padding: "valid" });
  const inner = conv(appendRelu(graph, h), 6, 3, { padding: "valid" });
  const sum = appendAdd(graph, inner, appendCrop(graph, h, 1));
  const scale = graph.parameter("scale", [8]), bias = graph.parameter("bias", [8]);
  const strided = appendInstanceNorm(graph, conv(sum, 8, 3, { stride: 2 }), scale, bias);
  const wide = conv(appendRelu(graph, strided), 8, 5);
  // Most voxels of its input's gradient come from no tap.
  const shortcut = conv(sum, 8, 1, { stride: 2 });
  const y = conv(
    appendRelu(graph, appendAdd(graph, appendAdd(graph, wide, strided), shortcut)),
    3,
    1,
  );
  const loss = appendMeanError(graph, "squared", [y, graph.input("wanted", y.shape)]);
  const forward = graph.build();
  const wanted = [...forward.parameters.values()];
  const gradients = appendGradients(graph, forward, loss, wanted);
  graph.output("loss", loss);
  for (const { id, name } of wanted) graph.output(`gradient of ${name}`, gradients.get(id)!);
  return graph.build();
}

/** Results of two runs with different inputs, by name. */
async function resultsOf(graph: Graph, roomyBytes: number): Promise<Float32Array[]> {
  await using backend = await openWasmBackend({ threads: 2, roomyBytes });
  const values = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const tensors = Object.fromEntries(
    values.map(([name, { shape }]) => [name, backend.allocate(shape, "float32", name)]),
  );
  const program = await backend.compile(graph);
  const results: Float32Array[] = [];
  for (const run of [1, 2, 3]) {
    for (const [name, { shape }] of [...graph.inputs, ...graph.parameters]) {
      const data = new Float32Array(elementCount(shape));
      backend.write(tensors[name], data.map((_, i) => Math.sin(run * (i + name.length))));
    }
    backend.run(program, tensors);
    for (const name of graph.outputs.keys()) {
      results.push(await backend.read<Float32Array>(tensors[name]));
    }
  }
  return results;
}

Deno.test("planGraph() with little memory gives the same bytes as with much", async () => {
  const graph = trainingGraph();
  const [roomy, tight] = [planGraph(graph), planGraph(graph, 0)];
  ok(tight.memory.bytes < 0.8 * roomy.memory.bytes, `${tight.memory.bytes} bytes`);
  ok(tight.main.some(({ kernel }) => kernel === "clear_halo") && tight.prepare.length === 0);
  ok(!roomy.main.some(({ kernel }) => kernel === "clear_halo"));
  // A step without items leaves what it should fill as it was found.
  for (const { kernel, items } of [...tight.main, ...roomy.prepare]) ok(items > 0, kernel);
  const results = await resultsOf(graph, 0);
  ok(results.every((data) => data.every(Number.isFinite)));
  deepEqual(results, await resultsOf(graph, 2 ** 30));
});
