/**
 * One launch of our side: `secgan_step_launch.ts in-process|kernel-process small|full THREADS WARM_UP RUNS RATE RESULTS`. Prints what
 * `bench/peers/measure.py` prints, and the losses of every iteration.
 */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { LOSS_NAMES } from "../../engine/training/secgan/losses.ts";
import { planMemory } from "../../engine/training/secgan/memory_plan.ts";
import { filledBatch, openFilledStep } from "../../tests/support/secgan_run.ts";
import { cpuMs, peakRssBytes } from "../process_figures.ts";
import { secganModel } from "./secgan_step_case.ts";

const [kind, size, threads, warmUp, runs, rate, resultsPath] = Deno.args;
const model = secganModel(size === "small");
const optimizer = { ...DEFAULT_OPTIMIZER, clip: Infinity, learningRate: Number(rate) };
const memory = planMemory(model, 1, "wasm", optimizer, {});
const open = kind === "kernel-process" ? openKernelProcess : openWasmBackend;
{
  await using backend = await open({ threads: Number(threads) });
  await using step = openFilledStep(model, backend, { ...memory, batchSize: 1, optimizer });
  const batch = filledBatch(model, 1);
  const done = backend.allocate([1], "float32", "done");
  const [wallMs, cpu, losses]: [number[], number[], number[][]] = [[], [], []];
  let data = new Float32Array();
  for (let i = -Number(warmUp); i < Number(runs); i++) {
    const cpuStart = cpuMs();
    const start = performance.now();
    const result = await step.gradients(batch);
    await step.update();
    // The update goes on behind the answer; an iteration lasts until the variables are there.
    await backend.read(done);
    const elapsedMs = performance.now() - start;
    losses.push(LOSS_NAMES.map((name) => result.losses[name]));
    data = result.fakeLabeled.slice();
    if (i < 0) continue;
    wallMs.push(elapsedMs);
    cpu.push(cpuMs() - cpuStart);
  }
  const parts = encodeNpy({ dtype: "float32", shape: [data.length], data });
  await Deno.writeFile(resultsPath, new Blob(parts as Uint8Array<ArrayBuffer>[]).stream());
  console.log(JSON.stringify({
    engine: kind === "kernel-process" ? "ffn, kernel process" : "ffn, in-process",
    version: Deno.version.deno,
    wallMs,
    cpuMs: cpu,
    losses,
    peakRssBytes: peakRssBytes(),
  }));
}
