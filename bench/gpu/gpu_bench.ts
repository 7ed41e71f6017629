/** Kernels, network steps and floods on a GPU: time on its own clock, rates, and what the host spends. */
import { type Attainable, measureAttainable } from "../../engine/backends/webgpu/attainable.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { Tuner } from "../../engine/backends/webgpu/tuner.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { BenchContext } from "../program.ts";
import { checkFlood, type FloodFigures, timeFlood } from "./flood_case.ts";
import { checkVariants, timeVariants, type VariantFigures } from "./op_case.ts";
import { type StepFigures, timeStep, timeTrainingStep } from "./step_case.ts";

export const description =
  "kernels, steps and floods on the GPU, against what the GPU reaches at most";

/** What goes into `bench/results/gpu/`. */
export interface GpuResult {
  /** Names the result's file: there is one per GPU. */
  readonly device: string;
  readonly software: boolean;
  readonly features: readonly string[];
  readonly readMode: string;
  readonly attainable: Attainable;
  readonly variants: readonly VariantFigures[];
  readonly steps: readonly StepFigures[];
  /** Loss and gradients, without the optimizer. */
  readonly trainingSteps: readonly StepFigures[];
  readonly floods: readonly FloodFigures[];
}

/** Sizes of `--small`: they only show that everything runs. */
const SMALL = { edge: 9, timings: 1, floodSize: [20, 22, 24] as Zyx };

export async function run({ print, small }: BenchContext): Promise<GpuResult> {
  const { edge, timings, floodSize }: Partial<typeof SMALL> = small ? SMALL : {};
  await using backend = await WebGpuBackend.open({
    // As `ffn run-inference` chooses.
    choose: (backend) => {
      const tuner = new Tuner(backend);
      return (placed, supported) => tuner.choose(placed, supported);
    },
  });
  const { device, readback } = backend;
  print(backend.description);
  // Right before fast: the same kernels on small shapes against the plain loops, and a flood against the host's.
  await checkVariants(backend);
  await checkFlood(backend);
  print("results checked");
  const attainable = await measureAttainable(backend);
  print(
    `attainable: ${attainable.gflops.toFixed(0)} GFLOP/s, ${
      attainable.copyGBps.toFixed(1)
    } GB/s copying, ${attainable.readMs.toFixed(2)} ms per read`,
  );
  const batches = device.software ? [1] : [1, 8];
  const variants: VariantFigures[] = [];
  for (const batch of batches) {
    for (const figures of await timeVariants(backend, batch, edge)) {
      variants.push(figures);
      print(showVariant(figures, attainable));
    }
  }
  const steps: StepFigures[] = [];
  for (const batch of batches) {
    const figures = await timeStep(backend, batch, timings, edge);
    steps.push(figures);
    print(showStep("step", figures));
  }
  const trainingSteps: StepFigures[] = [];
  for (const batch of device.software ? [1] : [1, 4]) {
    const figures = await timeTrainingStep(backend, batch, edge);
    trainingSteps.push(figures);
    print(showStep("training step", figures));
  }
  const floods: FloodFigures[] = [];
  for (const batch of device.software ? [1] : [1, 4]) {
    const figures = await timeFlood(backend, batch, floodSize);
    floods.push(figures);
    print(
      `flood of ${batch}: ${figures.steps} steps, ${figures.msPerStep.toFixed(2)} ms wall and ${
        figures.hostCpuMsPerStep.toFixed(3)
      } ms recording per step, ${figures.dispatchesPerStep} dispatches and ${
        figures.readsPerStep.toFixed(4)
      } reads per step`,
    );
  }
  return {
    device: device.name,
    software: device.software,
    features: [...device.features],
    readMode: readback.mode,
    attainable,
    variants,
    steps,
    trainingSteps,
    floods,
  };
}

function showStep(what: string, f: StepFigures): string {
  return `${what}, batch ${f.batch}: ${f.gpuMs.toFixed(1)} ms per field of view, ${
    f.nominalGflops.toFixed(0)
  } GFLOP/s nominal, ${f.dispatches} dispatches; ${f.variants.join(", ")}`;
}

function showVariant(f: VariantFigures, { gflops }: Attainable): string {
  const share = (100 * f.executedGflops / gflops).toFixed(0);
  return `${f.name.padEnd(34)} ${f.gpuMs.toFixed(2).padStart(9)} ms  ${
    f.nominalGflops.toFixed(0).padStart(6)
  } GFLOP/s nominal ${f.executedGflops.toFixed(0).padStart(6)} executed (${share} %) ${
    f.gbps.toFixed(1).padStart(7)
  } GB/s`;
}
