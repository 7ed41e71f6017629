/**
 * One launch of our side: `conv_stack_launch.ts in-process|kernel-process SHAPE CASE THREADS WARM_UP RUNS LOGITS`. Prints
 * what `bench/peers/measure.py` prints.
 */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { openNetwork } from "../../engine/models/network.ts";
import { cpuMs, peakRssBytes } from "../process_figures.ts";
import { readCase, stackModel } from "./conv_stack_case.ts";

const [kind, shape, path, threads, warmUp, runs, logitsPath] = Deno.args;
const model = stackModel(JSON.parse(shape));
const { image, seed, source } = await readCase(path, model);
const batch = image.length / model.imageSize.reduce((a, b) => a * b, 1);
const open = kind === "kernel-process" ? openKernelProcess : openWasmBackend;
{
  await using backend = await open({ threads: Number(threads) });
  await using network = await openNetwork(model, source, backend, batch);
  const logits = new Float32Array(seed.length);
  const [wallMs, cpu]: number[][] = [[], []];
  for (let i = -Number(warmUp); i < Number(runs); i++) {
    const cpuStart = cpuMs();
    const start = performance.now();
    await network.predict(image, seed, logits);
    if (i < 0) continue;
    wallMs.push(performance.now() - start);
    cpu.push(cpuMs() - cpuStart);
  }
  const parts = encodeNpy({ dtype: "float32", shape: [logits.length], data: logits });
  await Deno.writeFile(logitsPath, new Blob(parts as Uint8Array<ArrayBuffer>[]).stream());
  console.log(JSON.stringify({
    engine: kind === "kernel-process" ? "ffn, kernel process" : "ffn, in-process",
    version: Deno.version.deno,
    wallMs,
    cpuMs: cpu,
    peakRssBytes: peakRssBytes(),
  }));
}
