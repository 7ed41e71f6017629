/** NumPy `.npz` archives: a ZIP file with one `.npy` file per array. */
import { type FileEntry, Reader, ZipReader, ZipWriter } from "npm:@zip.js/zip.js@2.24.0";
import { FormatError, NotFoundError } from "../errors/errors.ts";
import { type ByteSource, byteSource } from "./byte_source.ts";
import type { NdArray } from "./nd_array.ts";
import { decodeNpy, encodeNpy, type NpyInput, type NpyValue } from "./npy.ts";
import { npySizeBytes, parseNpyHeader } from "./npy_header.ts";
import { parsePickle } from "./pickle.ts";
import { PickledArray, type PickleValue } from "./pickle_values.ts";

/** An opened archive; members are read and checked (size, CRC-32, header) when they are asked for. */
export interface NpzArchive {
  readonly path: string;
  /** Names without `.npy`, in the order of the archive's directory. */
  readonly names: string[];
  has(name: string): boolean;
  /**
   * Reads a member by its name, with or without `.npy`.
   *
   * @throws {NotFoundError} when there is none, {@linkcode FormatError} when it is damaged.
   */
  read(name: string): Promise<NpyValue>;
  /** A member of plain elements. */
  readArray(name: string): Promise<NdArray>;
  /** Shape of a member, from its first bytes. */
  shapeOf(name: string): Promise<readonly number[]>;
  /** A scalar of Unicode text, or of byte-string text as Python 2 wrote it. */
  readText(name: string): Promise<string>;
  /** A byte-string scalar in its full width. */
  readBytes(name: string): Promise<Uint8Array>;
  /** The object inside an object scalar; object arrays of other shapes come as a `PickledArray`. */
  readObject(name: string): Promise<PickleValue>;
}

/** Deflate cannot expand more: a member that claims to is damaged or an attack. */
const MAX_DEFLATE_RATIO = 1032;

/** Date and time of every member in MS-DOS form: 1980-01-01 00:00, so that equal content gives equal files. */
const MEMBER_DATE = 0x00210000;

/**
 * Opens an archive; `path` is for messages.
 *
 * @throws {FormatError} when the bytes are not a ZIP archive.
 */
export async function openNpz(
  source: Uint8Array | Blob | ByteSource,
  path: string,
): Promise<NpzArchive> {
  const bytes = source instanceof Uint8Array || source instanceof Blob
    ? byteSource(source)
    : source;
  // Sizes and offsets come from the central directory; that local headers agree, their names included, is checked.
  const zip = new ZipReader(new SourceReader(bytes), {
    checkLocalFilename: true,
    filenameValidation: "tolerant",
    useWebWorkers: false,
  });
  const members = new Map<string, FileEntry>();
  try {
    for (const entry of await zip.getEntries()) {
      if (!entry.directory) members.set(entry.filename.replace(/\.npy$/, ""), entry);
    }
  } catch (error) {
    throw new FormatError(
      `Cannot open "${path}": it is not a readable NumPy .npz archive (${
        (error as Error).message
      })`,
      { path, cause: error },
    );
  }
  return new ZipArchive(path, members);
}

class ZipArchive implements NpzArchive {
  readonly names: string[];

  constructor(readonly path: string, private readonly members: ReadonlyMap<string, FileEntry>) {
    this.names = [...members.keys()];
  }

  has(name: string): boolean {
    return this.members.has(name.replace(/\.npy$/, ""));
  }

  async read(name: string): Promise<NpyValue> {
    const { entry, path } = this.#member(name);
    return decodeNpy(await memberBytes(entry, path), path);
  }

  async shapeOf(name: string): Promise<readonly number[]> {
    const { entry, path } = this.#member(name);
    return parseNpyHeader(await firstBytes(entry), path).shape;
  }

  #member(name: string): { entry: FileEntry; path: string } {
    const key = name.replace(/\.npy$/, "");
    const entry = this.members.get(key);
    if (entry) return { entry, path: `${this.path}:${key}` };
    const known = this.names.map((n) => `"${n}"`).join(", ");
    throw new NotFoundError(
      `Cannot read "${key}" of "${this.path}": no such member, the file has ${known || "none"}`,
    );
  }

  async readArray(name: string): Promise<NdArray> {
    const value = await this.read(name);
    return value.kind === "array"
      ? value.array
      : this.#wrongKind(name, value, "an array of numbers");
  }

  async readText(name: string): Promise<string> {
    const value = await this.read(name);
    if (value.kind === "text" && value.shape.length === 0) return value.items[0];
    if (value.kind !== "bytes" || value.shape.length > 0) {
      return this.#wrongKind(name, value, "a text scalar");
    }
    return new TextDecoder().decode(value.items[0]).replace(/\0+$/, "");
  }

  async readBytes(name: string): Promise<Uint8Array> {
    const value = await this.read(name);
    const isScalar = value.kind === "bytes" && value.shape.length === 0;
    return isScalar ? value.items[0] : this.#wrongKind(name, value, "a byte-string scalar");
  }

  async readObject(name: string): Promise<PickleValue> {
    const value = await this.read(name);
    if (value.kind !== "object") return this.#wrongKind(name, value, "a pickled object");
    const path = `${this.path}:${name}`;
    const array = parsePickle(value.pickle, path);
    if (!(array instanceof PickledArray) || !array.items) {
      throw new FormatError(`Cannot read "${path}": its pickle is no object array`, { path });
    }
    return array.shape.length === 0 ? array.items[0] : array;
  }

  #wrongKind(name: string, value: NpyValue, wanted: string): never {
    const path = `${this.path}:${name}`;
    const shape = value.kind === "array" ? value.array.shape : value.shape;
    const current = `${value.kind === "array" ? value.array.dtype : value.kind} (${
      shape.join(", ")
    })`;
    throw new FormatError(`Cannot read "${path}": expected ${wanted}, current ${current}`, {
      path,
    });
  }
}

/** Inflates a member into memory of exactly its declared size, which is checked before it is allocated. */
async function memberBytes(entry: FileEntry, path: string): Promise<Uint8Array> {
  const { uncompressedSize: sizeBytes, compressedSize } = entry;
  const bad = (what: string, cause?: unknown) =>
    new FormatError(`Cannot read "${path}": ${what}`, { path, offset: entry.offset, cause });
  if (sizeBytes > MAX_DEFLATE_RATIO * (compressedSize + 1)) {
    throw bad(`${compressedSize} compressed bytes cannot hold the declared ${sizeBytes}`);
  }
  const bytes = allocate(sizeBytes, path);
  let filled = 0;
  const take = (chunk: Uint8Array) => {
    if (filled + chunk.length > sizeBytes) {
      throw bad(`it is longer than the declared ${sizeBytes} bytes`);
    }
    bytes.set(chunk, filled);
    const isFirst = filled === 0;
    filled += chunk.length;
    // Refuse a size that the array does not have before inflating the rest.
    const neededBytes = isFirst ? npySizeBytes(bytes.subarray(0, filled), path) : null;
    if (neededBytes !== null && neededBytes !== sizeBytes) {
      throw bad(`its array needs ${neededBytes} bytes, the archive declares ${sizeBytes}`);
    }
  };
  let refusal: unknown;
  const sink = new WritableStream<Uint8Array>({
    write(chunk) {
      try {
        take(chunk);
      } catch (error) {
        throw refusal = error;
      }
    },
  });
  try {
    await entry.getData(sink, { checkCrc32: true, useWebWorkers: false });
  } catch (error) {
    throw refusal ?? bad(`it is damaged (${(error as Error).message})`, error);
  }
  if (filled !== sizeBytes) throw bad(`it has ${filled} bytes, the archive declares ${sizeBytes}`);
  return bytes;
}

/** The first piece that a member inflates to, which holds the header of any array; none where it is damaged. */
async function firstBytes(entry: FileEntry): Promise<Uint8Array> {
  let start = new Uint8Array();
  const enough = new Error("enough");
  const sink = new WritableStream<Uint8Array>({
    write(chunk) {
      start = chunk.slice();
      throw enough;
    },
  });
  // It fails in any case; what is wrong with a damaged member shows in what came of it.
  await entry.getData(sink, { useWebWorkers: false }).catch(() => {});
  return start;
}

function allocate(sizeBytes: number, path: string): Uint8Array {
  try {
    return new Uint8Array(sizeBytes);
  } catch (cause) {
    throw new RangeError(`Cannot read "${path}": ${sizeBytes} bytes do not fit in memory`, {
      cause,
    });
  }
}

/** The reading end of zip.js over a source. */
class SourceReader extends Reader<ByteSource> {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super(source);
    this.#source = source;
    this.size = source.sizeBytes;
  }

  override readUint8Array(index: number, length: number): Promise<Uint8Array> {
    const start = Math.min(index, this.size);
    return this.#source.read(start, Math.min(length, this.size - start));
  }
}

/**
 * Encodes an archive as a stream of chunks, members in the given order, deflated at level 6; the bytes depend on the
 * content only. Holds one compressed member in memory at a time.
 */
export function streamNpz(
  members: readonly { name: string; value: NpyInput }[],
): AsyncIterable<Uint8Array> {
  let output: TransformStreamDefaultController<Uint8Array>;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      output = controller;
    },
  });
  const zip = new ZipWriter(writable, {
    level: 6,
    rawLastModDate: MEMBER_DATE,
    extendedTimestamp: false,
    // Readers that trust local headers then find the sizes there.
    dataDescriptor: false,
    useWebWorkers: false,
  });
  const write = async () => {
    for (const { name, value } of members) {
      const parts = encodeNpy(value);
      const uncompressedSize = parts.reduce((sum, part) => sum + part.length, 0);
      await zip.add(`${name}.npy`, ReadableStream.from(slices(parts)), { uncompressedSize });
    }
    await zip.close();
  };
  write().catch((error) => output.error(error));
  return readable;
}

/** Pieces small enough that compressing one does not hold up the program. */
function* slices(parts: readonly Uint8Array[], sizeBytes = 1 << 20): Generator<Uint8Array> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += sizeBytes) yield part.subarray(at, at + sizeBytes);
  }
}

/** Encodes an archive into memory; see `streamNpz`. */
export async function encodeNpz(
  members: readonly { name: string; value: NpyInput }[],
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of streamNpz(members)) chunks.push(chunk);
  return new Uint8Array(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}
