import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { Tuner } from "../../../engine/backends/webgpu/tuner.ts";
import { appendConv3d } from "../../../engine/ops/conv3d.ts";
import { conv3dWeightGrad } from "../../../engine/ops/conv3d_grad.ts";
import { type Graph, GraphBuilder } from "../../../engine/ops/graph.ts";
import { gpuFaults } from "../../support/gpu_faults.ts";
import { testWith } from "../../support/resources.ts";

/** A convolution, or several in a row, just large enough to be measured at 12³. */
function convolution(size: number, times = 1): Graph {
  const graph = new GraphBuilder();
  let x = graph.input("x", [1, size, size, size, 24]);
  const w = graph.parameter("w", [3, 3, 3, 24, 24]);
  const b = graph.parameter("b", [24]);
  for (let i = 0; i < times; i++) x = appendConv3d(graph, x, w, b);
  graph.output("y", x);
  return graph.build();
}

/** Does `work` with an empty cache of choices. */
async function withEmptyCache(work: () => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("FFN_CACHE");
  Deno.env.set("FFN_CACHE", folder);
  try {
    await work();
  } finally {
    if (before === undefined) Deno.env.delete("FFN_CACHE");
    else Deno.env.set("FFN_CACHE", before);
    await Deno.remove(folder, { recursive: true });
  }
}

/** The gradient of its weights. */
function weightGradient(size: number): Graph {
  const graph = new GraphBuilder();
  const [x, dy] = ["x", "dy"].map((name) => graph.input(name, [1, size, size, size, 24]));
  graph.output("dw", graph.call(conv3dWeightGrad, [x, dy], { kernel: [3, 3, 3] })[0]);
  return graph.build();
}

testWith("gpu", "Tuner measures a shape once and keeps its choice", async () => {
  await withEmptyCache(async () => {
    const lines: string[] = [];
    await using backend = await WebGpuBackend.open({
      // A new tuner for each compilation: what it knows comes from the cache.
      choose: (backend) => (placed, supported) =>
        new Tuner(backend, (line) => lines.push(line)).choose(placed, supported),
    });
    const first = await backend.compile(convolution(12));
    equal(lines.length, 1);
    const names = ["nested", "full", "rows", "columns", "wide"];
    for (const name of names) ok(lines[0].includes(`${name} `));
    equal(names.includes(first.variants[0].replace("conv3d ", "")), true);
    deepEqual((await backend.compile(convolution(12))).variants, first.variants);
    equal(lines.length, 1);
    // Its second input is an activation, not weights.
    const gradient = await backend.compile(weightGradient(12));
    equal(lines.length, 2);
    ok(["direct", "nested"].every((name) => lines[1].includes(`${name} `)), lines[1]);
    ok(["direct", "nested"].includes(gradient.variants[0].replace("conv3d_weight_grad ", "")));
    // Small convolutions are chosen by rule.
    await backend.compile(convolution(3));
    equal(lines.length, 2);
  });
});

testWith(
  "gpu",
  "Tuner passes over variants without memory, and blames none for the program's",
  async () => {
    await withEmptyCache(async () => {
      await using backend = await WebGpuBackend.open({
        choose: (backend) => (placed, supported) => new Tuner(backend).choose(placed, supported),
      });
      {
        using _faults = gpuFaults({ refuse: ({ label }) => label!.startsWith("scratch") });
        const [chosen] = (await backend.compile(convolution(12))).variants;
        equal(["conv3d rows", "conv3d columns", "conv3d wide"].includes(chosen), true, chosen);
      }
      {
        using _faults = gpuFaults({ refuse: ({ label }) => label === "value 0" });
        await rejects(backend.compile(convolution(13, 2)), /^OutOfMemoryError: .*"value 0"/);
      }
      using _faults = gpuFaults({ refuse: ({ label }) => label === "output" });
      await rejects(
        backend.compile(convolution(14)),
        /^OutOfMemoryError: Cannot prepare "conv3d" .*no variant finds the memory/,
      );
    });
  },
);
