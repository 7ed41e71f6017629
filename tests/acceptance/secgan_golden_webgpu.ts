/**
 * One iteration of SECGAN against the reference's numbers: cases A to C of the spec on the GPU, and by the plain loops that
 * are every kernel's oracle. A case takes several minutes in software. `FFN_SECGAN_CASES` takes some of them only, as
 * "C webgpu".
 */
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { checkCases } from "../support/secgan_golden.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "an iteration of SECGAN against the reference's numbers, on the GPU and by plain loops";

export async function run(context: AcceptanceContext): Promise<void> {
  await checkCases({
    webgpu: () => WebGpuBackend.open(),
    loops: () => Promise.resolve(openReferenceBackend()),
  }, context);
}
