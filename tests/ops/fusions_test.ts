/** Each fusion pass keeps the values of a graph and removes the calls that it claims to. */
import { deepEqual, ok } from "node:assert/strict";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { appendAdd, binary } from "../../engine/ops/binary.ts";
import { appendConv3d, conv3d } from "../../engine/ops/conv3d.ts";
import {
  fuse,
  fuseInputRelu,
  fuseOutputRelu,
  fuseResidualAdd,
  type Fusion,
} from "../../engine/ops/fusions.ts";
import { type Graph, GraphBuilder } from "../../engine/ops/graph.ts";
import { appendLayerNorm } from "../../engine/ops/layer_norm.ts";
import type { Value } from "../../engine/ops/op.ts";
import { appendRelu } from "../../engine/ops/unary.ts";
import { seededRandom } from "../support/random.ts";

const SHAPE = [2, 2, 3, 4, 3];

/** Builds a graph over x and z `[2, 2, 3, 4, 3]`; `conv` appends a convolution with parameters of its own. */
function graphOf(
  build: (graph: GraphBuilder, x: Value, z: Value, conv: (from: Value) => Value) => void,
): Graph {
  const graph = new GraphBuilder();
  const [x, z] = [graph.input("x", SHAPE), graph.input("z", SHAPE)];
  let count = 0;
  const conv = (from: Value) => {
    const name = `w${count++}`;
    const weights = graph.parameter(name, [1, 2, 3, 3, 3]);
    return appendConv3d(graph, from, weights, graph.parameter(`${name}_bias`, [3]));
  };
  build(graph, x, z, conv);
  return graph.build();
}

/** Every output of a graph on seeded random inputs. */
async function evaluate(graph: Graph): Promise<number[][]> {
  const backend = openReferenceBackend();
  const random = seededRandom(5);
  const bindings = Object.fromEntries(
    [...graph.inputs, ...graph.parameters, ...graph.outputs].map(([name, { shape }]) => {
      const tensor = backend.allocate(shape, "float32", name);
      const data = Float32Array.from({ length: elementCount(shape) }, () => 2 * random() - 1);
      backend.write(tensor, data);
      return [name, tensor];
    }),
  );
  backend.run(await backend.compile(graph), bindings);
  const results = [...graph.outputs.keys()].map((name) => backend.read(bindings[name]));
  return (await Promise.all(results)).map((data) => [...data].map(Number));
}

/** Names of the calls, with the switches that are on: `conv3d+reluOutput`. */
function summary(graph: Graph): string[] {
  return graph.calls.map(({ op, attributes }) =>
    [op.name, ...Object.keys(attributes).filter((key) => attributes[key] === true).sort()].join("+")
  );
}

async function checkFusion(pass: Fusion, graph: Graph, expected: string[]): Promise<void> {
  const fused = pass(graph);
  deepEqual(summary(fused), expected);
  const [before, after] = [await evaluate(graph), await evaluate(fused)];
  // A fused call rounds to float32 once where two calls round twice.
  before.flat().forEach((value, i) => ok(Math.abs(value - after.flat()[i]) <= 1e-6));
}

Deno.test("fuseOutputRelu() stores relu(conv) and relu(layer norm) at once", async () => {
  const graph = graphOf((g, x, z, conv) => {
    const scale = g.parameter("scale", [3]);
    const normed = appendRelu(g, appendLayerNorm(g, z, scale, g.parameter("bias", [3])));
    g.output("y", appendAdd(g, appendRelu(g, conv(x)), normed));
  });
  await checkFusion(fuseOutputRelu, graph, [
    "layer_norm+reluOutput",
    "conv3d+reluOutput",
    "binary",
  ]);
});

Deno.test("fuseOutputRelu() leaves a convolution that something else reads", async () => {
  const graph = graphOf((g, x, _, conv) => {
    const y = conv(x);
    g.output("y", appendAdd(g, appendRelu(g, y), y));
  });
  await checkFusion(fuseOutputRelu, graph, ["conv3d", "unary", "binary"]);
  const result = graphOf((g, x, _, conv) => {
    const y = conv(x);
    g.output("y", y);
    g.output("relu", appendRelu(g, y));
  });
  await checkFusion(fuseOutputRelu, result, ["conv3d", "unary"]);
});

Deno.test("fuseResidualAdd() adds either term before it stores", async () => {
  for (const swap of [false, true]) {
    const graph = graphOf((g, x, z, conv) => {
      const y = conv(x);
      g.output("y", swap ? appendAdd(g, z, y) : appendAdd(g, y, z));
    });
    await checkFusion(fuseResidualAdd, graph, ["conv3d+residual"]);
  }
});

Deno.test("fuseResidualAdd() takes one of two convolutions and waits for the other", async () => {
  const graph = graphOf((g, x, z, conv) => g.output("y", appendAdd(g, conv(x), conv(z))));
  await checkFusion(fuseResidualAdd, graph, ["conv3d", "conv3d+residual"]);
});

Deno.test("fuseResidualAdd() leaves y + y, subtraction, and what is stored after a ReLU", async () => {
  const doubled = graphOf((g, x, _, conv) => {
    const y = conv(x);
    g.output("y", appendAdd(g, y, y));
  });
  await checkFusion(fuseResidualAdd, doubled, ["conv3d", "binary"]);
  const minus = graphOf((g, x, z, conv) =>
    g.output("y", g.call(binary, [conv(x), z], { function: "subtract" })[0])
  );
  await checkFusion(fuseResidualAdd, minus, ["conv3d", "binary"]);
  const rectified = graphOf((g, x, z, conv) =>
    g.output("y", appendAdd(g, appendRelu(g, conv(x)), z))
  );
  await checkFusion(
    (g) => fuseResidualAdd(fuseOutputRelu(g)),
    rectified,
    ["conv3d+reluOutput", "binary"],
  );
});

Deno.test("fuseInputRelu() lets every reading convolution apply the ReLU", async () => {
  const graph = graphOf((g, x, _, conv) => {
    const y = appendRelu(g, x);
    g.output("y", appendAdd(g, conv(y), conv(y)));
  });
  await checkFusion(fuseInputRelu, graph, ["conv3d+reluInput", "conv3d+reluInput", "binary"]);
});

Deno.test("fuseInputRelu() leaves a ReLU that is also a residual, a result or another op's input", async () => {
  const graph = graphOf((g, x, _, conv) => {
    const y = appendRelu(g, x);
    g.output("y", appendAdd(g, conv(y), y));
  });
  await checkFusion(fuseInputRelu, graph, ["unary", "conv3d", "binary"]);
  const residual = fuseResidualAdd(graph);
  await checkFusion(fuseInputRelu, residual, ["unary", "conv3d+residual"]);
});

Deno.test("fuse() leaves one call per convolution of a residual block", async () => {
  const graph = graphOf((g, x, _, conv) => {
    const inner = appendRelu(g, conv(appendRelu(g, x)));
    g.output("y", appendAdd(g, conv(inner), x));
  });
  await checkFusion(fuse, graph, ["conv3d+reluInput+reluOutput", "conv3d+residual"]);
  ok(fuse(graph).calls.every((call) => call.op === conv3d));
});
