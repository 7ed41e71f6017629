import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { elementCount, itemSize } from "./nd_array.ts";
import { type ElementType, parseElementType } from "./npy_elements.ts";
import { parsePythonLiteral, type PythonLiteral } from "./python_literal.ts";

/** Meaning of a `descr`; `widthBytes` is that of one element or row. */
export type Descr =
  | { kind: "array"; type: ElementType; widthBytes: number }
  | { kind: "text"; bigEndian: boolean; widthBytes: number }
  | { kind: "bytes"; widthBytes: number }
  | { kind: "table"; fields: Field[]; widthBytes: number }
  | { kind: "object" };

export interface Field {
  name: string;
  /** Null for padding. */
  type: ElementType | null;
  offset: number;
}

/**
 * A `.npy` file starts `93 "NUMPY"`, major and minor version, length of the text (u16 in version 1, u32 later), and the
 * text: a Python dict with the three members below.
 */
export interface NpyHeader {
  descr: Descr;
  fortranOrder: boolean;
  shape: number[];
  dataOffset: number;
}

const MAGIC = [0x93, ...new TextEncoder().encode("NUMPY")];

/** Data starts at a multiple of this in files that we write. */
const ALIGNMENT = 64;

/** Far above any real header, and small enough to parse at once. */
const MAX_HEADER_BYTES = 1 << 20;

/**
 * Size that a `.npy` file must have in all, from its first bytes: null when these do not hold the whole header or the
 * size cannot be known (object arrays).
 *
 * @throws {FormatError} when they are not the start of such a file.
 */
export function npySizeBytes(start: Uint8Array, path: string): number | null {
  if (start.length < 12 || start.length < headerExtent(start, path).dataOffset) return null;
  const { descr, shape, dataOffset } = parseNpyHeader(start, path);
  return descr.kind === "object" ? null : dataOffset + elementCount(shape) * descr.widthBytes;
}

function headerExtent(bytes: Uint8Array, path: string) {
  const version = bytes[6];
  if (bytes.length < 10 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new FormatError(`Cannot read "${path}": it does not start as a NumPy .npy file does`, {
      path,
      offset: 0,
    });
  }
  if (version < 1 || version > 3) {
    throw new UnsupportedError(
      `Cannot read "${path}": .npy format version must be 1, 2 or 3, current ${version}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const textOffset = version === 1 ? 10 : 12;
  const length = version === 1
    ? view.getUint16(8, true)
    : bytes.length < 12
    ? Infinity
    : view.getUint32(8, true);
  return { version, textOffset, dataOffset: textOffset + length };
}

/**
 * Reads the header at the start of a `.npy` file; `path` is for messages.
 *
 * @throws {FormatError} when the bytes do not start so, {@linkcode UnsupportedError} for versions and element types that
 * we do not read.
 */
export function parseNpyHeader(bytes: Uint8Array, path: string): NpyHeader {
  const { version, textOffset, dataOffset } = headerExtent(bytes, path);
  const bad = (what: string, cause?: unknown) =>
    new FormatError(`Cannot read the header of "${path}": ${what}`, {
      path,
      offset: textOffset,
      cause,
    });
  if (dataOffset > Math.min(bytes.length, MAX_HEADER_BYTES)) {
    throw bad(`it should end at byte ${dataOffset}, the file has ${bytes.length}`);
  }
  const encoding = version === 3 ? "utf-8" : "latin1";
  let header: PythonLiteral;
  try {
    header = parsePythonLiteral(
      new TextDecoder(encoding).decode(bytes.subarray(textOffset, dataOffset)),
    );
  } catch (error) {
    throw bad((error as Error).message, error);
  }
  if (!(header instanceof Map)) throw bad("it must be a dict");
  const descr = header.get("descr"), order = header.get("fortran_order");
  const shape = header.get("shape");
  if (typeof order !== "boolean") {
    throw bad(`fortran_order must be True or False, current ${order}`);
  }
  if (!Array.isArray(shape) || !shape.every((n): n is number => typeof n === "number" && n >= 0)) {
    throw bad(`shape must be a tuple of integers of at least 0, current ${shape}`);
  }
  if (descr === undefined) throw bad("it has no descr");
  return { descr: parseDescr(descr, path), fortranOrder: order, shape, dataOffset };
}

function parseDescr(descr: PythonLiteral, path: string): Descr {
  if (Array.isArray(descr)) return parseTable(descr, path);
  const text = String(descr);
  const type = parseElementType(text);
  if (type) return { kind: "array", type, widthBytes: itemSize(type.dtype) };
  if (text === "|O") return { kind: "object" };
  const [, order, kind, width] = /^([<>=|]?)([SUa])(\d{1,9})$/.exec(text) ?? [];
  if (kind === "U") {
    return { kind: "text", bigEndian: order === ">", widthBytes: 4 * Number(width) };
  }
  if (kind !== undefined) return { kind: "bytes", widthBytes: Number(width) };
  throw new UnsupportedError(
    `Cannot read "${path}": element type "${text}" is not supported, ` +
      "convert it to a plain numeric type with NumPy's astype",
  );
}

function parseTable(descr: PythonLiteral[], path: string): Descr {
  let offset = 0;
  const fields = descr.map((item): Field => {
    const [name, code] = Array.isArray(item) && item.length === 2 ? item : [null, null];
    const type = typeof code === "string" ? parseElementType(code) : null;
    // NumPy writes the padding of aligned rows as unnamed fields of raw bytes.
    const padding = type ? null : /^\|V(\d{1,9})$/.exec(String(code))?.[1];
    if (typeof name !== "string" || (!type && (name !== "" || padding === undefined))) {
      throw new UnsupportedError(
        `Cannot read "${path}": field ${JSON.stringify(item)} is not supported, ` +
          "each must be a name and a plain numeric type",
      );
    }
    const field = { name, type, offset };
    offset += type ? itemSize(type.dtype) : Number(padding);
    return field;
  });
  return { kind: "table", fields, widthBytes: offset };
}

/** A version 1.0 header for little-endian C-order data; `descr` is Python source. */
export function encodeNpyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const dict = `{'descr': ${descr}, 'fortran_order': False, 'shape': ${tuple}, }`;
  const total = Math.ceil((10 + dict.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(total).fill(0x20);
  bytes.set([...MAGIC, 1, 0, (total - 10) & 0xff, (total - 10) >> 8]);
  bytes.set(new TextEncoder().encode(dict), 10);
  bytes[total - 1] = 0x0a;
  return bytes;
}
