/** Whether a kernel process is worth its pipe on this machine. */
import { cpus } from "node:os";
import { elementCount } from "../../formats/nd_array.ts";
import { conv3d } from "../../ops/conv3d.ts";
import { type Graph, GraphBuilder } from "../../ops/graph.ts";
import type { Backend } from "../backend.ts";
import { measuredOnce } from "../measured_choices.ts";
import { openWasmBackend } from "../wasm/wasm_backend.ts";
import { openKernelProcess } from "./kernel_process.ts";

/** The usual network cut short: channels from layer to layer, at the usual field of view. */
const CHANNELS = [2, 32, 32, 32, 32, 1];
const EDGE = 33;
const RUNS = 4;

/** Milliseconds of the fastest run in this process and in a kernel process. */
export interface Comparison {
  readonly insideMs: number;
  readonly outsideMs: number;
}

/**
 * Times a short stack of convolutions both ways, once per machine, number of threads and version of Deno (the result is
 * kept in the cache folder), and says whether the kernel process was faster.
 */
export async function isKernelProcessFaster(threads?: number): Promise<boolean> {
  // A compiled program cannot run another one, and has no flags to set.
  if (Deno.build.standalone) return false;
  const count = threads ?? navigator.hardwareConcurrency;
  const key = { cpu: cpus()[0]?.model, threads: count, deno: Deno.version.deno };
  const { insideMs, outsideMs } = await measuredOnce("kernel_process", key, () => compare(count));
  return outsideMs < insideMs;
}

async function compare(threads: number): Promise<Comparison> {
  const insideMs = await timeOn(() => openWasmBackend({ threads }));
  try {
    return { insideMs, outsideMs: await timeOn(() => openKernelProcess({ threads })) };
  } catch {
    return { insideMs, outsideMs: 1e9 };
  }
}

function shortStack(): Graph {
  const graph = new GraphBuilder();
  let value = graph.input("input", [1, EDGE, EDGE, EDGE, CHANNELS[0]]);
  for (let layer = 1; layer < CHANNELS.length; layer++) {
    const [from, to] = [CHANNELS[layer - 1], CHANNELS[layer]];
    const weights = graph.parameter(`weights_${layer}`, [3, 3, 3, from, to]);
    [value] = graph.call(conv3d, [value, weights, graph.parameter(`biases_${layer}`, [to])]);
  }
  graph.output("output", value);
  return graph.build();
}

async function timeOn(open: () => Promise<Backend>): Promise<number> {
  await using backend = await open();
  const graph = shortStack();
  const program = await backend.compile(graph);
  const values = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const bindings = Object.fromEntries(
    values.map(([name, { shape, dtype }]) => [name, backend.allocate(shape, dtype, name)]),
  );
  const input = new Float32Array(elementCount(bindings.input.shape)).fill(0.5);
  const output = new Float32Array(elementCount(bindings.output.shape));
  let best = Infinity;
  for (let run = 0; run <= RUNS; run++) {
    const started = performance.now();
    backend.write(bindings.input, input);
    backend.run(program, bindings);
    await backend.read(bindings.output, output);
    // The first run packs weights and warms up the compiler.
    if (run > 0) best = Math.min(best, performance.now() - started);
  }
  return best;
}
