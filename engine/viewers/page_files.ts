import { NotFoundError } from "../errors/errors.ts";

/** Of everything that a page of ours is answered. Shared memory is only given to pages that keep to themselves. */
export const PAGE_HEADERS = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; img-src 'self' data:",
};

/**
 * Reads a file that belongs to the engine. `fetch` also reaches it where the engine itself is imported from a registry.
 *
 * @throws {NotFoundError} when there is no such file.
 */
export async function readOwnFile(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url).catch(() => null);
  if (response === null || !response.ok) throw notServed(url.pathname.split("/").at(-1)!);
  return await response.bytes();
}

/** What a page asked for and is not there. */
export function notServed(path: string): NotFoundError {
  return new NotFoundError(`Cannot find "${path}"`);
}
