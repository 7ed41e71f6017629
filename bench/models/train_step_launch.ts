/**
 * One launch of our side: `train_step_launch.ts in-process|kernel-process SHAPE CASE THREADS WARM_UP RUNS RATE CLIP LOGITS`.
 * Prints what `bench/peers/measure.py` prints, and the losses.
 */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { cpuMs, peakRssBytes } from "../process_figures.ts";
import { readTrainingCase, trainingOptimizer } from "./train_step_case.ts";

const [kind, shape, path, threads, warmUp, runs, rate, clip, logitsPath] = Deno.args;
const { model, batch, batchSize, variables } = await readTrainingCase(path, JSON.parse(shape));
const optimizer = trainingOptimizer(Number(rate), Number(clip));
const open = kind === "kernel-process" ? openKernelProcess : openWasmBackend;
{
  await using backend = await open({ threads: Number(threads) });
  await using training = await TrainingStep.open(model, batchSize, optimizer, variables, backend);
  const [wallMs, cpu, losses]: number[][] = [[], [], []];
  let data = new Float32Array();
  for (let i = -Number(warmUp); i < Number(runs); i++) {
    const cpuStart = cpuMs();
    const start = performance.now();
    const { loss, logits } = await training.step(batch);
    // The update goes on behind the answer; a step lasts until the variables are there.
    await training.settled();
    const elapsedMs = performance.now() - start;
    losses.push(loss);
    data = logits.slice();
    if (i < 0) continue;
    wallMs.push(elapsedMs);
    cpu.push(cpuMs() - cpuStart);
  }
  const parts = encodeNpy({ dtype: "float32", shape: [data.length], data });
  await Deno.writeFile(logitsPath, new Blob(parts as Uint8Array<ArrayBuffer>[]).stream());
  console.log(JSON.stringify({
    engine: kind === "kernel-process" ? "ffn, kernel process" : "ffn, in-process",
    version: Deno.version.deno,
    wallMs,
    cpuMs: cpu,
    losses,
    peakRssBytes: peakRssBytes(),
  }));
}
