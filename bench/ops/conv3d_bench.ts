/** The convolution kernels of the CPU, each checked against the plain loops before it is timed. */
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { conv3d } from "../../engine/ops/conv3d.ts";
import type { BenchContext } from "../program.ts";
import { fmaPeak } from "./fma_peak.ts";
import { timeCall, type TimedCall } from "./op_timing.ts";

export const description =
  "Convolution kernels on the CPU: Winograd and direct, by channels and field of view";

/** Channels in and out, edges of the kernel, field of view zyx. */
const LAYERS: readonly (readonly [ci: number, co: number, taps: number, fov: readonly number[]])[] =
  [
    [32, 32, 3, [33, 33, 33]],
    [32, 32, 3, [17, 17, 17]],
    [32, 32, 3, [17, 33, 33]],
    [32, 32, 3, [1, 33, 33]],
    [8, 8, 3, [33, 33, 33]],
    [16, 16, 3, [33, 33, 33]],
    [64, 64, 3, [33, 33, 33]],
    [2, 32, 3, [33, 33, 33]],
    [8, 8, 5, [33, 33, 33]],
    [32, 1, 1, [33, 33, 33]],
  ];

function callOf(ci: number, co: number, taps: number, variant: string): TimedCall {
  return {
    op: conv3d,
    attributes: { reluInput: true, cpuVariant: variant },
    shapes: (fov) => [[1, ...fov, ci], [taps, taps, taps, ci, co], [co]],
  };
}

/** Entry of `deno task bench conv3d`. */
export async function run({ threads, print }: BenchContext): Promise<unknown> {
  const peak = await fmaPeak();
  print(`128-bit fused multiply-add, 1 thread: ${peak.toFixed(1)} GFLOP/s`);
  await using backend = await openWasmBackend({ threads });
  const rows = [];
  for (const [ci, co, taps, fov] of LAYERS) {
    for (const variant of ["fastest", "direct"]) {
      const timing = await timeCall(backend, callOf(ci, co, taps, variant), fov);
      const share = timing.gflops / (peak * threads);
      print(
        `${`${ci}->${co}`.padEnd(7)} ${taps}³ ${fov.join("x").padEnd(9)} ${
          timing.kernel.padEnd(24)
        } ` +
          `${timing.leastMs.toFixed(2).padStart(8)} ms (median ${timing.medianMs.toFixed(2)}) ` +
          `${timing.gflops.toFixed(0).padStart(5)} GFLOP/s, ${share.toFixed(2)} of the peak; ` +
          `error ${timing.error.toExponential(1)}`,
      );
      rows.push({ ci, co, taps, fov, ...timing });
      if (timing.kernel.startsWith("conv3d_s")) break;
    }
  }
  return { threads, fmaPeakGflops: peak, rows };
}
