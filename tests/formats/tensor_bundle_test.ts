import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import {
  type BundleEntry,
  decodeBundleIndex,
  encodeBundleIndex,
} from "../../engine/formats/bundle_index.ts";
import { byteSource } from "../../engine/formats/byte_source.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import { encodeSortedTable } from "../../engine/formats/sorted_table_writer.ts";
import { layOutTensors, readTensor } from "../../engine/formats/tensor_bundle.ts";
import { checkMutations } from "../support/mutations.ts";
import { TINY_INDEX } from "./spec_vectors.ts";

/** spec/formats.md §4.8. */
const TINY = new Map<string, NdArray>([
  ["global_step", { dtype: "int32", shape: [], data: new Int32Array([7]) }],
  ["seed_update/conv_lom/biases", {
    dtype: "float32",
    shape: [2],
    data: new Float32Array([0.25, -1.5]),
  }],
]);
const TINY_DATA = Uint8Array.fromHex("070000000000803e0000c0bf");

function joined(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Every variable of a bundle in memory. */
async function readAll(index: Uint8Array, data: Uint8Array): Promise<Map<string, NdArray>> {
  const tensors = new Map<string, NdArray>();
  for (const [name, entry] of decodeBundleIndex(index, "t.index").entries) {
    tensors.set(name, await readTensor(byteSource(data), name, entry, "t.data"));
  }
  return tensors;
}

Deno.test("decodeBundleIndex() and readTensor() read the tiny checkpoint of the specification", async () => {
  deepStrictEqual(await readAll(TINY_INDEX, TINY_DATA), TINY);
});

Deno.test("layOutTensors() and encodeBundleIndex() write it byte for byte, whatever the order", () => {
  const { index, parts } = layOutTensors(new Map([...TINY].reverse()));
  deepStrictEqual(encodeBundleIndex(index), TINY_INDEX);
  deepStrictEqual(joined(parts), TINY_DATA);
});

Deno.test("layOutTensors() keeps every type, scalars, empty arrays, and sorts names by their bytes", async () => {
  const tensors = new Map<string, NdArray>([
    ["conv10_a", { dtype: "float64", shape: [1, 2], data: new Float64Array([0.1, -3]) }],
    ["conv1_a", { dtype: "int64", shape: [], data: new BigInt64Array([-(2n ** 62n)]) }],
    ["conv1_é", { dtype: "uint8", shape: [3], data: new Uint8Array([1, 2, 255]) }],
    ["empty", { dtype: "float32", shape: [0], data: new Float32Array(0) }],
    ["f", { dtype: "float16", shape: [1], data: new Uint16Array([0x3c00]) }],
    ["flag", { dtype: "bool", shape: [2], data: new Uint8Array([1, 0]) }],
    ["u", { dtype: "uint64", shape: [1, 1, 1], data: new BigUint64Array([2n ** 64n - 1n]) }],
  ]);
  const { index, parts } = layOutTensors(new Map([...tensors].reverse()));
  const read = await readAll(encodeBundleIndex(index), joined(parts));
  deepStrictEqual([...read.keys()], [...tensors.keys()]);
  deepStrictEqual(read, tensors);
});

Deno.test("layOutTensors() refuses arrays that do not fill their shape", () => {
  const array = { dtype: "uint8", shape: [3], data: new Uint8Array(2) } as const;
  throws(() => layOutTensors(new Map([["a", array]])), { name: "RangeError" });
});

Deno.test("readTensor() names a wrong checksum, a short file and a type it does not read", async () => {
  const { entries } = decodeBundleIndex(TINY_INDEX, "t.index");
  const name = "seed_update/conv_lom/biases";
  const entry = entries.get(name)!;
  const damaged = TINY_DATA.slice();
  damaged[5] ^= 1;
  await rejects(readTensor(byteSource(damaged), name, entry, "t.data"), {
    name: "FormatError",
    message:
      `Cannot read variable "${name}" of "t.data": its checksum is wrong, the file is damaged; copy it again`,
  });
  await rejects(readTensor(byteSource(TINY_DATA.subarray(0, 11)), name, entry, "t.data"), {
    name: "FormatError",
    message: /it ends at byte 12, the file has 11/,
  });
  await rejects(readTensor(byteSource(TINY_DATA), name, { ...entry, type: "string" }, "t.data"), {
    name: "UnsupportedError",
  });
});

const ENTRY: BundleEntry = {
  type: "int32",
  shape: [1],
  shard: 0,
  offset: 0,
  sizeBytes: 4,
  maskedCrc: 1,
};

/** An index with the given header, key and entry, as hex. */
function indexOf(header: string, key: string, entry: string): Uint8Array {
  return encodeSortedTable([
    [new Uint8Array(0), Uint8Array.fromHex(header)],
    [new TextEncoder().encode(key), Uint8Array.fromHex(entry)],
  ]);
}

const HEADER = "08011a020801", VALID = "0803120028043501000000";

const REFUSED: [what: string, index: Uint8Array, name: string, message: RegExp][] = [
  ["a big-endian one", indexOf("080110011a020801", "a", VALID), "UnsupportedError", /big-endian/],
  [
    "a newer format",
    indexOf("08011a0408011002", "a", VALID),
    "UnsupportedError",
    /version 2, current 1/,
  ],
  ["one without data files", indexOf("1a020801", "a", VALID), "FormatError", /current 0/],
  [
    "parts of variables",
    indexOf(HEADER, "\0a", VALID),
    "UnsupportedError",
    /partitioned variables are not supported/,
  ],
  [
    "entries with slices",
    indexOf(HEADER, "a", "08031204120208023a00"),
    "UnsupportedError",
    /partitioned variables/,
  ],
  [
    "object graphs",
    indexOf(HEADER, "_CHECKPOINTABLE_OBJECT_GRAPH", "08071200"),
    "UnsupportedError",
    /object-based TensorFlow 2/,
  ],
  [
    "a wrong size",
    indexOf(HEADER, "a", "080312041202080228043501000000"),
    "FormatError",
    /"t:a": int32 \[2\] needs 8 bytes, current 4/,
  ],
  [
    "a negative size",
    indexOf(HEADER, "a", "0803120028ffffffffffffffffff01"),
    "FormatError",
    /at least 0/,
  ],
  ["no shape", indexOf(HEADER, "a", "08032804"), "FormatError", /no shape/],
  ["an unknown shape", indexOf(HEADER, "a", "0803120218012804"), "FormatError", /shape is unknown/],
  [
    "a data file that does not exist",
    indexOf(HEADER, "a", "0803120018052804"),
    "FormatError",
    /data file 5 of 1/,
  ],
  ["a truncated message", indexOf(HEADER, "a", "0803120a"), "FormatError", /message is damaged/],
  [
    "no header",
    encodeSortedTable([[new TextEncoder().encode("a"), new Uint8Array(0)]]),
    "FormatError",
    /no header/,
  ],
];

for (const [what, index, name, message] of REFUSED) {
  Deno.test(`decodeBundleIndex() refuses ${what}`, () => {
    throws(() => decodeBundleIndex(index, "t"), { name, message });
  });
}

Deno.test("decodeBundleIndex() lists strings and unknown types without reading them, and skips unknown fields", () => {
  const listed = decodeBundleIndex(indexOf(HEADER, "a", "0807120028034a0178"), "t").entries.get(
    "a",
  );
  strictEqual(listed?.type, "string");
  strictEqual(
    decodeBundleIndex(indexOf(HEADER, "a", "081512002803"), "t").entries.get("a")?.type,
    "TensorFlow type 21",
  );
});

Deno.test("encodeBundleIndex() keeps entries of several data files", () => {
  const entries = new Map([["a", ENTRY], ["b", { ...ENTRY, shard: 2, offset: 2 ** 40 }]]);
  const index = { shardCount: 3, entries };
  deepStrictEqual(decodeBundleIndex(encodeBundleIndex(index), "t"), index);
});

Deno.test("a damaged index or data file never gives a wrong value", async () => {
  const noise = Float32Array.from({ length: 500 }, (_, i) => Math.sin(i));
  const { index, parts } = layOutTensors(
    new Map([...TINY, ["weights", { dtype: "float32", shape: [5, 100], data: noise }]]),
  );
  const good = encodeBundleIndex(index), data = joined(parts);
  const byIndex = await checkMutations(good, (bytes) => readAll(bytes, data));
  const byData = await checkMutations(data, (bytes) => readAll(good, bytes));
  ok(byIndex.refused > 150 && byData.refused > 150);
});
