/** The metadata of Zarr arrays of versions 2 and 3, checked before anything is allocated by it. */
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { isIntegers, isObject, type JsonObject, shown } from "./json_document.ts";
import { type DType, elementCount, itemSize } from "./nd_array.ts";

/** What this engine needs to know of an array, in the terms of version 3. */
export interface ZarrArrayMetadata {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Names of the dimensions, where the metadata have them. */
  readonly dimensionNames?: readonly string[];
  readonly attributes: JsonObject;
  /** The metadata with a fill value that is never null. */
  readonly document: JsonObject;
}

/** One decoded chunk may take at most this. */
const MAX_CHUNK_BYTES = 2 ** 30;
/** An index entry is 16 bytes, and a chunk that is split into more has been damaged. */
const MAX_CHUNKS_PER_SHARD = 2 ** 22;
const MAX_DIMENSIONS = 8;

const V3_TYPES: readonly string[] = [
  ...["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"],
  ...["float16", "float32", "float64"],
];

/**
 * Checks the document of a version 3 array.
 *
 * @throws {FormatError} when it contradicts the format, {@linkcode UnsupportedError} for what this engine cannot read.
 */
export function checkZarr3(document: JsonObject, path: string): ZarrArrayMetadata {
  const broken = failures(path);
  const { shape, chunk_grid: grid, data_type: dtype, codecs } = document;
  if (!V3_TYPES.includes(dtype as string)) throw unsupportedType(path, dtype);
  const chunks = isObject(grid) && isObject(grid.configuration)
    ? grid.configuration.chunk_shape
    : undefined;
  if (isObject(grid) && grid.name !== "regular") {
    throw new UnsupportedError(
      `Cannot open "${path}": only regular chunk grids are supported, current is ${
        shown(grid.name)
      }`,
    );
  }
  const size = checkShapes(shape, chunks, path);
  const hasNames = Array.isArray(codecs) &&
    codecs.every((c) => isObject(c) && typeof c.name === "string");
  if (!hasNames) throw broken("codecs", codecs, "a list of objects with names");
  checkCodecs(codecs, chunks as number[], path);
  const encoding = document.chunk_key_encoding;
  const isKnown = isObject(encoding) && ["default", "v2"].includes(encoding.name as string);
  if (!isKnown) throw broken("chunk_key_encoding", encoding, 'the name "default" or "v2"');
  checkChunkBytes(innerChunks(codecs) ?? chunks as number[], dtype as DType, path);
  const { dimension_names: names, attributes = {} } = document;
  return {
    shape: size,
    dtype: dtype as DType,
    dimensionNames: Array.isArray(names) ? names.map(String) : undefined,
    attributes: isObject(attributes) ? attributes : {},
    document: {
      ...document,
      dimension_names: undefined,
      attributes: {},
      fill_value: fillValue(document.fill_value, dtype as DType, path),
    },
  };
}

/**
 * Checks the document of a version 2 array and its attributes.
 *
 * @throws {FormatError} when it contradicts the format, {@linkcode UnsupportedError} for what this engine cannot read.
 */
export function checkZarr2(
  document: JsonObject,
  attributes: JsonObject,
  path: string,
): ZarrArrayMetadata {
  const broken = failures(path);
  const { dtype: text, chunks, compressor, filters, order } = document;
  const dtype = zarr2Type(text);
  if (dtype === null) throw unsupportedType(path, text);
  const shape = checkShapes(document.shape, chunks, path);
  if (order !== "C" && order !== "F") throw broken("order", order, '"C" or "F"');
  const hasId = (value: unknown) => isObject(value) && typeof value.id === "string";
  if (compressor !== null && !hasId(compressor)) {
    throw broken("compressor", compressor, "null or an object with an id");
  }
  if (filters !== null && filters !== undefined) {
    if (!Array.isArray(filters) || !filters.every(hasId)) {
      throw broken("filters", filters, "null or objects with an id");
    }
  }
  const { dimension_separator: separator = "." } = document;
  if (separator !== "." && separator !== "/") {
    throw broken("dimension_separator", separator, '"." or "/"');
  }
  checkChunkBytes(chunks as number[], dtype, path);
  const names = attributes._ARRAY_DIMENSIONS;
  return {
    shape,
    dtype,
    dimensionNames: Array.isArray(names) ? names.map(String) : undefined,
    attributes,
    document: { ...document, fill_value: fillValue(document.fill_value, dtype, path) },
  };
}

function zarr2Type(text: unknown): DType | null {
  const match = /^[<>|=]([biuf])([1248])$/.exec(typeof text === "string" ? text : "");
  if (match === null) return null;
  const [, kind, bytes] = match;
  if (kind === "b") return bytes === "1" ? "bool" : null;
  const name = `${{ i: "int", u: "uint", f: "float" }[kind]}${8 * Number(bytes)}`;
  return V3_TYPES.includes(name) ? name as DType : null;
}

/** The text of an element type in version 2, little-endian. */
export function zarr2TypeText(dtype: DType): string {
  if (dtype === "bool") return "|b1";
  const bytes = itemSize(dtype);
  return `${bytes === 1 ? "|" : "<"}${dtype[0]}${bytes}`;
}

function checkShapes(shape: unknown, chunks: unknown, path: string): number[] {
  const broken = failures(path);
  if (!isIntegers(shape, 0) || shape.length > MAX_DIMENSIONS) {
    throw broken("shape", shape, `at most ${MAX_DIMENSIONS} sizes`);
  }
  if (!isIntegers(chunks, 1, shape.length)) {
    throw broken("shape of a chunk", chunks, `${shape.length} sizes of at least 1`);
  }
  return shape;
}

function checkChunkBytes(chunks: readonly number[], dtype: DType, path: string): void {
  const bytes = elementCount(chunks) * itemSize(dtype);
  if (bytes <= MAX_CHUNK_BYTES) return;
  throw new UnsupportedError(
    `Cannot open "${path}": chunks may have at most ${MAX_CHUNK_BYTES} bytes, current [${
      chunks.join(", ")
    }] ${dtype} have ${bytes}; write the array again with smaller chunks`,
  );
}

/** Shape of the chunks inside a shard. */
function innerChunks(codecs: readonly JsonObject[]): number[] | undefined {
  const sharding = codecs.find(({ name }) => name === "sharding_indexed");
  return (sharding?.configuration as JsonObject | undefined)?.chunk_shape as number[] | undefined;
}

/** Chunks inside shards must divide them; the library would read other arrangements wrongly. */
function checkCodecs(codecs: readonly JsonObject[], chunks: readonly number[], path: string): void {
  const broken = failures(path);
  const sharding = codecs.find(({ name }) => name === "sharding_indexed");
  if (sharding === undefined) return;
  if (codecs.length > 1) {
    throw new UnsupportedError(
      `Cannot open "${path}": shards that are themselves transposed or packed are not supported, ` +
        `write the array again with sharding_indexed alone`,
    );
  }
  const { configuration } = sharding;
  const inner = isObject(configuration) ? configuration.chunk_shape : undefined;
  const fits = isIntegers(inner, 1, chunks.length) && chunks.every((n, d) => n % inner[d] === 0);
  if (!fits) throw broken("chunk_shape of a shard", inner, `a divisor of [${chunks.join(", ")}]`);
  const count = elementCount(chunks) / elementCount(inner);
  if (count > MAX_CHUNKS_PER_SHARD) {
    throw broken("chunk_shape of a shard", inner, `at most ${MAX_CHUNKS_PER_SHARD} in a shard`);
  }
  const { codecs: own, index_codecs: index, index_location: place = "end" } =
    configuration as JsonObject;
  for (const [name, list] of [["codecs", own], ["index_codecs", index]] as const) {
    const hasNames = Array.isArray(list) &&
      list.every((c) => isObject(c) && typeof c.name === "string");
    if (!hasNames) throw broken(`${name} of a shard`, list, "a list of objects with names");
  }
  if (place !== "end") {
    throw new UnsupportedError(
      `Cannot open "${path}": only shards with their index at the end are supported, current is ${
        shown(place)
      }`,
    );
  }
}

/** What voxels of missing chunks hold: null counts as 0, and bit patterns of floats are read. */
function fillValue(value: unknown, dtype: DType, path: string): unknown {
  if (value === null || value === undefined) return dtype === "bool" ? false : 0;
  if (dtype === "bool") return value === true || value === 1;
  if (dtype.startsWith("float")) {
    if (typeof value === "number") return value;
    if (["NaN", "Infinity", "-Infinity"].includes(value as string)) return value;
    if (typeof value === "string" && /^0x[0-9a-fA-F]{1,16}$/.test(value)) {
      return floatOfBits(BigInt(value), dtype);
    }
  } else if (Number.isSafeInteger(value) || /^-?\d{1,20}$/.test(String(value))) {
    return value;
  }
  throw failures(path)("fill_value", value, `a value of type ${dtype}`);
}

function floatOfBits(bits: bigint, dtype: DType): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits << BigInt(64 - 8 * itemSize(dtype)));
  if (dtype === "float64") return view.getFloat64(0);
  return dtype === "float32" ? view.getFloat32(0) : view.getFloat16(0);
}

function unsupportedType(path: string, found: unknown): UnsupportedError {
  return new UnsupportedError(
    `Cannot open "${path}": elements must be bool, integers or floats of 1, 2, 4 or 8 bytes, ` +
      `current type is ${shown(found)}`,
  );
}

function failures(path: string): (name: string, found: unknown, wanted: string) => FormatError {
  return (name, found, wanted) =>
    new FormatError(`Cannot open "${path}": ${name} must be ${wanted}, current ${shown(found)}`, {
      path,
    });
}
