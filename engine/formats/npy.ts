/**
 * NumPy `.npy` files. Decoding needs the whole file; object arrays come back as their pickle, which `pickle.ts` reads.
 */
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { elementCount, itemSize, type NdArray } from "./nd_array.ts";
import { decodeElements, elementBytes, elementTypeString } from "./npy_elements.ts";
import { type Descr, encodeNpyHeader, parseNpyHeader } from "./npy_header.ts";

/** What a `.npy` file holds; items and columns are in C order. */
export type NpyValue =
  | { kind: "array"; array: NdArray }
  /** Unicode text, trailing NULs removed as NumPy does. */
  | { kind: "text"; shape: readonly number[]; items: string[] }
  /** Byte strings in their full width: a serialized message may end in zeros. */
  | { kind: "bytes"; shape: readonly number[]; items: Uint8Array[] }
  | { kind: "table"; shape: readonly number[]; columns: Map<string, NdArray> }
  | { kind: "object"; shape: readonly number[]; pickle: Uint8Array };

/** What can be written: an array, a text or byte-string scalar, a table of columns of one shape, a pickled object scalar. */
export type NpyInput =
  | NdArray
  | { text: string }
  | { bytes: Uint8Array }
  | { columns: ReadonlyMap<string, NdArray> }
  | { pickle: Uint8Array };

/**
 * Decodes a whole `.npy` file; `path` is for messages. Arrays may share memory with `bytes`.
 *
 * @throws {FormatError} when the bytes are not such a file, {@linkcode UnsupportedError} for element types that we do
 * not read.
 */
export function decodeNpy(bytes: Uint8Array, path: string): NpyValue {
  const header = parseNpyHeader(bytes, path);
  const { descr, shape } = header;
  const data = bytes.subarray(header.dataOffset);
  if (descr.kind === "object") return { kind: "object", shape, pickle: data };
  const wantedBytes = elementCount(shape) * descr.widthBytes;
  if (data.length !== wantedBytes) {
    throw new FormatError(
      `Cannot read "${path}": shape (${shape.join(", ")}) needs ${wantedBytes} bytes of data, ` +
        `current ${data.length}`,
      { path, offset: header.dataOffset },
    );
  }
  if (descr.kind === "array") {
    return { kind: "array", array: decodeElements(data, descr.type, shape, header.fortranOrder) };
  }
  // The other kinds occur as scalars and vectors, for which both orders are the same.
  if (header.fortranOrder && shape.length > 1) {
    throw new UnsupportedError(
      `Cannot read "${path}": ${descr.kind} in Fortran order with shape (${shape.join(", ")}) ` +
        "is not supported, save it in C order",
    );
  }
  if (descr.kind === "table") return { kind: "table", shape, columns: columns(data, descr, shape) };
  const items = split(data, elementCount(shape), descr.widthBytes, path);
  if (descr.kind === "bytes") return { kind: "bytes", shape, items };
  return { kind: "text", shape, items: items.map((item) => utf32(item, descr.bigEndian, path)) };
}

/** Encodes as version 1.0 in C order; the parts are to be concatenated, and the last may share the input's memory. */
export function encodeNpy(input: NpyInput): Uint8Array[] {
  if ("dtype" in input) {
    if (input.data.length !== elementCount(input.shape)) {
      throw new RangeError(
        `Cannot encode an array of shape (${input.shape.join(", ")}): ` +
          `it needs ${elementCount(input.shape)} elements, current ${input.data.length}`,
      );
    }
    const descr = `'${elementTypeString(input.dtype)}'`;
    return [encodeNpyHeader(descr, input.shape), elementBytes(input)];
  }
  if ("text" in input) {
    const points = Int32Array.from(input.text, (character) => character.codePointAt(0)!);
    return [encodeNpyHeader(`'<U${points.length}'`, []), new Uint8Array(points.buffer)];
  }
  if ("bytes" in input) return [encodeNpyHeader(`'|S${input.bytes.length}'`, []), input.bytes];
  if ("pickle" in input) return [encodeNpyHeader("'|O'", []), input.pickle];
  return encodeTable(input.columns);
}

/** Un-interleaves rows; each column is contiguous and has the table's shape. */
function columns(data: Uint8Array, table: Descr & { kind: "table" }, shape: readonly number[]) {
  const rows = elementCount(shape);
  const result = new Map<string, NdArray>();
  for (const { name, type, offset } of table.fields) {
    if (!type) continue;
    const size = itemSize(type.dtype);
    const bytes = new Uint8Array(rows * size);
    for (let row = 0; row < rows; row++) {
      const from = row * table.widthBytes + offset;
      for (let k = 0; k < size; k++) bytes[row * size + k] = data[from + k];
    }
    result.set(name, decodeElements(bytes, type, shape));
  }
  return result;
}

function split(data: Uint8Array, count: number, widthBytes: number, path: string): Uint8Array[] {
  // Elements of width 0 take no bytes, so the file's size does not bound their number.
  if (count > Math.max(1, data.length)) {
    throw new FormatError(`Cannot read "${path}": ${count} elements in ${data.length} bytes`, {
      path,
    });
  }
  return Array.from(
    { length: count },
    (_, i) => data.subarray(i * widthBytes, (i + 1) * widthBytes),
  );
}

function utf32(bytes: Uint8Array, bigEndian: boolean, path: string): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += 4) {
    const point = view.getUint32(at, !bigEndian);
    if (point > 0x10ffff) {
      throw new FormatError(`Cannot read "${path}": ${point} is no Unicode character`, { path });
    }
    text += String.fromCodePoint(point);
  }
  return text.replace(/\0+$/, "");
}

/** Interleaves columns into rows without padding. */
function encodeTable(table: ReadonlyMap<string, NdArray>): Uint8Array[] {
  const [first, ...others] = table.values();
  const wrong = others.find((column) => `${column.shape}` !== `${first.shape}`);
  const badName = [...table.keys()].find((name) => !/^[\w .\/-]+$/.test(name));
  if (!first || wrong || badName !== undefined) {
    throw new RangeError(
      `Cannot encode a table: it needs columns of one shape with plain names, current ${
        JSON.stringify([...table].map(([name, { shape }]) => [name, shape]))
      }`,
    );
  }
  const rows = elementCount(first.shape);
  const widths = [...table.values()].map(({ dtype }) => itemSize(dtype));
  const rowBytes = widths.reduce((a, b) => a + b);
  const data = new Uint8Array(rows * rowBytes);
  let offset = 0;
  for (const [i, column] of [...table.values()].entries()) {
    const bytes = elementBytes(column), size = widths[i];
    for (let row = 0; row < rows; row++) {
      for (let k = 0; k < size; k++) data[row * rowBytes + offset + k] = bytes[row * size + k];
    }
    offset += size;
  }
  const descr = [...table].map(([name, { dtype }]) => `('${name}', '${elementTypeString(dtype)}')`);
  return [encodeNpyHeader(`[${descr.join(", ")}]`, first.shape), data];
}
