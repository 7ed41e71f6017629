import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { FormatError, UnsupportedError } from "../../engine/errors/errors.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import { decodeSafeTensors, encodeSafeTensors } from "../../engine/formats/safetensors.ts";

const joined = (parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));

/** A file as the published description lays it out. */
function file(header: unknown, data: number[]): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return joined([length, text, Uint8Array.from(data)]);
}

Deno.test("decodeSafeTensors() reads arrays, whatever their place, and metadata", () => {
  const bytes = file({
    b: { dtype: "I16", shape: [2], data_offsets: [4, 8] },
    a: { dtype: "F32", shape: [], data_offsets: [0, 4] },
    __metadata__: { k: "v" },
  }, [0, 0, 0xc0, 0x3f, 1, 0, 0xff, 0xff]);
  const { tensors, metadata } = decodeSafeTensors(bytes, "x");
  deepStrictEqual(tensors.get("a"), { dtype: "float32", shape: [], data: Float32Array.of(1.5) });
  deepStrictEqual(tensors.get("b"), { dtype: "int16", shape: [2], data: Int16Array.of(1, -1) });
  deepStrictEqual(metadata, { k: "v" });
});

Deno.test("encodeSafeTensors() aligns the data and comes back", () => {
  const tensors = new Map<string, NdArray>([
    ["byte", { dtype: "uint8", shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ["long", { dtype: "int64", shape: [1], data: BigInt64Array.of(-(2n ** 40n)) }],
    ["w", { dtype: "float32", shape: [1, 2], data: Float32Array.of(0.5, -2) }],
  ]);
  const bytes = joined(encodeSafeTensors({ tensors, metadata: { step: "7" } }));
  strictEqual(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8, 0);
  const found = decodeSafeTensors(bytes, "x");
  deepStrictEqual(new Map([...found.tensors].sort(([a], [b]) => a < b ? -1 : 1)), tensors);
  deepStrictEqual(found.metadata, { step: "7" });
});

Deno.test("decodeSafeTensors() refuses damaged files", () => {
  const entry = { dtype: "F32", shape: [1], data_offsets: [0, 4] };
  for (
    const bytes of [
      new Uint8Array(4),
      file({ a: entry }, [1, 2, 3]),
      file({ a: { ...entry, shape: [2] } }, [1, 2, 3, 4]),
      file({ a: { ...entry, data_offsets: [4, 0] } }, [1, 2, 3, 4]),
      file({ a: null }, []),
      Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 0x7b),
      joined([file("x", []).subarray(0, 8), Uint8Array.of(0x7b, 0x7b, 0x7b)]),
    ]
  ) {
    throws(
      () => decodeSafeTensors(bytes, "x"),
      (e) => e instanceof FormatError || e instanceof UnsupportedError,
    );
  }
});
