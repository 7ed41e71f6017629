/** Case A of spec/secgan.md, section 14.3, on the CPU; `deno task acceptance secgan_golden` has B and C. */
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { SECGAN_CASES } from "../../support/secgan_cases.ts";
import { checkCase } from "../../support/secgan_golden.ts";

Deno.test("SecganStep.gradients() of case A are the reference's on the CPU", async () => {
  await using backend = await openWasmBackend({ threads: 2 });
  await checkCase(SECGAN_CASES.A, backend);
});
