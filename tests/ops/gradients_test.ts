/** Backward ops: finite differences in float64, then the wasm kernels against the plain loops. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { appendAdd, binary } from "../../engine/ops/binary.ts";
import { appendConcatChannels } from "../../engine/ops/concat_channels.ts";
import { appendConv3d, conv3d } from "../../engine/ops/conv3d.ts";
import { appendGradients } from "../../engine/ops/gradients.ts";
import { GraphBuilder } from "../../engine/ops/graph.ts";
import { appendLayerNorm } from "../../engine/ops/layer_norm.ts";
import type { Value } from "../../engine/ops/op.ts";
import { sigmoidCrossEntropy } from "../../engine/ops/sigmoid_cross_entropy.ts";
import { appendRelu, unary } from "../../engine/ops/unary.ts";
import { checkByDifferences } from "../support/finite_differences.ts";
import { type Case, describeCase, prepareCase } from "../kernels/cases.ts";
import { FUSED_GRADIENT_CASES, GRADIENT_CASES } from "./gradient_cases.ts";
import { NETWORK_GRADIENT_CASES } from "./network_cases.ts";
import { FUSED_WINDOW_GRADIENT_CASES, WINDOW_GRADIENT_CASES } from "./window_cases.ts";

const BACKWARD_CASES = [
  ...GRADIENT_CASES,
  ...FUSED_GRADIENT_CASES,
  ...WINDOW_GRADIENT_CASES,
  ...FUSED_WINDOW_GRADIENT_CASES,
  ...NETWORK_GRADIENT_CASES,
];

Deno.test("conv3d gradients equal differences of the loss, for odd and even kernels", () => {
  for (const [kz, ky, kx] of [[3, 3, 3], [1, 1, 1], [2, 4, 1]]) {
    checkByDifferences(
      { x: [2, 3, 4, 3, 2], w: [kz, ky, kx, 2, 3], b: [3] },
      (graph, { x, w, b }) => appendConv3d(graph, x, w, b),
    );
  }
});

Deno.test("gradients of a residual block sum what comes from both branches", () => {
  checkByDifferences(
    { x: [1, 3, 3, 4, 2], w: [3, 3, 3, 2, 2], b: [2] },
    (graph, { x, w, b }) => appendAdd(graph, appendConv3d(graph, appendRelu(graph, x), w, b), x),
  );
});

Deno.test("gradients of layer_norm, sigmoid, multiply and concat_channels equal differences of the loss", () => {
  checkByDifferences(
    { x: [2, 2, 2, 3, 4], scale: [4], bias: [4] },
    (graph, { x, scale, bias }) => appendLayerNorm(graph, x, scale, bias),
  );
  checkByDifferences({ a: [1, 2, 2, 2, 3], b: [1, 2, 2, 2, 1] }, (graph, { a, b }) => {
    const joined = appendConcatChannels(graph, [a, b]);
    const [open] = graph.call(unary, [joined], { function: "sigmoid" });
    return graph.call(binary, [open, joined], { function: "multiply" })[0];
  });
});

Deno.test("appendGradients() leaves out what nobody wants and refuses what cannot be done", () => {
  const graph = new GraphBuilder();
  const x = graph.input("x", [1, 3, 3, 3, 2]);
  const other = graph.input("other", [1, 3, 3, 3, 2]);
  const w = graph.parameter("w", [3, 3, 3, 2, 2]);
  const y = appendConv3d(graph, x, w, graph.parameter("b", [2]));
  const [loss] = graph.call(sigmoidCrossEntropy, [y, x, x]);
  const forward = graph.build();
  appendGradients(graph, forward, loss, [w]);
  const added = graph.build().calls.slice(forward.calls.length).map(({ op }) => op.name);
  deepEqual(added, ["sigmoid_cross_entropy_grad", "conv3d_weight_grad"]);
  throws(() => appendGradients(graph, forward, loss, [other]), /by "other": the loss does not/);
  const fused = new GraphBuilder();
  const values = [[1, 3, 3, 3, 2], [3, 3, 3, 2, 2], [2]].map((s, i) => fused.input(`${i}`, s));
  const [z] = fused.call(conv3d, values, { reluInput: true });
  const [fusedLoss] = fused.call(sigmoidCrossEntropy, [z, z, z]);
  throws(
    () => appendGradients(fused, fused.build(), fusedLoss, [values[1]]),
    /take the gradient of the graph before fusions/,
  );
});

/** Second inputs are parameters where their packed forms may be kept. */
function isParameter({ op }: Case, index: number): boolean {
  return op.name === "conv3d_input_grad" && index === 1;
}

/** All outputs of a case for each set of inputs, on one program. */
async function run(backend: Backend, test: Case, sets: Float32Array[][]): Promise<Uint8Array[]> {
  const graph = new GraphBuilder();
  const inputs = test.shapes.map((shape, i) =>
    isParameter(test, i) ? graph.parameter(`x${i}`, shape) : graph.input(`x${i}`, shape)
  );
  const outputs = graph.call(test.op, inputs, test.attributes);
  outputs.forEach((value, i) => graph.output(`y${i}`, value));
  const bind = (prefix: string, values: Value[]) =>
    values.map(({ shape }, i) =>
      [`${prefix}${i}`, backend.allocate(shape, "float32", `${prefix}${i}`)] as const
    );
  const [from, to] = [bind("x", inputs), bind("y", outputs)];
  const program = await backend.compile(graph.build());
  const results: Uint8Array[] = [];
  for (const set of sets) {
    set.forEach((data, i) => backend.write(from[i][1], data));
    backend.run(program, Object.fromEntries([...from, ...to]));
    for (const [, tensor] of to) {
      results.push(new Uint8Array((await backend.read<Float32Array>(tensor)).buffer));
    }
  }
  program.dispose();
  for (const [, tensor] of [...from, ...to]) tensor.dispose();
  return results;
}

Deno.test("wasm backward kernels agree with the plain loops, and any number of threads to the bit", async (t) => {
  await using one = await openWasmBackend({ threads: 1 });
  await using two = await openWasmBackend({ threads: 2 });
  await using five = await openWasmBackend({ threads: 5 });
  for (const [number, test] of BACKWARD_CASES.entries()) {
    await t.step(describeCase(test), async () => {
      const sets = [number + 1, number + 1001].map((seed) =>
        prepareCase(test, seed).inputs.map(({ data }) => data as Float32Array)
      );
      const results = await run(one, test, sets);
      const shapes = test.op.shapes(test.shapes, test.attributes);
      for (const [s, set] of sets.entries()) {
        const hosts = set.map((data, i) => ({ shape: test.shapes[i], data }));
        const expected = shapes.map((shape) => ({
          shape,
          data: new Float64Array(elementCount(shape)),
        }));
        test.op.reference(hosts, expected, test.attributes);
        for (const [i, { data }] of expected.entries()) {
          const actual = new Float32Array(results[s * shapes.length + i].buffer);
          equal(actual.length, data.length);
          const scale = data.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-3);
          const worst = data.reduce((m, v, k) => Math.max(m, Math.abs(v - actual[k])), 0);
          ok(worst <= 2e-5 * scale, `output ${i}: error ${worst} of ${scale}`);
        }
      }
      for (const backend of [two, five]) {
        deepEqual(await run(backend, test, sets), results, backend.description);
      }
    });
  }
});
