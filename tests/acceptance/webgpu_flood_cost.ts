/** What a flood costs beside its network on a GPU: reads, dispatches, host time. */
import { timeFlood } from "../../bench/gpu/flood_case.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "reads and host time per step of a flood on WebGPU (80 × 90 × 100 voxels, field of view 9³, depth 2, 8 features)";
export const ci = true;

export async function run({ check, print }: AcceptanceContext): Promise<void> {
  await using backend = await WebGpuBackend.open();
  const figures = await timeFlood(backend, 1, undefined, 2000);
  const { steps, readsPerStep, hostCpuMsPerStep, dispatchesPerStep, msPerStep } = figures;
  check("steps", steps, ">= 1000", steps >= 1000);
  check("statuses read per step", readsPerStep.toFixed(5), "<= 1/32", readsPerStep <= 1 / 32);
  check("host ms per step", hostCpuMsPerStep.toFixed(3), "<= 0.5", hostCpuMsPerStep <= 0.5);
  print(
    `${dispatchesPerStep} dispatches and ${
      msPerStep.toFixed(2)
    } ms per step on ${backend.device.name}`,
  );
}
