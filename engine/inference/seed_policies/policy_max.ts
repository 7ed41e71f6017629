import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import type { SeedPolicyContext } from "./policy.ts";

/** Digits of 16 bits: two passes sort 32-bit keys. */
const DIGITS = 2 ** 16;

/** Integers that sort like the numbers whose float32 bits are given; both zeros get the same one. */
function sortableKey(bits: number): number {
  if (bits === 0x80000000) return 0x80000000;
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0;
}

/** Sorts `indices` by the 16 bits of `keys[index]` from `shift` up; equal ones keep their order. */
function sortByDigit(indices: Uint32Array, keys: Uint32Array, shift: number): Uint32Array {
  const starts = new Uint32Array(DIGITS + 1);
  for (const index of indices) starts[((keys[index] >>> shift) & (DIGITS - 1)) + 1]++;
  for (let digit = 0; digit < DIGITS; digit++) starts[digit + 1] += starts[digit];
  const sorted = new Uint32Array(indices.length);
  for (const index of indices) sorted[starts[(keys[index] >>> shift) & (DIGITS - 1)]++] = index;
  return sorted;
}

/** Ascending C-order indices of the voxels that may be seeds. */
function indicesInside({ size, margin }: SeedPolicyContext): Uint32Array {
  const extent = size.map((n, axis) => Math.max(n - 2 * margin[axis], 0));
  const indices = new Uint32Array(extent[0] * extent[1] * extent[2]);
  let n = 0;
  for (let z = 0; z < extent[0]; z++) {
    for (let y = 0; y < extent[1]; y++) {
      const row = ((z + margin[0]) * size[1] + y + margin[1]) * size[2] + margin[2];
      for (let x = 0; x < extent[2]; x++) indices[n++] = row + x;
    }
  }
  return indices;
}

/** Every voxel by descending intensity, equal ones by descending (z, y, x). Takes no arguments. */
export function policyMax(): CoordinateSource {
  return (context) => {
    const { image, size } = context;
    const bits = new Uint32Array(image.buffer, image.byteOffset, image.length);
    const keys = new Uint32Array(bits.length);
    for (let i = 0; i < keys.length; i++) keys[i] = sortableKey(bits[i]);
    const byLowBits = sortByDigit(indicesInside(context), keys, 0);
    return coordinatesOf(sortByDigit(byLowBits, keys, 16).reverse(), size);
  };
}
