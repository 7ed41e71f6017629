import { match, rejects, strictEqual } from "node:assert/strict";
import { openBackend } from "../../engine/backends/open_backend.ts";

Deno.test("openBackend() opens what is asked for, by default the CPU kernels", async () => {
  await using reference = await openBackend({ name: "reference" });
  strictEqual(reference.name, "reference");
  await using wasm = await openBackend({ threads: 2 });
  strictEqual(wasm.name, "wasm");
  match(wasm.description, /2 threads/);
});

Deno.test("openBackend() refuses a number of threads that makes no sense", async () => {
  await rejects(openBackend({ threads: 0 }), /from 1 to 1024, current value is 0/);
});
