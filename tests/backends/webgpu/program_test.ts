/** What programs make of weights before they run. */
import { ok } from "node:assert/strict";
import { openReferenceBackend } from "../../../engine/backends/reference.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import type { Backend } from "../../../engine/backends/backend.ts";
import { conv3d } from "../../../engine/ops/conv3d.ts";
import { conv3dInputGrad } from "../../../engine/ops/conv3d_grad.ts";
import { GraphBuilder } from "../../../engine/ops/graph.ts";
import { elementCount } from "../../../engine/formats/nd_array.ts";
import { testWith } from "../../support/resources.ts";
import { randomFloats } from "../../support/small_networks.ts";

/** Two runs of a convolution and of its gradient, whose weights are bound anew like other inputs. */
async function outputsOf(backend: Backend): Promise<Float32Array[]> {
  const graph = new GraphBuilder();
  const x = graph.input("x", [1, 4, 5, 6, 8]);
  const w = graph.input("w", [3, 3, 3, 8, 8]);
  const b = graph.input("b", [8]);
  const [y] = graph.call(conv3d, [x, w, b]);
  graph.output("y", y);
  graph.output("dx", graph.call(conv3dInputGrad, [x, w])[0]);
  const built = graph.build();
  const program = await backend.compile(built);
  const values = [...built.inputs, ...built.outputs];
  const tensors = Object.fromEntries(
    values.map(([name, { shape }]) => [name, backend.allocate(shape, "float32", name)]),
  );
  const results: Float32Array[] = [];
  for (const seed of [1, 2]) {
    for (const [name, { shape }] of built.inputs) {
      backend.write(tensors[name], randomFloats(elementCount(shape), seed));
    }
    backend.run(program, tensors);
    for (const name of built.outputs.keys()) results.push(await backend.read(tensors[name]));
  }
  return results;
}

testWith("gpu", "a program packs weights in each run where they are no parameters", async () => {
  await using gpu = await WebGpuBackend.open();
  const expected = await outputsOf(openReferenceBackend());
  for (const [i, actual] of (await outputsOf(gpu)).entries()) {
    const worst = actual.reduce((m, v, k) => Math.max(m, Math.abs(v - expected[i][k])), 0);
    ok(worst < 1e-4, `result ${i} is off by ${worst}`);
  }
});
