import { deepEqual, equal, ok } from "node:assert/strict";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { Tuner } from "../../../engine/backends/webgpu/tuner.ts";
import { appendConv3d } from "../../../engine/ops/conv3d.ts";
import { conv3dWeightGrad } from "../../../engine/ops/conv3d_grad.ts";
import { type Graph, GraphBuilder } from "../../../engine/ops/graph.ts";
import { testWith } from "../../support/resources.ts";

/** One convolution just large enough to be measured. */
function convolution(size: number): Graph {
  const graph = new GraphBuilder();
  const x = graph.input("x", [1, size, size, size, 24]);
  const w = graph.parameter("w", [3, 3, 3, 24, 24]);
  graph.output("y", appendConv3d(graph, x, w, graph.parameter("b", [24])));
  return graph.build();
}

/** The gradient of its weights. */
function weightGradient(size: number): Graph {
  const graph = new GraphBuilder();
  const [x, dy] = ["x", "dy"].map((name) => graph.input(name, [1, size, size, size, 24]));
  graph.output("dw", graph.call(conv3dWeightGrad, [x, dy], { kernel: [3, 3, 3] })[0]);
  return graph.build();
}

testWith("gpu", "Tuner measures a shape once and keeps its choice", async () => {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("FFN_CACHE");
  Deno.env.set("FFN_CACHE", folder);
  try {
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
  } finally {
    if (before === undefined) Deno.env.delete("FFN_CACHE");
    else Deno.env.set("FFN_CACHE", before);
    await Deno.remove(folder, { recursive: true });
  }
});
