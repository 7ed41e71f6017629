/** One iteration of SECGAN against the reference's numbers: cases A to C of the spec on the CPU and in the kernel process. */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { checkCases } from "../support/secgan_golden.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "an iteration of SECGAN against the reference's numbers, on the CPU";

export const ci = true;

export async function run(context: AcceptanceContext): Promise<void> {
  const { threads } = context;
  await checkCases({
    wasm: () => openWasmBackend({ threads }),
    process: () => openKernelProcess({ threads }),
  }, context);
}
