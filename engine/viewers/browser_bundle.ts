import { join } from "node:path";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { loadModuleBytes } from "../../wasm/mod.ts";
import { bundle } from "./page_bundle.ts";

/** The library for web pages, which import it from where it is put. */
const ENTRY = import.meta.resolve("../../browser.ts");
/** Replaces what browsers lack. */
const IMPORT_MAP = import.meta.resolve("./page/builtins/import_map.json");

/**
 * Writes `ffn.js`, all of `browser.ts` in one module, and beside it the kernels that it loads.
 *
 * @throws {UnsupportedError} when `deno bundle` fails.
 */
export async function bundleBrowser(folder: string): Promise<void> {
  const scripts = await bundle([ENTRY], ["--minify", "--import-map", IMPORT_MAP]);
  await writeFileAtomically(
    join(folder, "ffn.js"),
    new TextEncoder().encode(scripts["browser.js"]),
  );
  for (const [name, module] of await loadModuleBytes()) {
    await writeFileAtomically(join(folder, "build", `${name}.wasm`), module);
  }
}

if (import.meta.main) {
  const [folder = "dist"] = Deno.args;
  await bundleBrowser(folder);
  console.log(`${folder}/ffn.js, and its kernels in ${folder}/build/`);
}
