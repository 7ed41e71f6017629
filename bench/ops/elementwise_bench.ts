/** Kernels of the CPU that are limited by memory, each checked against the plain loops before it is timed. */
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { concatChannels } from "../../engine/ops/concat_channels.ts";
import { layerNorm } from "../../engine/ops/layer_norm.ts";
import { unary } from "../../engine/ops/unary.ts";
import type { BenchContext } from "../program.ts";
import { timeCall, type TimedCall } from "./op_timing.ts";

export const description =
  "Layer norm, element-wise functions and concatenation on the CPU, in GB/s";

const FOV = [33, 33, 33];
const FEATURES = 32;

const CALLS: Record<string, TimedCall> = {
  "layer_norm": {
    op: layerNorm,
    shapes: (fov) => [[1, ...fov, FEATURES], [FEATURES], [FEATURES]],
  },
  "relu": {
    op: unary,
    attributes: { function: "relu" },
    shapes: (fov) => [[1, ...fov, FEATURES]],
  },
  "sigmoid": {
    op: unary,
    attributes: { function: "sigmoid" },
    shapes: (fov) => [[1, ...fov, FEATURES]],
  },
  "concat_channels": {
    op: concatChannels,
    shapes: (fov) => [[1, ...fov, 1], [1, ...fov, 1]],
  },
};

/** Entry of `deno task bench elementwise`. */
export async function run({ threads, print }: BenchContext): Promise<unknown> {
  await using backend = await openWasmBackend({ threads });
  const rows = [];
  for (const [name, call] of Object.entries(CALLS)) {
    const timing = await timeCall(backend, call, FOV);
    print(
      `${name.padEnd(16)} ${timing.leastMs.toFixed(3)} ms (median ${
        timing.medianMs.toFixed(3)
      }), ` +
        `${timing.gigabytesPerSecond.toFixed(1)} GB/s; error ${timing.error.toExponential(1)}`,
    );
    rows.push({ name, ...timing });
  }
  return { threads, rows };
}
