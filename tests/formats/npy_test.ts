import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { elementCount, type NdArray, zeros } from "../../engine/formats/nd_array.ts";
import { decodeNpy, encodeNpy, type NpyInput } from "../../engine/formats/npy.ts";
import { openNpz } from "../../engine/formats/npz.ts";
import { checkMutations } from "../support/mutations.ts";
import * as vectors from "./spec_vectors.ts";

const fixture = await openNpz(
  await Deno.readFile(new URL("../fixtures/npz/dtypes.npz", import.meta.url)),
  "dtypes.npz",
);

function encoded(input: NpyInput): Uint8Array {
  const parts = encodeNpy(input);
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function arrayOf(bytes: Uint8Array): NdArray {
  const value = decodeNpy(bytes, "test.npy");
  if (value.kind !== "array") throw new Error(`expected an array, got ${value.kind}`);
  return value.array;
}

/** Bits of a float16 value that is a multiple of 0.25 below 64 (normal numbers and 0 only). */
function half(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.abs(value) / 2 ** exponent - 1;
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | (fraction * 1024);
}

/** The values that tests/oracles/npz_dtypes.py gives a member of this type code. */
function expectedValues(code: string): (number | bigint)[] {
  const sizeBytes = Number(code[1]);
  const scale = sizeBytes === 1 ? 1n : 2n ** BigInt(8 * (sizeBytes - 1)) / 16n + 3n;
  return Array.from({ length: 24 }, (_, k) => {
    if (code === "b1") return k % 3 === 0 ? 1 : 0;
    if (code[0] === "f") return code === "f2" ? half((k - 3) * 1.25) : (k - 3) * 1.25;
    const integer = BigInt(code[0] === "u" ? k : k - 3) * scale;
    return sizeBytes === 8 ? integer : Number(integer);
  });
}

for (const name of fixture.names.filter((n) => /^\w\d\.(little|big|byte)/.test(n))) {
  Deno.test(`decodeNpy() reads ${name} as NumPy wrote it`, async () => {
    const array = await fixture.readArray(name);
    deepStrictEqual(array.shape, [2, 3, 4]);
    deepStrictEqual(Array.from<number | bigint>(array.data), expectedValues(name.slice(0, 2)));
  });
}

Deno.test("decodeNpy() keeps the bits of special float16 values", async () => {
  const { data } = await fixture.readArray("special.f2");
  deepStrictEqual([...data], [0, 0x8000, 0x7bff, 1, 0x7c00, 0xfc00, 0x7e00, 0x3555]);
});

Deno.test("decodeNpy() reads scalars, empty arrays and header versions 2 and 3", async () => {
  deepStrictEqual(await fixture.readArray("scalar.f8"), {
    dtype: "float64",
    shape: [],
    data: new Float64Array([2.5]),
  });
  deepStrictEqual(await fixture.readArray("empty.0x3.f4"), zeros("float32", [0, 3]));
  for (const name of ["version2.i4", "version3.i4"]) {
    deepStrictEqual([...(await fixture.readArray(name)).data], [0, 1, 2, 3, 4]);
  }
});

Deno.test("decodeNpy() reads structured rows, byte strings in full width, and text", async () => {
  const table = await fixture.read("structured");
  ok(table.kind === "table");
  deepStrictEqual(
    [...table.columns].map(([name, column]) => [name, column.dtype, [...column.data]]),
    [
      ["id", "uint64", [1n, 2n ** 40n, 2n ** 64n - 1n]],
      ["start", "int32", [-1, 0, 7]],
      ["score", "float32", [0.5, -0.25, 3]],
      ["ok", "bool", [1, 0, 1]],
    ],
  );
  const strings = await fixture.read("text.S");
  ok(strings.kind === "bytes");
  deepStrictEqual(strings.items.map((s) => new TextDecoder().decode(s)), [
    "alpha",
    "be\0\0\0",
    "\0\0\0\0\0",
  ]);
  deepStrictEqual(await fixture.read("text.U.big"), {
    kind: "text",
    shape: [2],
    items: ["é{}", "x\u{1f9e0}"],
  });
});

Deno.test("decodeNpy() reads the vectors of the specification", () => {
  deepStrictEqual(arrayOf(vectors.FORTRAN_INT32), {
    dtype: "int32",
    shape: [2, 3],
    data: new Int32Array([0, 1, 2, 3, 4, 5]),
  });
  deepStrictEqual(arrayOf(vectors.BIG_ENDIAN_FLOAT32), {
    dtype: "float32",
    shape: [1, 2],
    data: new Float32Array([1.5, -2.25]),
  });
  deepStrictEqual(decodeNpy(vectors.UNICODE_SCALAR, "u.npy"), {
    kind: "text",
    shape: [],
    items: ["é{}"],
  });
});

/** The merge table of spec/formats.md §6.3. */
const MERGE_TABLE = new Map<string, NdArray>([
  ["id_a", { dtype: "uint64", shape: [2], data: new BigUint64Array([1n, 3n]) }],
  ["id_b", { dtype: "uint64", shape: [2], data: new BigUint64Array([2n, 2n ** 40n]) }],
  ...["xa", "ya", "za", "xb", "yb", "zb"].map((name, i): [string, NdArray] => [
    name,
    { dtype: "uint32", shape: [2], data: new Uint32Array([10 + i, 0]) },
  ]),
  ["score", { dtype: "float32", shape: [2], data: new Float32Array([0.75, 0.5]) }],
]);

Deno.test("encodeNpy() and decodeNpy() agree with NumPy on the merge table byte for byte", () => {
  deepStrictEqual(encoded({ columns: MERGE_TABLE }), vectors.MERGE_TABLE);
  deepStrictEqual(decodeNpy(vectors.MERGE_TABLE, "t.npy"), {
    kind: "table",
    shape: [2],
    columns: MERGE_TABLE,
  });
});

Deno.test("encodeNpy() of a Unicode scalar gives NumPy's bytes", () => {
  deepStrictEqual(encoded({ text: "é{}" }), vectors.UNICODE_SCALAR);
});

for (const code of ["b1", "u1", "i2", "u4", "i8", "f2", "f4", "f8"]) {
  Deno.test(`encodeNpy() of ${code} comes back equal and aligned to 64 bytes`, async () => {
    const array = await fixture.readArray(`${code}.${code[1] === "1" ? "byte" : "little"}`);
    const bytes = encoded(array);
    strictEqual((bytes.length - array.data.byteLength) % 64, 0);
    deepStrictEqual(arrayOf(bytes), array);
  });
}

Deno.test("encodeNpy() keeps texts and byte strings, empty ones too", () => {
  for (const text of ["", "{}", "x\u{1f9e0}"]) {
    deepStrictEqual(decodeNpy(encoded({ text }), "t"), { kind: "text", shape: [], items: [text] });
  }
  for (const bytes of [new Uint8Array(0), new Uint8Array([1, 0, 0])]) {
    deepStrictEqual(decodeNpy(encoded({ bytes }), "t"), {
      kind: "bytes",
      shape: [],
      items: [bytes],
    });
  }
});

Deno.test("encodeNpy() refuses data that do not fill the shape", () => {
  throws(() => encodeNpy({ ...zeros("uint8", [2]), shape: [3] }), { name: "RangeError" });
});

/** A file with this header text and data. */
function withHeader(text: string, data: Uint8Array = new Uint8Array(0), version = 1): Uint8Array {
  const header = new TextEncoder().encode(text);
  const length = version === 1
    ? [header.length & 255, header.length >> 8]
    : [0, 8, 16, 24].map((shift) => (header.length >> shift) & 255);
  return new Uint8Array([
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    version,
    0,
    ...length,
    ...header,
    ...data,
  ]);
}

const REFUSED: [what: string, file: Uint8Array, error: string, message: RegExp][] = [
  ["text", new TextEncoder().encode("id,score\n1,2\n"), "FormatError", /does not start as a NumPy/],
  ["an empty file", new Uint8Array(0), "FormatError", /does not start as/],
  ["version 9", withHeader("{}", undefined, 9), "UnsupportedError", /must be 1, 2 or 3, current 9/],
  [
    "a missing shape",
    withHeader("{'descr': '<f4', 'fortran_order': False}"),
    "FormatError",
    /shape/,
  ],
  ["a negative extent", header("'<f4'", "(-1,)"), "FormatError", /integers of at least 0/],
  [
    "too little data",
    header("'<f4'", "(2,)", 4),
    "FormatError",
    /needs 8 bytes of data, current 4/,
  ],
  [
    "too much data",
    header("'<f4'", "(2,)", 12),
    "FormatError",
    /needs 8 bytes of data, current 12/,
  ],
  [
    "an endless shape",
    header("'<f4'", "(9007199254740991, 9007199254740991)"),
    "FormatError",
    /needs/,
  ],
  ["complex numbers", header("'<c8'", "(1,)", 8), "UnsupportedError", /element type "<c8"/],
  ["nested fields", header("[('a', [('b', '<f4')])]", "(1,)", 4), "UnsupportedError", /field/],
  [
    "texts of no width",
    header("'<U0'", "(1000000000,)"),
    "FormatError",
    /1000000000 elements in 0/,
  ],
  [
    "a character beyond Unicode",
    header("'<U1'", "()", 4, 255),
    "FormatError",
    /no Unicode character/,
  ],
];

function header(descr: string, shape: string, dataBytes = 0, fill = 0): Uint8Array {
  const text = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }\n`;
  return withHeader(text, new Uint8Array(dataBytes).fill(fill));
}

for (const [what, file, name, message] of REFUSED) {
  Deno.test(`decodeNpy() refuses ${what}`, () => {
    throws(() => decodeNpy(file, "bad.npy"), { name, message });
  });
}

Deno.test("decodeNpy() reads rows with padding", () => {
  const data = new Uint8Array([7, 99, 99, 99, 1, 0, 0, 0, 8, 99, 99, 99, 2, 0, 0, 0]);
  const text =
    "{'descr': [('a', '|u1'), ('', '|V3'), ('b', '<i4')], 'fortran_order': False, 'shape': (2,), }";
  const table = decodeNpy(withHeader(text, data), "t.npy");
  ok(table.kind === "table");
  deepStrictEqual([...table.columns].map(([name, { data }]) => [name, [...data]]), [
    ["a", [7, 8]],
    ["b", [1, 2]],
  ]);
});

Deno.test("decodeNpy() survives damaged files", async () => {
  for (const file of [vectors.FORTRAN_INT32, vectors.MERGE_TABLE, vectors.UNICODE_SCALAR]) {
    const decode = (bytes: Uint8Array) => {
      const value = decodeNpy(bytes, "damaged.npy");
      if (value.kind === "array") {
        strictEqual(value.array.data.length, elementCount(value.array.shape));
      }
    };
    const { refused } = await checkMutations(file, decode, { unprotected: true });
    ok(refused > 50);
  }
});
