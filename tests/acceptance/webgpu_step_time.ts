/** How long a standard field of view takes on a GPU, and how much the chosen kernels are worth. */
import { timeStep } from "../../bench/gpu/step_case.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { Tuner } from "../../engine/backends/webgpu/tuner.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "a standard step (depth 12, 32 features, 33³) on WebGPU, against the plain direct convolution; wants idle cores";
export const ci = false;

/** Seconds of the best of a few runs. */
async function stepSeconds(choose: "tuned" | "wide"): Promise<number> {
  await using backend = await WebGpuBackend.open({
    choose: (backend) => {
      const tuner = new Tuner(backend);
      return (placed, supported) => {
        const wide = choose === "wide" ? supported.find((v) => v.name === "wide") : undefined;
        return wide ? Promise.resolve(wide) : tuner.choose(placed, supported);
      };
    },
  });
  return (await timeStep(backend, 1, 7)).gpuMs / 1000;
}

export async function run({ check }: AcceptanceContext): Promise<void> {
  const tuned = await stepSeconds("tuned");
  const wide = await stepSeconds("wide");
  check("seconds per step", tuned.toFixed(3), "<= 1.1", tuned <= 1.1);
  const ratio = wide / tuned;
  check("times the 4-voxel, 8-channel direct kernel", ratio.toFixed(2), ">= 1.5", ratio >= 1.5);
}
