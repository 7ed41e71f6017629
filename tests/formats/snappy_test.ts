import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { decodeSnappy } from "../../engine/formats/snappy.ts";
import { checkMutations } from "../support/mutations.ts";

const ascii = (text: string) => [...new TextEncoder().encode(text)];

/** What tests/oracles/snappy.py compresses. */
function oracleContent(): Uint8Array {
  let state = 12345;
  const noise = Array.from({ length: 3_000 }, () => {
    state = Number((BigInt(state) * 1103515245n + 12345n) % 2n ** 31n);
    return (state >> 16) & 0xff;
  });
  return new Uint8Array([
    ...ascii("checkpoint ".repeat(40)),
    ...new Uint8Array(1000),
    ...noise,
    ...noise.slice(0, 1000),
    ...ascii("seed_update/conv0_a"),
  ]);
}

Deno.test("decodeSnappy() reads what the Snappy library wrote", async () => {
  const path = new URL("../fixtures/snappy/mixed.snappy", import.meta.url);
  deepStrictEqual(decodeSnappy(await Deno.readFile(path), "mixed"), oracleContent());
});

Deno.test("decodeSnappy() reads literals and all three kinds of copies", () => {
  const block = new Uint8Array([
    17, // length
    (4 - 1) << 2,
    ...ascii("abcd"), // literal
    ((5 - 4) << 2) | 1,
    2, // 5 bytes from 2 back: "cdcdc"
    ((4 - 1) << 2) | 2,
    9,
    0, // 4 bytes from 9 back: "abcd"
    ((3 - 1) << 2) | 3,
    1,
    0,
    0,
    0, // 3 bytes from 1 back: "ddd"
    60 << 2,
    0,
    ...ascii("e"), // literal with its length in a byte
  ]);
  deepStrictEqual(decodeSnappy(block, "b"), new Uint8Array(ascii("abcdcdcdcabcdddde")));
});

const REFUSED: [what: string, block: number[]][] = [
  ["an empty file", []],
  ["an impossible length", [0xff, 0xff, 0xff, 0xff, 0x0f, 0]],
  ["a literal beyond the end", [4, 12, 65]],
  ["a copy before the start", [4, 1, 1]],
  ["a copy of distance 0", [5, 0, 65, 1, 0]],
  ["more than its length", [1, 4, 65, 66]],
  ["less than its length", [3, 0, 65]],
];

for (const [what, block] of REFUSED) {
  Deno.test(`decodeSnappy() refuses ${what}`, () => {
    throws(() => decodeSnappy(new Uint8Array(block), "bad"), { name: "FormatError" });
  });
}

Deno.test("decodeSnappy() survives damaged blocks", async () => {
  const path = new URL("../fixtures/snappy/mixed.snappy", import.meta.url);
  const decode = (bytes: Uint8Array) => decodeSnappy(bytes, "damaged");
  const { refused } = await checkMutations(await Deno.readFile(path), decode, {
    unprotected: true,
  });
  ok(refused > 50);
});
