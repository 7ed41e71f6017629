import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { crc32c, maskCrc } from "../../engine/formats/crc32c.ts";
import { readSortedTable, type TableEntry } from "../../engine/formats/sorted_table.ts";
import { encodeSortedTable } from "../../engine/formats/sorted_table_writer.ts";
import { TINY_INDEX } from "./spec_vectors.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const texts = (entries: TableEntry[]) =>
  entries.map((pair) => pair.map((part) => new TextDecoder().decode(part)));

/** Entries `seed_update/…` with values, enough for two data blocks. */
const MANY: TableEntry[] = Array.from({ length: 6000 }, (_, i) => [
  bytes(`seed_update/a/rather/long/scope/name/${String(i).padStart(6, "0")}/weights`),
  bytes(`value ${i} `.repeat(7)),
]);

Deno.test("encodeSortedTable() and readSortedTable() agree on the tiny index of the specification", () => {
  const entries = readSortedTable(TINY_INDEX, "tiny.index");
  deepStrictEqual(entries.map(([key]) => new TextDecoder().decode(key)), [
    "",
    "global_step",
    "seed_update/conv_lom/biases",
  ]);
  deepStrictEqual(encodeSortedTable(entries), TINY_INDEX);
});

Deno.test("encodeSortedTable() closes a block at 262,144 bytes and shortens the key between blocks", () => {
  const table = encodeSortedTable(MANY);
  deepStrictEqual(texts(readSortedTable(table, "t")), texts(MANY));
  // The second block starts right after the first and its trailer; find the first by its checksum.
  const view = new DataView(table.buffer);
  let end = 262_144;
  while (maskCrc(crc32c(table.subarray(0, end + 1))) !== view.getUint32(end + 1, true)) end++;
  ok(end < 262_144 + 200, `the first block has ${end} bytes`);
  const entriesInFirst = 16 * (view.getUint32(end - 4, true) - 1);
  const tail = new TextDecoder("latin1").decode(table.subarray(-300));
  const [, middle] = /(seed_update\/a\/rather\/long\/scope\/name\/\d+[^w]?)/.exec(tail)!;
  ok(middle.length < "seed_update/a/rather/long/scope/name/000000/weights".length);
  ok(Number(/\d+/.exec(middle)![0].padEnd(6, "0")) > entriesInFirst);
});

Deno.test("encodeSortedTable() keeps keys that cannot be shortened, and values of no bytes", () => {
  const entries: TableEntry[] = [
    [new Uint8Array([0xff, 0xff]), new Uint8Array(0)],
    [new Uint8Array([0xff, 0xff, 0x00]), new Uint8Array([1])],
  ];
  deepStrictEqual(readSortedTable(encodeSortedTable(entries), "t"), entries);
});

Deno.test("encodeSortedTable() refuses keys out of order", () => {
  throws(() => encodeSortedTable([[bytes("b"), bytes("")], [bytes("a"), bytes("")]]), {
    name: "RangeError",
  });
});

/** A table of one data block with the given content and compression, its checksums right. */
function tableOf(block: Uint8Array, compression: number): Uint8Array {
  const trailed = (content: Uint8Array, type: number) => {
    const out = new Uint8Array([...content, type, 0, 0, 0, 0]);
    const masked = maskCrc(crc32c(out.subarray(0, content.length + 1)));
    new DataView(out.buffer).setUint32(content.length + 1, masked, true);
    return out;
  };
  const data = trailed(block, compression);
  const meta = trailed(new Uint8Array([0, 0, 0, 0, 1, 0, 0, 0]), 0);
  const index = new Uint8Array([0, 1, 2, 0x7a, 0, block.length, 0, 0, 0, 0, 1, 0, 0, 0]);
  const at = data.length + meta.length;
  const footer = new Uint8Array(48);
  footer.set([data.length, 8, at, index.length]);
  footer.set([0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb], 40);
  return new Uint8Array([...data, ...meta, ...trailed(index, 0), ...footer]);
}

/** Entry "k" = "v", one restart. */
const BLOCK = new Uint8Array([0, 1, 1, 0x6b, 0x76, 0, 0, 0, 0, 1, 0, 0, 0]);

Deno.test("readSortedTable() reads plain and Snappy blocks", () => {
  const literal = new Uint8Array([BLOCK.length, (BLOCK.length - 1) << 2, ...BLOCK]);
  deepStrictEqual(texts(readSortedTable(tableOf(BLOCK, 0), "t")), [["k", "v"]]);
  deepStrictEqual(texts(readSortedTable(tableOf(literal, 1), "t")), [["k", "v"]]);
});

Deno.test("readSortedTable() refuses what is no table, truncation, other compression and false entries", () => {
  const table = tableOf(BLOCK, 0);
  throws(() => readSortedTable(new Uint8Array(10), "a.index"), {
    name: "FormatError",
    message: /^Cannot read "a.index": it does not end with the magic number/,
  });
  throws(() => readSortedTable(table.subarray(0, -1), "t"), /magic number/);
  throws(() => readSortedTable(table.subarray(5), "t"), { name: "FormatError" });
  throws(() => readSortedTable(tableOf(BLOCK, 2), "t"), {
    name: "UnsupportedError",
    message: /0 \(none\) or 1 \(Snappy\), current 2/,
  });
  const overlong = BLOCK.slice();
  overlong[1] = 100;
  throws(() => readSortedTable(tableOf(overlong, 0), "t"), /entries are damaged/);
  const restarts = BLOCK.slice();
  restarts[12] = 0xff;
  throws(() => readSortedTable(tableOf(restarts, 0), "t"), /entries are damaged/);
  const twice = new Uint8Array([...BLOCK.subarray(0, 5), ...BLOCK]);
  throws(() => readSortedTable(tableOf(twice, 0), "t"), /out of order/);
});

Deno.test("readSortedTable() finds every changed byte of the tiny index by magic number, place or checksum", () => {
  const wanted = texts(readSortedTable(TINY_INDEX, "t"));
  let padding = 0;
  for (let i = 0; i < TINY_INDEX.length; i++) {
    const damaged = TINY_INDEX.slice();
    damaged[i] ^= 0x10;
    try {
      deepStrictEqual(texts(readSortedTable(damaged, "t")), wanted);
      padding++;
    } catch (error) {
      strictEqual((error as Error).name, "FormatError", `byte ${i}: ${error}`);
    }
  }
  // Only the unread meta-index block (13 bytes), its handle and the footer's padding may change unseen.
  ok(padding <= 13 + 40, `${padding} bytes may change`);
});
