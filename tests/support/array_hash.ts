import type { TypedArray } from "../../engine/formats/nd_array.ts";

/** First 16 hex digits of the SHA-256 of an array's bytes (little-endian, C order): `H16` of the spec's vectors. */
export async function h16(array: TypedArray): Promise<string> {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength).slice();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest.subarray(0, 8)].map((b) => b.toString(16).padStart(2, "0")).join("");
}
