/** Who should drive a flood: the device, many steps per read, or the host, with image, object map and network on the device. */
import { strictEqual } from "node:assert/strict";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { cpuMs } from "../process_figures.ts";
import type { BenchContext } from "../program.ts";
import { checkFlood, timeFlood, timeResidentFlood } from "./flood_case.ts";

/** Small enough to alternate often. */
const SIZE: Zyx = [36, 42, 48];

export const description = "a flood driven by the device against the same one driven by the host";

/** What goes into `bench/results/flood_drive/`. */
export interface FloodDriveResult {
  /** Names the result's file: there is one per GPU. */
  readonly device: string;
  readonly software: boolean;
  readonly steps: number;
  /** Best of the launches. */
  readonly deviceMsPerStep: number;
  readonly hostMsPerStep: number;
  /** Above 1 where the device should drive, which is the default. */
  readonly ratio: number;
}

/** Adds what the process, a software adapter's threads included, spent on CPUs. */
async function withCpu<T extends { steps: number }>(
  work: () => Promise<T>,
): Promise<T & { cpuMsPerStep: number }> {
  const before = cpuMs();
  const figures = await work();
  return { ...figures, cpuMsPerStep: (cpuMs() - before) / figures.steps };
}

export async function run({ launches, print }: BenchContext): Promise<FloodDriveResult> {
  await using backend = await WebGpuBackend.open();
  print(backend.description);
  await checkFlood(backend);
  let [device, host, steps] = [Infinity, Infinity, 0];
  // Side by side, so that whatever else the machine does meets both.
  for (let launch = 0; launch < launches; launch++) {
    const byDevice = await withCpu(() => timeFlood(backend, 1, SIZE));
    const byHost = await withCpu(() => timeResidentFlood(backend, SIZE));
    strictEqual(byHost.steps, byDevice.steps, "the two must do the same");
    steps = byDevice.steps;
    device = Math.min(device, byDevice.msPerStep);
    host = Math.min(host, byHost.msPerStep);
    print(
      `${steps} steps: ${byDevice.msPerStep.toFixed(3)} ms each (${
        byDevice.cpuMsPerStep.toFixed(3)
      } ms of CPU) driven by the device, ${byHost.msPerStep.toFixed(3)} ms (${
        byHost.cpuMsPerStep.toFixed(3)
      } ms of CPU) driven by the host`,
    );
  }
  const ratio = host / device;
  print(
    `the host takes ${ratio.toFixed(2)} times as long per step as the device (default: device)`,
  );
  return {
    device: backend.device.name,
    software: backend.device.software,
    steps,
    deviceMsPerStep: device,
    hostMsPerStep: host,
    ratio,
  };
}
