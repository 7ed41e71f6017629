/** What a device reaches at most through WebGPU: the bars that kernels are judged by. */
import { copyProbe, FMA_SWEEP, fmaProbe } from "../../../kernels/probes.ts";
import type { Launch } from "../../../kernels/kernel.ts";
import type { WebGpuBackend } from "./backend.ts";
import { createBuffer } from "./tensor.ts";

/** Aim for measurements of this length. */
const TARGET_MS = 60;
const TIMINGS = 3;

/** Rates that a plain kernel reaches. */
export interface Attainable {
  /** GFLOP/s of multiply-adds by number of accumulators, from 1. */
  readonly fmaSweep: readonly number[];
  /** The best of them. */
  readonly gflops: number;
  /** Bytes read plus bytes written by a copy, per nanosecond. */
  readonly copyGBps: number;
  /** Milliseconds of a submission and a read of 256 bytes. */
  readonly readMs: number;
}

/** Measures arithmetic, memory and read latency; takes about two seconds. */
export async function measureAttainable(backend: WebGpuBackend): Promise<Attainable> {
  const fmaSweep: number[] = [];
  const groups = backend.device.software ? 64 : 8192;
  for (const accumulators of FMA_SWEEP) {
    let iterations = 256;
    let probe = fmaProbe(accumulators, groups, iterations);
    const firstMs = await timeLaunch(backend, probe.launch, 1024, 1);
    iterations = Math.ceil(iterations * Math.min(64, Math.max(1, TARGET_MS / firstMs)));
    probe = fmaProbe(accumulators, groups, iterations);
    fmaSweep.push(probe.flops / await timeLaunch(backend, probe.launch, 1024, TIMINGS) / 1e6);
  }
  const copyBytes = Math.min(2 ** 27, backend.profile.maxBindingBytes) / 2;
  const copy = copyProbe(copyBytes);
  const copyMs = await timeLaunch(backend, copy.launch, copyBytes, TIMINGS);
  return {
    fmaSweep,
    gflops: Math.max(...fmaSweep),
    copyGBps: copy.bytes / copyMs / 1e6,
    readMs: await measureRead(backend),
  };
}

/** Milliseconds of one run over two buffers of `sizeBytes`, the best of `timings` after a warm-up. */
async function timeLaunch(
  { device, pipelines, readback }: WebGpuBackend,
  launch: Launch,
  sizeBytes: number,
  timings: number,
): Promise<number> {
  const { pipeline, layout } = await pipelines.get(launch);
  const buffers = [
    createBuffer(device, sizeBytes, "source"),
    createBuffer(device, sizeBytes, "target"),
  ];
  const params = device.createBuffer({ label: "params", size: 16, usage: 0x48 });
  device.gpu.queue.writeBuffer(params, 0, launch.params);
  const group = device.gpu.createBindGroup({
    label: launch.label,
    layout,
    entries: [...buffers, params].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  let best = Infinity;
  for (let i = 0; i <= timings; i++) {
    const startedMs = performance.now();
    device.submit(launch.label, (encoder) => {
      const pass = encoder.beginComputePass({ label: launch.label });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...launch.workgroups);
      pass.end();
    });
    await readback.read(buffers[1], 4);
    if (i > 0) best = Math.min(best, performance.now() - startedMs);
  }
  for (const buffer of [...buffers, params]) buffer.destroy();
  return best;
}

/** Milliseconds of a submission that does nothing and of reading 256 bytes, the median of many. */
async function measureRead({ device, readback }: WebGpuBackend): Promise<number> {
  const source = createBuffer(device, 256, "read latency");
  const times: number[] = [];
  for (let i = 0; i < 51; i++) {
    const startedMs = performance.now();
    await readback.read(source);
    times.push(performance.now() - startedMs);
  }
  source.destroy();
  return times.sort((a, b) => a - b)[25];
}
