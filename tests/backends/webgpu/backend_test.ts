/** Whole programs on WebGPU against the plain loops: memory reuse, fusions, layouts, parameters that change. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { Backend } from "../../../engine/backends/backend.ts";
import { openReferenceBackend } from "../../../engine/backends/reference.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { volumeOf } from "../../../engine/geometry/vectors.ts";
import type { Model } from "../../../engine/models/model.ts";
import { openNetwork } from "../../../engine/models/network.ts";
import { createModel } from "../../../engine/models/registry.ts";
import { appendAdd } from "../../../engine/ops/binary.ts";
import { appendConv3d } from "../../../engine/ops/conv3d.ts";
import { GraphBuilder } from "../../../engine/ops/graph.ts";
import { appendRelu } from "../../../engine/ops/unary.ts";
import { testWith } from "../../support/resources.ts";
import { randomFloats, randomVariables, smallModel } from "../../support/small_networks.ts";

/** Logits of two batches of a model with random weights. */
async function predictTwice(
  backend: Backend,
  model: Model,
  batch: number,
): Promise<Float32Array[]> {
  await using network = await openNetwork(model, randomVariables(model, 5), backend, batch);
  const results: Float32Array[] = [];
  for (const seed of [1, 2]) {
    const count = batch * volumeOf(model.fovSize);
    const logits = new Float32Array(count);
    await network.predict(randomFloats(count, seed), randomFloats(count, seed + 10), logits);
    results.push(logits);
  }
  return results;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i])), 0);
}

const MODELS: readonly [string, Model, number][] = [
  ["conv stack", smallModel([9, 9, 9], [2, 2, 2], 3), 1],
  ["conv stack in a batch", smallModel([5, 7, 6], [1, 2, 2]), 3],
  ["conv stack in a plane", smallModel([1, 11, 11], [0, 3, 3], 2, 6), 2],
  [
    "layer norm stack",
    createModel("convstack.ResConvStack", {
      fov_size: [7, 7, 5],
      deltas: [2, 2, 1],
      depth: 2,
      features: [8, 8, 12, 8, 12, 8],
    }),
    2,
  ],
];

for (const [storage, tolerance] of [["f32", 2e-5], ["f16", 3e-2]] as const) {
  testWith("gpu", `WebGpuBackend predicts as the plain loops do (${storage})`, async (t) => {
    await using reference = openReferenceBackend();
    await using backend = await WebGpuBackend.open({ halfStorage: storage === "f16" });
    if (storage === "f16" && !backend.profile.halfStorage) {
      await t.step({ name: "no f16 on this adapter", ignore: true, fn: () => {} });
      return;
    }
    for (const [name, model, batch] of MODELS) {
      await t.step(name, async () => {
        const expected = await predictTwice(reference, model, batch);
        const actual = await predictTwice(backend, model, batch);
        expected.forEach((e, i) => {
          const worst = largestDifference(actual[i], e);
          ok(worst <= tolerance, `largest difference ${worst}`);
        });
      });
    }
  });
}

testWith("gpu", "WebGpuBackend packs parameters again after they were written", async () => {
  await using backend = await WebGpuBackend.open();
  const graph = new GraphBuilder();
  const x = graph.input("x", [1, 2, 2, 2, 4]);
  const w = graph.parameter("w", [3, 3, 3, 4, 4]);
  const b = graph.parameter("b", [4]);
  graph.output("y", appendConv3d(graph, x, w, b));
  const program = await backend.compile(graph.build());
  const shapes = { x: [1, 2, 2, 2, 4], w: [3, 3, 3, 4, 4], b: [4], y: [1, 2, 2, 2, 4] };
  const bindings = Object.fromEntries(
    Object.entries(shapes).map(([n, s]) => [n, backend.allocate(s, "float32", n)]),
  );
  for (const bias of [1, 2]) {
    backend.write(bindings.b, new Float32Array(4).fill(bias));
    backend.run(program, bindings);
    deepEqual(await backend.read(bindings.y), new Float32Array(32).fill(bias));
  }
});

testWith(
  "gpu",
  "WebGpuBackend gives outputs that are read on, of several channels",
  async () => {
    const graph = new GraphBuilder();
    const x = graph.input("x", [1, 2, 3, 2, 3]);
    const y = appendRelu(graph, x);
    graph.output("first", y);
    graph.output("sum", appendAdd(graph, y, y));
    const built = graph.build();
    const data = randomFloats(36, 3);
    const run = async (backend: Backend) => {
      const names = [...built.inputs.keys(), ...built.outputs.keys()];
      const bindings = Object.fromEntries(
        names.map((n) => [n, backend.allocate([1, 2, 3, 2, 3], "float32", n)]),
      );
      backend.write(bindings.x, data);
      const program = await backend.compile(built);
      backend.run(program, bindings);
      const results = await Promise.all(
        [...built.outputs.keys()].map((n) => backend.read<Float32Array>(bindings[n])),
      );
      program.dispose();
      return results;
    };
    await using gpu = await WebGpuBackend.open();
    await using reference = openReferenceBackend();
    const [actual, expected] = [await run(gpu), await run(reference)];
    deepEqual(actual[0], data.map((v) => Math.max(v, 0)));
    deepEqual(actual, expected);
  },
);

testWith("gpu", "WebGpuBackend names the limit that an allocation is over", async () => {
  await using backend = await WebGpuBackend.open({
    limits: { maxStorageBufferBindingSize: 2 ** 27 },
  });
  await rejects(
    async () => await backend.allocate([2 ** 26], "float32", "huge"),
    /^UnsupportedError: Cannot allocate 268435456 bytes for "huge": .* at most 134217728 bytes/,
  );
});

testWith("gpu", "WebGpuBackend reads and writes any element type", async () => {
  await using backend = await WebGpuBackend.open();
  const bytes = backend.allocate([5], "uint8", "bytes");
  backend.write(bytes, Uint8Array.of(1, 2, 3, 4, 5));
  deepEqual(await backend.read(bytes), Uint8Array.of(1, 2, 3, 4, 5));
  const ids = backend.allocate([2], "uint64", "ids");
  deepEqual(await backend.read(ids), BigUint64Array.of(0n, 0n));
  match(backend.description, /^WebGPU on /);
  equal(backend.name, "webgpu");
});
