import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { FormatError } from "../../engine/errors/errors.ts";
import { decodeCoordinate, encodeCoordinate } from "../../engine/formats/coordinate_record.ts";
import { decodeExample, encodeExample } from "../../engine/formats/tf_example.ts";
import { encodeRecord, readRecords } from "../../engine/formats/tfrecord.ts";
import { readRecordFile, writeRecordFile } from "../../engine/volumes/record_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** spec/formats.md §2.2: (120, 64, 33) and (24, 300, 250) xyz, both `validation1`. */
const PLAIN = Uint8Array.fromBase64(
  "OwAAAAAAAAAaI6xcCjkKEQoGY2VudGVyEgcaBQoDeEAhCiQKEWxhYmVsX3ZvbHVtZV9uYW1lEg8KDQoLdmFsaWRhdGlvbjGO0CQ6PQAAAAAAAABgSfHs" +
    "CjsKJAoRbGFiZWxfdm9sdW1lX25hbWUSDwoNCgt2YWxpZGF0aW9uMQoTCgZjZW50ZXISCRoHCgUYrAL6AXBZRFo=",
);
const GZIPPED = Uint8Array.fromBase64(
  "H4sIAAAAAAAAA7NmgAAp5TUxXJZcKlyCOYlJqTnxZfk5pbmp8XmJualC/Fy8XNxliTmZKYklmfl5hlyCXGzJqXklqUVC7FKsXMwVDoqsK5JcbaFGJXh+" +
    "fMNlTaRRwnCjOKXYuVgl1jD9YiyIdIkCAJ4nX26YAAAA",
);
const CENTERS = [
  { center: [33, 64, 120], volume: "validation1" },
  { center: [250, 300, 24], volume: "validation1" },
];

/** Bytes in pieces of `size`, as a stream might bring them. */
async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) {
    yield await Promise.resolve(bytes.subarray(i, i + size));
  }
}

const recordsOf = (bytes: Uint8Array, size = 1 << 16) =>
  Array.fromAsync(readRecords(pieces(bytes, size), "c.tfrecord"));

const concat = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

Deno.test("readRecords() reads the published coordinates, plain and gzipped, in pieces of any size", async () => {
  for (const bytes of [PLAIN, GZIPPED]) {
    for (const size of [1, 7, 60, 1000]) {
      const records = await recordsOf(bytes, size);
      deepStrictEqual(records.map(({ data }) => decodeCoordinate(data, "c")), CENTERS);
    }
  }
  deepStrictEqual((await recordsOf(PLAIN)).map((r) => [r.number, r.offset]), [[0, 0], [1, 75]]);
});

Deno.test("readRecords() goes on after the first gzip member", async () => {
  const members = concat(gzipSync(PLAIN.subarray(0, 75)), gzipSync(PLAIN.subarray(75)), GZIPPED);
  const records = await recordsOf(members);
  deepStrictEqual(records.map(({ number }) => number), [0, 1, 2, 3]);
  deepStrictEqual(decodeCoordinate(records[3].data, "c"), CENTERS[1]);
});

Deno.test("readRecords() names number and byte of a bad record, whichever byte is wrong", async () => {
  for (let i = 0; i < PLAIN.length; i++) {
    const bad = PLAIN.slice();
    bad[i] ^= 0x10;
    const [number, offset] = i < 75 ? [0, 0] : [1, 75];
    await rejects(recordsOf(bad), (error) => {
      strictEqual((error as FormatError).offset, offset);
      return new RegExp(`record ${number} of "c.tfrecord" at byte ${offset}: `).test(
        (error as Error).message,
      );
    });
  }
});

Deno.test("readRecords() refuses a stream that ends inside a record, plain or gzipped", async () => {
  for (const length of [1, 11, 30, 74, 76, 151]) {
    await rejects(recordsOf(PLAIN.subarray(0, length)), /record [01] of .*the file ends inside it/);
  }
  for (const length of [30, 100, 115]) {
    await rejects(
      recordsOf(GZIPPED.subarray(0, length)),
      (error) => error instanceof FormatError && /record \d of "c.tfrecord"/.test(error.message),
    );
  }
  const garbage = GZIPPED.slice();
  garbage.fill(0xff, 20, 60);
  await rejects(recordsOf(garbage), FormatError);
});

Deno.test("encodeRecord() and encodeCoordinate() write the published bytes", () => {
  const first = encodeRecord(encodeCoordinate({ center: [33, 64, 120], volume: "validation1" }));
  deepStrictEqual(first, PLAIN.slice(0, 75));
  // Vector C2 of spec/training.md.
  const record = encodeRecord(encodeCoordinate({ center: [2, 3, 2], volume: "vol1" }));
  strictEqual(
    record.toHex(),
    "34000000000000005e33175c" +
      "0a320a110a0663656e74657212071a050a030203020a1d0a116c6162656c5f766f6c756d655f6e616d6512080a060a04766f6c31" +
      "bb0d13f4",
  );
});

Deno.test("decodeExample() reads unpacked lists and every kind of feature", () => {
  const features = new Map([
    ["a", { integers: [-1n, 1n << 40n] }],
    ["b", { floats: [0.5, -2] }],
    ["c", { bytes: [new Uint8Array([1, 2]), new Uint8Array(0)] }],
  ]);
  deepStrictEqual(decodeExample(encodeExample(features), "x"), features);
  // Feature "n" with the integers 3 and 4 one by one.
  deepStrictEqual(
    decodeExample(Uint8Array.fromHex("0a0d0a0b0a016e12061a0408030804"), "x"),
    new Map([["n", { integers: [3n, 4n] }]]),
  );
});

Deno.test("decodeCoordinate() refuses other examples", () => {
  const example = encodeExample(new Map([["center", { integers: [1n, 2n] }]]));
  throws(
    () => decodeCoordinate(example, "f record 3"),
    /"f record 3".*3 integers .* 1 text, current have 2 and 0/,
  );
});

Deno.test("writeRecordFile() writes gzip that readRecordFile() and gunzip read", async () => {
  await using folder = await temporaryFolder();
  const path = folder.of("c.gz");
  await writeRecordFile(path, pieces(PLAIN, 10));
  const bytes = await Deno.readFile(path);
  deepStrictEqual([...bytes.subarray(0, 2)], [0x1f, 0x8b]);
  const records = await Array.fromAsync(readRecordFile(path));
  deepStrictEqual(records.map(({ data }) => decodeCoordinate(data, path)), CENTERS);
  await rejects(Array.fromAsync(readRecordFile(folder.of("no.gz"))), /no such file/);
  async function* failing() {
    yield await Promise.resolve(PLAIN);
    throw new Error("Cannot go on");
  }
  await rejects(writeRecordFile(folder.of("half.gz"), failing()), /Cannot go on/);
  deepStrictEqual([...Deno.readDirSync(folder.path)].map((e) => e.name), ["c.gz"]);
});
