import { strictEqual } from "node:assert/strict";
import { crc32c, maskCrc, unmaskCrc } from "../../engine/formats/crc32c.ts";

const ascii = (s: string) => new TextEncoder().encode(s);
const counting = Uint8Array.from({ length: 32 }, (_, i) => i);

/** spec/formats.md §1. */
const VECTORS: [name: string, bytes: Uint8Array, crc: number, masked: number][] = [
  ["empty", new Uint8Array(0), 0x00000000, 0xa282ead8],
  ["a", ascii("a"), 0xc1d04330, 0x28e46e78],
  ["123456789", ascii("123456789"), 0xe3069283, 0xc78ab0e5],
  ["32 zeros", new Uint8Array(32), 0x8a9136aa, 0x0fd7fffa],
  ["32 × ff", new Uint8Array(32).fill(0xff), 0x62a8ab43, 0xf909b029],
  ["00..1f", counting, 0x46dd794e, 0x951f7892],
  ["1f..00", counting.toReversed(), 0x113fdb5c, 0x593b0d57],
  ["validation1", ascii("validation1"), 0xa5f10d22, 0xbcc836ba],
  ["u64 59", new Uint8Array([59, 0, 0, 0, 0, 0, 0, 0]), 0x9c215d14, 0x5cac231a],
];

for (const [name, bytes, crc, masked] of VECTORS) {
  Deno.test(`crc32c() and maskCrc() of ${name}`, () => {
    strictEqual(crc32c(bytes), crc);
    strictEqual(maskCrc(crc), masked);
    strictEqual(unmaskCrc(masked), crc);
  });
}

Deno.test("crc32c() of any length and offset equals the bit-by-bit definition, in one piece or two", () => {
  const bytes = Uint8Array.from({ length: 41 }, (_, i) => (i * 167 + 13) & 0xff);
  for (let start = 0; start < 8; start++) {
    const part = bytes.subarray(start);
    let crc = 0xffffffff;
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    strictEqual(crc32c(part), ~crc >>> 0);
    strictEqual(crc32c(part.subarray(11), crc32c(part.subarray(0, 11))), ~crc >>> 0);
  }
});
