/**
 * Where the gradients of a training step spend their time: `train_step_profile.ts SHAPE CASE THREADS RUNS` prints, as JSON,
 * the least milliseconds of each call over the runs, summed by kernel and role, as the first thread saw them.
 */
import type { WasmProgram } from "../../engine/backends/wasm/program.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { gradientGraph } from "../../engine/training/training_graphs.ts";
import { cpuMs } from "../process_figures.ts";
import { readTrainingCase } from "./train_step_case.ts";

/** A kernel's share of a step. */
export interface KernelTime {
  readonly kernel: string;
  readonly calls: number;
  readonly ms: number;
}

/** What a run of this program prints. */
export interface StepProfile {
  readonly kernels: readonly KernelTime[];
  /** The fastest run as a whole: the kernels, packing the weights, waking the threads. */
  readonly wallMs: number;
  /** Of all threads, per run. */
  readonly cpuMs: number;
}

/** The threads choose between two kernels in the first runs. */
const WARM_UP = 3;

async function profile(): Promise<StepProfile> {
  const [shape, path, threads, runs] = Deno.args;
  const { model, batchSize, batch, variables } = await readTrainingCase(path, JSON.parse(shape));
  await using backend = await openWasmBackend({ threads: Number(threads) });
  const graph = gradientGraph(model, batchSize);
  const program = await backend.compile(graph) as WasmProgram;
  const values = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const tensors = Object.fromEntries(
    values.map(([name, { shape }]) => [name, backend.allocate(shape, "float32", name)]),
  );
  for (const [name, data] of Object.entries(batch)) backend.write(tensors[name], data);
  let least: number[] = [];
  let [wallMs, cpuStart] = [Infinity, 0];
  for (let run = 0; run < WARM_UP + Number(runs); run++) {
    if (run === WARM_UP) cpuStart = cpuMs();
    // Weights change with every step, and are packed anew.
    for (const [name, { data }] of variables) backend.write(tensors[name], data);
    program.takeTimes();
    const start = performance.now();
    backend.run(program, tensors);
    await backend.read(tensors.loss);
    const elapsedMs = performance.now() - start;
    if (run < WARM_UP) continue;
    wallMs = Math.min(wallMs, elapsedMs);
    const times = program.takeTimes().map(({ ms }) => ms);
    least = least.length === 0 ? times : least.map((ms, i) => Math.min(ms, times[i]));
  }
  const kernels = new Map<string, { calls: number; ms: number }>();
  program.takeTimes().forEach(({ kernel }, i) => {
    const sum = kernels.get(kernel) ?? { calls: 0, ms: 0 };
    kernels.set(kernel, { calls: sum.calls + 1, ms: sum.ms + least[i] });
  });
  return {
    kernels: [...kernels].map(([kernel, sum]) => ({ kernel, ...sum })),
    wallMs,
    cpuMs: (cpuMs() - cpuStart) / Number(runs),
  };
}

if (import.meta.main) console.log(JSON.stringify(await profile()));
