/**
 * An iteration of SECGAN with the networks that `ffn train-secgan` trains by default (97, 65 and 33 voxels, batch 1), in the 4 GiB
 * of a wasm memory: what is planned, what is used, and that computing blocks twice changes no bit.
 */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { DEFAULT_OPTIMIZER, type OptimizerOptions } from "../../engine/training/optimizer.ts";
import { DEFAULT_LAMBDAS } from "../../engine/training/secgan/losses.ts";
import { planMemory, wasmBytes } from "../../engine/training/secgan/memory_plan.ts";
import { stepGraph } from "../../engine/training/secgan/step_graph.ts";
import { peakRssBytes } from "../../bench/process_figures.ts";
import { SPEC_SIZE } from "../support/secgan_cases.ts";
import { filledBatch, openFilledStep } from "../support/secgan_run.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "an iteration of SECGAN at its default size in 4 GiB";

const GIB = 2 ** 30;

export async function run({ threads, check, print }: AcceptanceContext): Promise<void> {
  const optimizerOf = (name: "sgd" | "adam"): OptimizerOptions => ({
    ...DEFAULT_OPTIMIZER,
    ...{ name, clip: Infinity },
  });
  for (const name of ["sgd", "adam"] as const) {
    for (const recompute of [false, true]) {
      const options = { model: SPEC_SIZE, microBatch: 1, lambdas: DEFAULT_LAMBDAS, recompute };
      const bytes = wasmBytes(SPEC_SIZE, stepGraph(options, 1), optimizerOf(name));
      print(`${name}, ${recompute ? "recomputed" : "kept"}: ${(bytes / GIB).toFixed(2)} GiB`);
    }
    const plan = planMemory(SPEC_SIZE, 1, "wasm", optimizerOf(name), {});
    check(`${name} at batch 1`, JSON.stringify(plan), "a plan", plan.microBatch === 1);
  }
  const results = [];
  for (const recompute of [false, true]) {
    await using backend = await (recompute ? openWasmBackend : openKernelProcess)({ threads });
    await using step = openFilledStep(SPEC_SIZE, backend, {
      ...{ batchSize: 1, microBatch: 1, recompute, optimizer: optimizerOf("sgd") },
    });
    const start = performance.now();
    const { losses } = await step.gradients(filledBatch(SPEC_SIZE, 1));
    const gradients = await step.readGradients();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    await step.update();
    const peak = (peakRssBytes() / GIB).toFixed(2);
    print(`${backend.description}: first iteration ${seconds} s, peak ${peak} GiB`);
    const finite = [...gradients.values()].every((data) => data.every(Number.isFinite));
    check("losses", JSON.stringify(losses), "finite", Object.values(losses).every(Number.isFinite));
    check("gradients", finite ? "finite" : "not finite", "finite", finite);
    results.push({ gradients });
  }
  const [kept, recomputed] = results;
  const equal = [...kept.gradients].every(([name, data]) => {
    const others = recomputed.gradients.get(name)!;
    return data.every((value, i) => value === others[i]);
  });
  check("kept and recomputed", equal ? "equal" : "not equal", "equal", equal);
}
