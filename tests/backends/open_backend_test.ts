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

Deno.test("openBackend() starts a kernel process when told to, or where it measures faster", async () => {
  await using told = await openBackend({ threads: 1, kernelProcess: "on" });
  match(told.description, /1 thread in a kernel process/);
  const cache = await Deno.makeTempDir();
  const before = Deno.env.get("FFN_CACHE");
  Deno.env.set("FFN_CACHE", cache);
  try {
    await using _measured = await openBackend({ threads: 1, kernelProcess: "auto" });
    const [{ name }] = [...Deno.readDirSync(`${cache}/kernel_process`)];
    const path = `${cache}/kernel_process/${name}`;
    const { key, value } = JSON.parse(await Deno.readTextFile(path));
    strictEqual(key.threads, 1);
    for (const [insideMs, outsideMs] of [[1, 2], [2, 1]]) {
      await Deno.writeTextFile(
        path,
        JSON.stringify({ key, value: { ...value, insideMs, outsideMs } }),
      );
      await using chosen = await openBackend({ threads: 1, kernelProcess: "auto" });
      strictEqual(/kernel process/.test(chosen.description), outsideMs < insideMs);
    }
  } finally {
    if (before === undefined) Deno.env.delete("FFN_CACHE");
    else Deno.env.set("FFN_CACHE", before);
    await Deno.remove(cache, { recursive: true });
  }
});
