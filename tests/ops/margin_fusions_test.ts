/** Skips of generator blocks inside the convolutions: the same values, and the calls that the passes claim to leave. */
import { deepEqual, ok } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { appendAdd } from "../../engine/ops/binary.ts";
import { appendConv3d } from "../../engine/ops/conv3d.ts";
import { appendCrop } from "../../engine/ops/crop.ts";
import { fuse } from "../../engine/ops/fusions.ts";
import { fuseGradients } from "../../engine/ops/gradient_fusions.ts";
import { appendGradients } from "../../engine/ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../engine/ops/graph.ts";
import { fuseMargins } from "../../engine/ops/margin_fusions.ts";
import { appendMeanError } from "../../engine/ops/mean_error.ts";
import type { Value } from "../../engine/ops/op.ts";
import { appendRelu } from "../../engine/ops/unary.ts";
import { seededRandom } from "../support/random.ts";

const VALID = { padding: "valid" };

/** Two blocks with cropped skips, their result, and the gradients of a loss by all weights and the image. */
function blocks(channels: number): Graph {
  const graph = new GraphBuilder();
  const wanted: Value[] = [];
  const conv = (x: Value) => {
    const w = graph.parameter(`w${wanted.length}`, [3, 3, 3, x.shape[4], channels]);
    const b = graph.parameter(`b${wanted.length}`, [channels]);
    wanted.push(w, b);
    return appendConv3d(graph, x, w, b, VALID);
  };
  const image = graph.input("image", [2, 15, 14, 16, channels]);
  wanted.push(image);
  let h: Value = conv(image);
  for (let block = 0; block < 2; block++) {
    const inner = conv(appendRelu(graph, h));
    h = appendAdd(graph, conv(appendRelu(graph, inner)), appendCrop(graph, h, 2));
  }
  const loss = appendMeanError(graph, "squared", [h, graph.input("target", h.shape)]);
  const gradients = appendGradients(graph, graph.build(), loss, wanted);
  graph.output("y", h);
  graph.output("loss", loss);
  for (const { id, name } of wanted) graph.output(`gradient/${name}`, gradients.get(id)!);
  return graph.build();
}

async function evaluate(backend: Backend, graph: Graph): Promise<Map<string, Float32Array>> {
  const random = seededRandom(12);
  const values = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const bindings = Object.fromEntries(values.map(([name, { shape }]) => {
    const tensor = backend.allocate(shape, "float32", name);
    const data = Float32Array.from({ length: elementCount(shape) }, () => random() - 0.5);
    backend.write(tensor, data);
    return [name, tensor];
  }));
  backend.run(await backend.compile(graph), bindings);
  const results = new Map<string, Float32Array>();
  for (const name of graph.outputs.keys()) {
    results.set(name, await backend.read<Float32Array>(bindings[name]));
  }
  return results;
}

function agree(actual: Map<string, Float32Array>, expected: Map<string, Float32Array>): void {
  for (const [name, values] of expected) {
    const scale = values.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-6);
    const worst = values.reduce((m, v, i) => Math.max(m, Math.abs(v - actual.get(name)![i])), 0);
    ok(worst <= 2e-5 * scale, `${name}: error ${worst} of ${scale}`);
  }
}

Deno.test("fuseMargins() leaves neither crops nor embeddings of a stack of blocks and keeps its values", async () => {
  const graph = blocks(4);
  const fused = fuseMargins(fuseGradients(fuse(graph)));
  const names = fused.calls.map(({ op }) => op.name);
  deepEqual(names.filter((name) => name === "crop" || name === "embed"), []);
  const margins = fused.calls.filter(({ attributes }) => attributes.residualMargin === 2);
  deepEqual(margins.map(({ op }) => op.name).sort(), [
    "conv3d",
    "conv3d",
    "conv3d_input_grad",
    "conv3d_input_grad",
  ]);
  agree(
    await evaluate(openReferenceBackend(), fused),
    await evaluate(openReferenceBackend(), graph),
  );
});

Deno.test("wasm backend agrees on blocks with cropped skips, by Winograd's method and directly", async () => {
  await using backend = await openWasmBackend({ threads: 2 });
  for (const channels of [8, 3]) {
    const graph = blocks(channels);
    agree(await evaluate(backend, graph), await evaluate(openReferenceBackend(), graph));
  }
});
