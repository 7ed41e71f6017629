import { ok } from "node:assert/strict";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import type { Backend } from "../../engine/backends/backend.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { styleGraph, type StyleGraphOptions } from "../../engine/training/style/style_graph.ts";
import { gradientName } from "../../engine/training/training_graphs.ts";
import { plainStyleLosses } from "../support/plain_style.ts";
import { randomFloats } from "../support/small_networks.ts";

const EDGE = 5;
const VOXELS = EDGE ** 3;
const LAYER = 2;

function optionsOf(trained: "encoder" | "decoder"): StyleGraphOptions {
  const scope = trained === "encoder" ? "encoder" : "seed_update";
  return {
    encoder: { scope, features: [3, 4, 3, 4] },
    decoder: { depth: LAYER, channels: 4 },
    ...{ trained, edge: EDGE, batch: 2, pixelWeight: 0.3, encodingWeight: 0.7 },
  };
}

/** Every output of one run. */
async function run(
  backend: Backend,
  options: StyleGraphOptions,
  values: ReadonlyMap<string, Float32Array>,
): Promise<Map<string, Float32Array>> {
  const graph = styleGraph(options);
  const named = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const tensors = Object.fromEntries(
    named.map(([name, { shape }]) => [name, backend.allocate(shape, "float32", name)]),
  );
  for (const [name, data] of values) backend.write(tensors[name], data);
  const program = await backend.compile(graph);
  backend.run(program, tensors);
  const results = new Map<string, Float32Array>();
  for (const name of graph.outputs.keys()) results.set(name, await backend.read(tensors[name]));
  return results;
}

/** Images, a seed with a point, and variables. */
function randomValues(options: StyleGraphOptions): Map<string, Float32Array> {
  const graph = styleGraph(options);
  const values = new Map<string, Float32Array>();
  for (const [name, { shape }] of graph.parameters) {
    const fan = shape.length === 5 ? elementCount(shape.slice(0, 4)) : 4;
    values.set(name, randomFloats(elementCount(shape), values.size).map((v) => v / fan ** 0.5));
  }
  const seed = new Float32Array(2 * VOXELS);
  seed[VOXELS >> 1] = seed[VOXELS + (VOXELS >> 1)] = 2.9;
  return values.set("image", randomFloats(2 * VOXELS, 91)).set("seed", seed);
}

/** The losses of a batch, and what is minimised, by the plain loops. */
function plainLosses(options: StyleGraphOptions, values: ReadonlyMap<string, ArrayLike<number>>) {
  const means = { pixel: 0, encoding: 0 };
  const [images, seeds] = ["image", "seed"].map((name) => values.get(name) as Float32Array);
  for (let i = 0; i < 2; i++) {
    const of = (array: Float32Array) => array.subarray(i * VOXELS, (i + 1) * VOXELS);
    const size = [EDGE, EDGE, EDGE] as const;
    const { scope } = options.encoder;
    const found = plainStyleLosses(of(images), of(seeds), size, values, scope, LAYER);
    means.pixel += found.pixel / 2;
    means.encoding += found.encoding / 2;
  }
  const { pixelWeight, encodingWeight } = options;
  return { ...means, loss: pixelWeight * means.pixel + encodingWeight * means.encoding };
}

function near(value: number, wanted: number, tolerance: number, what: string): void {
  ok(
    Math.abs(value - wanted) <= tolerance * Math.abs(wanted) + 1e-6,
    `${what}: ${value}, ${wanted}`,
  );
}

for (const trained of ["decoder", "encoder"] as const) {
  Deno.test(`styleGraph() gives losses and gradients of the ${trained} as plain loops do`, async () => {
    const options = optionsOf(trained);
    const values = randomValues(options);
    await using backend = openReferenceBackend();
    const results = await run(backend, options, values);
    const wanted = plainLosses(options, values);
    near(results.get("loss/pixel")![0], wanted.pixel, 1e-5, "pixel");
    near(results.get("loss/encoding")![0], wanted.encoding, 1e-5, "encoding");
    near(results.get("loss")![0], wanted.loss, 1e-5, "loss");
    const scope = trained === "decoder" ? "decoder" : "encoder";
    for (const [name, data] of values) {
      const gradient = results.get(gradientName(name));
      ok((gradient !== undefined) === name.startsWith(`${scope}/`), name);
      if (!gradient) continue;
      // Entries spread over the array; differences in float64, which the plain loops keep.
      for (const i of new Set([0, data.length >> 1, data.length - 1])) {
        const at = (step: number) => {
          const moved = Float64Array.from(data);
          moved[i] += step;
          return plainLosses(
            options,
            new Map<string, ArrayLike<number>>([...values, [name, moved]]),
          ).loss;
        };
        near(gradient[i], (at(1e-7) - at(-1e-7)) / 2e-7, 2e-3, `${name} [${i}]`);
      }
    }
  });
}

Deno.test("styleGraph() gives on the CPU what the plain loops give", async () => {
  for (const trained of ["decoder", "encoder"] as const) {
    const options = optionsOf(trained);
    const values = randomValues(options);
    await using plain = openReferenceBackend();
    await using wasm = await openWasmBackend({ threads: 1 });
    const wanted = await run(plain, options, values);
    for (const [name, data] of await run(wasm, options, values)) {
      const scale = wanted.get(name)!.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
      data.forEach((v, i) => ok(Math.abs(v - wanted.get(name)![i]) <= 1e-4 * scale, name));
    }
  }
});
