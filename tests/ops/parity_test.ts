/** Every op on the wasm backend against the plain loops, with any number of threads. */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { Backend, Tensor } from "../../engine/backends/backend.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { GraphBuilder } from "../../engine/ops/graph.ts";
import { OPS } from "../../engine/ops/mod.ts";
import type { Host } from "../../engine/ops/op.ts";
import { LAUNCHERS } from "../../wasm/mod.ts";
import { type Case, describeCase, prepareCase } from "../kernels/cases.ts";
import { CPU_CASES } from "./cpu_cases.ts";

/** Ops without wasm kernels, and why. */
const NOT_ON_CPU: ReadonlyMap<string, string> = new Map();

/** Largest error relative to the largest value: float32 sums against float64, and Winograd's larger constants. */
const TOLERANCE = 2e-5;

/** A NaN with a pattern that no kernel makes. */
const SENTINEL = 0x7fc12345;
const GUARD_FLOATS = 1024;

Deno.test("every op has wasm kernels or a reason for having none", () => {
  deepEqual([...LAUNCHERS.keys(), ...NOT_ON_CPU.keys()].sort(), [...OPS.keys()].sort());
});

/** Memory before or after an output that must stay as it is. */
function guard(backend: Backend, label: string): Tensor {
  const tensor = backend.allocate([GUARD_FLOATS], "uint32", label);
  backend.write(tensor, new Uint32Array(GUARD_FLOATS).fill(SENTINEL));
  return tensor;
}

/** The second and third inputs of convolutions and layer norms are parameters, as in a model. */
function isParameter(test: Case, index: number): boolean {
  return ["conv3d", "layer_norm"].includes(test.op.name) && (index === 1 || index === 2);
}

/** Runs a case once per set of inputs on one program, so that leftovers of the run before would show. */
async function runCase(
  backend: Backend,
  test: Case,
  sets: readonly Host[][],
): Promise<Uint8Array[]> {
  const graph = new GraphBuilder();
  const values = test.shapes.map((shape, i) =>
    isParameter(test, i) ? graph.parameter(`x${i}`, shape) : graph.input(`x${i}`, shape)
  );
  const [result] = graph.call(test.op, values, test.attributes);
  graph.output("y", result);
  const inputs = test.shapes.map((shape, i) => backend.allocate(shape, "float32", `x${i}`));
  const before = guard(backend, "guard before");
  const output = backend.allocate(result.shape, "float32", "y");
  const after = guard(backend, "guard after");
  const program = await backend.compile(graph.build());
  const bindings = Object.fromEntries([
    ...inputs.map((tensor, i) => [`x${i}`, tensor]),
    ["y", output],
  ]);
  const results: Uint8Array[] = [];
  for (const set of sets) {
    set.forEach((host, i) => backend.write(inputs[i], host.data));
    backend.run(program, bindings);
    const bytes = await backend.read(output);
    results.push(new Uint8Array(bytes.buffer));
    for (const [i, host] of set.entries()) {
      deepEqual(await backend.read(inputs[i]), host.data, `input ${i} was changed`);
    }
    for (const tensor of [before, after]) {
      const words = await backend.read<Uint32Array>(tensor);
      ok(words.every((w) => w === SENTINEL), `${tensor.label} of the output was overwritten`);
    }
  }
  program.dispose();
  for (const tensor of [...inputs, before, output, after]) tensor.dispose();
  return results;
}

function largestError(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  return actual.reduce((worst, v, i) => {
    const error = Math.abs(v - expected[i]) / scale;
    return error <= worst ? worst : Number.isNaN(error) ? Infinity : error;
  }, 0);
}

Deno.test("wasm kernels agree with the plain loops, and 1, 2, 3 and 4 threads to the bit", async (t) => {
  await using one = await openWasmBackend({ threads: 1 });
  await using two = await openWasmBackend({ threads: 2 });
  await using three = await openWasmBackend({ threads: 3 });
  await using four = await openWasmBackend({ threads: 4 });
  for (const [number, test] of CPU_CASES.entries()) {
    await t.step(describeCase(test), async () => {
      const sets = [prepareCase(test, number + 1), prepareCase(test, number + 1001)];
      const runs = await runCase(one, test, sets.map((set) => set.inputs));
      for (const [i, { expected: [expected] }] of sets.entries()) {
        const actual = new Float32Array(runs[i].buffer);
        equal(actual.length, elementCount(expected.shape));
        const error = largestError(actual, expected.data as Float32Array);
        ok(error <= TOLERANCE, `largest error ${error}`);
      }
      for (const backend of [two, three, four]) {
        const again = await runCase(backend, test, sets.map((set) => set.inputs));
        deepEqual(again, runs, backend.description);
      }
    });
  }
});
