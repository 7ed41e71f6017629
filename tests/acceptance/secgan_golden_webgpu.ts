/**
 * One iteration of SECGAN against the reference's numbers: cases A to C of the spec on the GPU. `FFN_SECGAN_CASES` takes some
 * of them only, as "A C".
 */
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { checkCases } from "../support/secgan_golden.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "an iteration of SECGAN against the reference's numbers, on the GPU";

export const ci = true;

export async function run(context: AcceptanceContext): Promise<void> {
  await checkCases({ webgpu: () => WebGpuBackend.open() }, context);
}
