import type { Backend } from "./backend.ts";

/** What `--backend` takes. */
export const BACKEND_NAMES = ["auto", "wasm", "reference"] as const;

/** A backend, or `auto` for the fastest that works here. */
export type BackendName = (typeof BACKEND_NAMES)[number];

/** How a backend is chosen and opened. */
export interface BackendOptions {
  /** Default `auto`. */
  readonly name?: BackendName;
  /** Threads of the CPU backend; default one per core. */
  readonly threads?: number;
}

/**
 * Opens a backend by name; its code is loaded only then. `auto` is the wasm backend.
 *
 * @throws {RangeError} when `threads` is not an integer from 1 on.
 */
export async function openBackend(options: BackendOptions = {}): Promise<Backend> {
  if (options.name === "reference") {
    const { openReferenceBackend } = await import("./reference.ts");
    return openReferenceBackend();
  }
  const { openWasmBackend } = await import("./wasm/wasm_backend.ts");
  return await openWasmBackend({ threads: options.threads });
}
