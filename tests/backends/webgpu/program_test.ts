/** What programs make of weights before they run. */
import { equal, ok } from "node:assert/strict";
import { openReferenceBackend } from "../../../engine/backends/reference.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import type { Backend, Tensor } from "../../../engine/backends/backend.ts";
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

testWith("gpu", "a program packs weights once for all calls that read them alike", async () => {
  await using gpu = await WebGpuBackend.open();
  const prepared: number[] = [];
  const results: Float32Array[] = [];
  for (const convolutions of [1, 3]) {
    const graph = new GraphBuilder();
    const x = graph.input("x", [1, 4, 5, 6, 8]);
    const w = graph.parameter("w", [3, 3, 3, 8, 8]);
    const b = graph.parameter("b", [8]);
    let y = x;
    for (let i = 0; i < convolutions; i++) [y] = graph.call(conv3d, [y, w, b]);
    graph.output("y", y);
    const built = graph.build();
    const program = await gpu.compile(built);
    const reference = openReferenceBackend();
    for (const backend of [gpu, reference]) {
      const tensors: Record<string, Tensor> = {};
      const values = [...built.inputs, ...built.parameters, ...built.outputs];
      for (const [i, [name, { shape }]] of values.entries()) {
        tensors[name] = backend.allocate(shape, "float32", name);
        const small = randomFloats(elementCount(shape), i + 1).map((v) => v / 8);
        if (name !== "y") backend.write(tensors[name], small);
      }
      if (backend === gpu) prepared.push(program.pendingPreparation(tensors as never).length);
      const compiled = await backend.compile(built);
      backend.run(compiled, tensors);
      results.push(await backend.read<Float32Array>(tensors.y));
    }
    const [actual, expected] = results.splice(0);
    ok(actual.every((v, i) => Math.abs(v - expected[i]) < 1e-5));
  }
  equal(prepared[1], prepared[0]);
});
