/**
 * One iteration of SECGAN against the reference's numbers: cases A to C of the spec on the CPU, in the kernel process and on
 * the GPU. `FFN_SECGAN_CASES` takes some of them only, as "C webgpu".
 */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import type { Backend } from "../../engine/backends/backend.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { SECGAN_CASES } from "../support/secgan_cases.ts";
import { checkCase } from "../support/secgan_golden.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "an iteration of SECGAN against the reference's numbers, everywhere";

export async function run({ threads, check }: AcceptanceContext): Promise<void> {
  const places: Record<string, () => Promise<Backend>> = {
    wasm: () => openWasmBackend({ threads }),
    process: () => openKernelProcess({ threads }),
    webgpu: () => WebGpuBackend.open(),
  };
  const wanted = (Deno.env.get("FFN_SECGAN_CASES") ?? "A B C wasm process webgpu").split(" ");
  const chosen = (names: Iterable<string>) => {
    const given = [...names].filter((name) => wanted.includes(name));
    return given.length > 0 ? given : [...names];
  };
  for (const place of chosen(Object.keys(places))) {
    for (const name of chosen(Object.keys(SECGAN_CASES))) {
      await using backend = await places[place]();
      const failure = await checkCase(SECGAN_CASES[name], backend).then(() => null, String);
      check(`case ${name}, ${place}`, failure ?? "as recorded", "as recorded", failure === null);
    }
  }
}
