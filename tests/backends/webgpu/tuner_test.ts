import { deepEqual, equal, ok } from "node:assert/strict";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { Tuner } from "../../../engine/backends/webgpu/tuner.ts";
import { appendConv3d } from "../../../engine/ops/conv3d.ts";
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
    // Small convolutions are chosen by rule.
    await backend.compile(convolution(3));
    equal(lines.length, 1);
  } finally {
    if (before === undefined) Deno.env.delete("FFN_CACHE");
    else Deno.env.set("FFN_CACHE", before);
    await Deno.remove(folder, { recursive: true });
  }
});
