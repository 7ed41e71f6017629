/**
 * A stack of convolutions without padding, cut into tiles, gives what it gives in one piece. On the CPU it does so to the bit
 * where tiles start on multiples of 3, the edge of a Winograd tile, and go on so far that no cut tile reaches what is kept: a
 * cut tile is right, but rounds otherwise. Every convolution then costs 3 voxels at the far end rather than 2.
 */
import { ok } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { appendAdd } from "../../engine/ops/binary.ts";
import { appendConv3d } from "../../engine/ops/conv3d.ts";
import { appendCrop } from "../../engine/ops/crop.ts";
import { type Graph, GraphBuilder } from "../../engine/ops/graph.ts";
import type { Value } from "../../engine/ops/op.ts";
import { appendRelu, appendTanh } from "../../engine/ops/unary.ts";
import { seededRandom } from "../support/random.ts";
import { testWith } from "../support/resources.ts";

const CHANNELS = 8;
const CONVOLUTIONS = 4;
/** Voxels that the stack takes off the far end of each axis, and those that a tile within the volume has to go on. */
const LOST = 2 * CONVOLUTIONS, INSIDE = 3 * CONVOLUTIONS - 1;

/** Two residual blocks, as in a generator, on one channel. */
function stack([z, y, x]: Zyx): Graph {
  const graph = new GraphBuilder();
  let count = 0;
  const conv = (from: Value, co: number, edge = 3) => {
    const shape = [edge, edge, edge, from.shape[4], co];
    const w = graph.parameter(`w${count}`, shape);
    const bias = graph.parameter(`b${count++}`, [co]);
    return appendConv3d(graph, from, w, bias, { padding: edge === 1 ? "same" : "valid" });
  };
  const image = graph.input("image", [1, z, y, x, 1]);
  const h = conv(appendRelu(graph, conv(image, CHANNELS)), CHANNELS);
  const inner = conv(appendRelu(graph, h), CHANNELS);
  const sum = appendAdd(graph, conv(appendRelu(graph, inner), CHANNELS), appendCrop(graph, h, 2));
  graph.output("y", appendTanh(graph, conv(appendRelu(graph, sum), 1, 1)));
  return graph.build();
}

/** A box of the volume in C order. */
function cut(volume: Float32Array, size: Zyx, [z0, y0, x0]: Zyx, [z1, y1, x1]: Zyx): Float32Array {
  const values: number[] = [];
  for (let z = z0; z < z1; z++) {
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) values.push(volume[(z * size[1] + y) * size[2] + x]);
    }
  }
  return Float32Array.from(values);
}

async function run(backend: Backend, image: Float32Array, size: Zyx): Promise<Float32Array> {
  const graph = stack(size);
  const random = seededRandom(4);
  const values = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const bindings = Object.fromEntries(values.map(([name, { shape }]) => {
    const tensor = backend.allocate(shape, "float32", name);
    if (graph.parameters.has(name)) {
      const count = shape.reduce((a, b) => a * b);
      const limit = Math.sqrt(6 / (count / (shape.at(-2) ?? 1)));
      backend.write(tensor, Float32Array.from({ length: count }, () => limit * (2 * random() - 1)));
    }
    return [name, tensor];
  }));
  backend.write(bindings.image, image);
  const program = await backend.compile(graph);
  backend.run(program, bindings);
  const y = await backend.read<Float32Array>(bindings.y);
  program.dispose();
  Object.values(bindings).forEach((tensor) => tensor.dispose());
  return y;
}

/** Largest difference between one piece and tiles that are cut at these voxels of the result; `beyond` is read past a cut. */
async function largestDifference(
  backend: Backend,
  size: Zyx,
  cuts: Zyx,
  beyond: number,
): Promise<number> {
  const random = seededRandom(6);
  const volume = Float32Array.from({ length: size[0] * size[1] * size[2] }, () => random());
  const shrunk = (n: Zyx): Zyx => [n[0] - LOST, n[1] - LOST, n[2] - LOST];
  const whole = await run(backend, volume, size);
  let worst = 0;
  for (let corner = 0; corner < 8; corner++) {
    const upper = [4, 2, 1].map((bit) => (corner & bit) > 0);
    const zyx = (of: (axis: number) => number): Zyx => [of(0), of(1), of(2)];
    const from = zyx((axis) => upper[axis] ? cuts[axis] : 0);
    const to = zyx((axis) => upper[axis] ? size[axis] - LOST : cuts[axis]);
    const end = zyx((axis) => upper[axis] ? size[axis] : cuts[axis] + beyond);
    const box = zyx((axis) => end[axis] - from[axis]);
    const tile = await run(backend, cut(volume, size, from, end), box);
    const kept = zyx((axis) => to[axis] - from[axis]);
    const actual = cut(tile, shrunk(box), [0, 0, 0], kept);
    const expected = cut(whole, shrunk(size), from, to);
    actual.forEach((v, i) => worst = Math.max(worst, Math.abs(v - expected[i])));
  }
  return worst;
}

Deno.test("wasm convolutions without padding give the same bits in tiles as in one piece", async () => {
  await using backend = await openWasmBackend({ threads: 2 });
  for (const [size, cuts] of [[[25, 26, 30], [6, 9, 12]], [[22, 24, 27], [3, 6, 9]]] as Zyx[][]) {
    const difference = await largestDifference(backend, size, cuts, INSIDE);
    ok(difference === 0, `largest difference ${difference}`);
  }
  // Tiles that end where their last result does are right, but round otherwise.
  const difference = await largestDifference(backend, [25, 26, 30], [7, 9, 12], LOST);
  ok(difference > 0 && difference <= 1e-6, `largest difference ${difference}`);
});

testWith("gpu", "GPU convolutions without padding agree in tiles and in one piece", async () => {
  await using backend = await WebGpuBackend.open({});
  const difference = await largestDifference(backend, [25, 26, 30], [6, 9, 12], LOST);
  ok(difference <= 1e-6, `largest difference ${difference}`);
});
