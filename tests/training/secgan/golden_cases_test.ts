/** Cases A and B of spec/secgan.md, section 14.3, on the CPU; `deno task acceptance secgan_golden` has C and the GPU. */
import type { Backend } from "../../../engine/backends/backend.ts";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { SECGAN_CASES } from "../../support/secgan_cases.ts";
import { checkCase } from "../../support/secgan_golden.ts";

for (const name of ["A", "B"]) {
  Deno.test(`SecganStep.gradients() of case ${name} are the reference's on the CPU`, async () => {
    await using backend: Backend = await openWasmBackend({ threads: 2 });
    await checkCase(SECGAN_CASES[name], backend);
  });
}
