/**
 * safetensors: `u64 length | JSON header | data`. The header maps names to `{dtype, shape, data_offsets}`, offsets counting
 * from the end of the header; `__metadata__` holds texts.
 */
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { type DType, elementCount, itemSize, type NdArray } from "./nd_array.ts";
import { decodeElements, elementBytes } from "./npy_elements.ts";

const CODES: Readonly<Record<DType, string>> = {
  bool: "BOOL",
  uint8: "U8",
  int8: "I8",
  uint16: "U16",
  int16: "I16",
  uint32: "U32",
  int32: "I32",
  uint64: "U64",
  int64: "I64",
  float16: "F16",
  float32: "F32",
  float64: "F64",
};
const DTYPES = new Map(Object.entries(CODES).map(([dtype, code]) => [code, dtype as DType]));

/** The format's own limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** Arrays by name and texts by key. */
export interface SafeTensors {
  readonly tensors: ReadonlyMap<string, NdArray>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Encodes arrays, sorted by name and widest elements first so that each is aligned. */
export function encodeSafeTensors({ tensors, metadata }: SafeTensors): Uint8Array[] {
  const sorted = [...tensors].sort(([a, x], [b, y]) =>
    itemSize(y.dtype) - itemSize(x.dtype) || (a < b ? -1 : 1)
  );
  const header: Record<string, unknown> = { __metadata__: metadata };
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const [name, array] of sorted) {
    const bytes = elementBytes(array);
    header[name] = {
      dtype: CODES[array.dtype],
      shape: array.shape,
      data_offsets: [offset, offset + bytes.length],
    };
    parts.push(bytes);
    offset += bytes.length;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(padded.buffer).setBigUint64(0, BigInt(padded.length - 8), true);
  padded.set(text, 8);
  return [padded, ...parts];
}

/**
 * Decodes a whole file; `path` is for messages.
 *
 * @throws {FormatError} when it is damaged, {@linkcode UnsupportedError} for element types that we do not read.
 */
export function decodeSafeTensors(bytes: Uint8Array, path: string): SafeTensors {
  const fail = (what: string, cause?: unknown) =>
    new FormatError(`Cannot read "${path}" as safetensors: ${what}`, { path, cause });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.length < 8 ? NaN : Number(view.getBigUint64(0, true));
  if (!(length <= Math.min(bytes.length - 8, MAX_HEADER_BYTES))) {
    throw fail(`its header of ${length} bytes does not fit into ${bytes.length}`);
  }
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, 8 + length)),
    );
  } catch (cause) {
    throw fail("its header is no JSON", cause);
  }
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = new Map<string, NdArray>();
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype: code, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
    const dtype = DTYPES.get(String(code));
    if (!dtype) {
      throw new UnsupportedError(`Cannot read "${name}" of "${path}": its type is ${code}`);
    }
    if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
      throw fail(`the entry of "${name}" is damaged`);
    }
    const [from, to] = offsets;
    if (to - from !== elementCount(shape) * itemSize(dtype) || 8 + length + to > bytes.length) {
      throw fail(`"${name}" does not lie inside the file, or its size does not fit its shape`);
    }
    const data = bytes.slice(8 + length + from, 8 + length + to);
    tensors.set(name, decodeElements(data, { dtype, bigEndian: false }, shape));
  }
  return { tensors, metadata: metadata as Record<string, string> };
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
