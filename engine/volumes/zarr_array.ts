/** One array of a Zarr hierarchy, of version 2 or 3, in terms of chunks. */
import * as zarr from "npm:zarrita@0.7.5";
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { parseJsonObject } from "../formats/json_document.ts";
import type { JsonObject } from "../formats/json_document.ts";
import {
  arrayConstructor,
  type DType,
  elementCount,
  type TypedArray,
} from "../formats/nd_array.ts";
import { registerZarrCodecs } from "../formats/zarr_codecs.ts";
import { checkZarr2, checkZarr3, type ZarrArrayMetadata } from "../formats/zarr_metadata.ts";
import { type ChunkedArray, chunkExtent, copyBlock, stridesOf } from "./chunked_array.ts";
import type { ObjectStore } from "./object_store.ts";

/** What stands at a path of a hierarchy. */
export type ZarrNode =
  | { readonly kind: "array"; readonly metadata: ZarrArrayMetadata; readonly version: 2 | 3 }
  | { readonly kind: "group"; readonly attributes: JsonObject };

/**
 * Reads what stands at a path, without any chunk; null where there is nothing.
 *
 * @throws {FormatError} when its metadata are damaged.
 */
export async function readZarrNode(store: ObjectStore, path: string): Promise<ZarrNode | null> {
  const read = async (name: string) => {
    const bytes = await store.get(joinKey(path, name));
    return bytes && parseJsonObject(bytes, `${store.location}/${joinKey(path, name)}`);
  };
  const place = `${store.location}/${path}`.replace(/\/$/, "");
  const three = await read("zarr.json");
  if (three !== undefined) {
    if (three.zarr_format !== 3) {
      throw new FormatError(`Cannot open "${place}": its zarr.json is not of version 3`, {
        path: place,
      });
    }
    if (three.node_type === "array") {
      return { kind: "array", metadata: checkZarr3(three, place), version: 3 };
    }
    return { kind: "group", attributes: (three.attributes ?? {}) as JsonObject };
  }
  const two = await read(".zarray");
  if (two !== undefined) {
    const attributes = await read(".zattrs") ?? {};
    return { kind: "array", metadata: checkZarr2(two, attributes, place), version: 2 };
  }
  const group = await read(".zgroup");
  if (group === undefined) return null;
  return { kind: "group", attributes: await read(".zattrs") ?? {} };
}

/** `a/b` of `a` and `b`; `b` where `a` is empty. */
export function joinKey(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

type AnyArray = zarr.Array<zarr.DataType, zarr.Readable>;

/** Chunks through zarrita. Inside shards, the small chunks are the chunks. */
export class ZarrArray implements ChunkedArray {
  readonly location: string;
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly dtype: DType;
  readonly storeChunk?: (index: readonly number[], data: TypedArray) => Promise<void>;
  readonly #array: AnyArray;

  private constructor(
    location: string,
    metadata: ZarrArrayMetadata,
    array: AnyArray,
    isWritable: boolean,
  ) {
    this.location = location;
    this.shape = metadata.shape;
    this.dtype = metadata.dtype;
    this.chunkShape = array.chunks;
    this.#array = array;
    if (isWritable) this.storeChunk = (index, data) => this.#storeChunk(index, data);
  }

  /** @param isWritable Whether chunks may be stored. */
  static async open(
    store: ObjectStore,
    path: string,
    { metadata, version }: ZarrNode & { kind: "array" },
    isWritable: boolean = false,
  ): Promise<ZarrArray> {
    registerZarrCodecs();
    const location = `${store.location}/${path}`.replace(/\/$/, "");
    const adapter = adapterOf(store, path, version, metadata.document);
    const place = new zarr.Location(adapter, `/${path}`);
    const opened = await naming(
      location,
      async () =>
        version === 3
          ? new zarr.Array(adapter, place.path, metadata.document as never) as AnyArray
          : await zarr.open.v2(place, { kind: "array", attrs: false }) as AnyArray,
    );
    return new ZarrArray(location, metadata, opened, isWritable && store.set !== undefined);
  }

  async loadChunk(index: readonly number[]): Promise<TypedArray> {
    const chunk = await naming(this.location, () => this.#array.getChunk([...index]));
    const data = plain(chunk.data, this.dtype);
    if (data.length !== elementCount(this.chunkShape)) return data;
    const extent = chunkExtent(this, index);
    const strides = stridesOf(extent);
    const isSame = strides.every((n, d) => n === chunk.stride[d]) &&
      extent.every((n, d) => n === this.chunkShape[d]);
    if (isSame) return data;
    const out = new (arrayConstructor(this.dtype))(elementCount(extent));
    copyBlock(extent, data, { offset: 0, strides: chunk.stride }, out, { offset: 0, strides });
    return out;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async #storeChunk(index: readonly number[], data: TypedArray): Promise<void> {
    const shape = chunkExtent(this, index);
    const selection = shape.map((n, d) => {
      const start = index[d] * this.chunkShape[d];
      return zarr.slice(start, start + n);
    });
    const value = { data: wrapped(data, this.dtype), shape, stride: stridesOf(shape) };
    const array = this.#array as zarr.Array<zarr.DataType, zarr.Mutable>;
    await naming(this.location, () => zarr.set(array, selection, value as never));
  }
}

/** A store as zarrita wants it: absolute keys, and the checked metadata in place of the stored ones. */
function adapterOf(store: ObjectStore, path: string, version: 2 | 3, document: JsonObject) {
  const metadataKey = joinKey(path, version === 3 ? "zarr.json" : ".zarray");
  return {
    get: (key: `/${string}`) =>
      key.slice(1) === metadataKey
        ? Promise.resolve(new TextEncoder().encode(JSON.stringify(document)))
        : store.get(key.slice(1)),
    getRange: (
      key: `/${string}`,
      range: { offset: number; length: number } | { suffixLength: number },
    ) => store.getRange(key.slice(1), range),
    set: (key: `/${string}`, bytes: Uint8Array) => store.set!(key.slice(1), bytes),
  };
}

/** zarrita has own arrays for booleans, and 16-bit floats are bit patterns here. */
function plain(data: unknown, dtype: DType): TypedArray {
  if (dtype !== "bool" && dtype !== "float16") return data as TypedArray;
  const { buffer, byteOffset, length } = data as Uint8Array;
  return new (arrayConstructor(dtype))(buffer as ArrayBuffer, byteOffset ?? 0, length);
}

function wrapped(data: TypedArray, dtype: DType): unknown {
  const buffer = data.buffer as ArrayBuffer;
  if (dtype === "bool") return new zarr.BoolArray(buffer, data.byteOffset, data.length);
  if (dtype === "float16") return new Float16Array(buffer, data.byteOffset, data.length);
  return data;
}

/** Turns the library's failures into errors that name the place. */
async function naming<T>(location: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (zarr.isZarritaError(error, "UnknownCodecError")) {
      throw new UnsupportedError(
        `Cannot read "${location}": no codec "${error.codec}", there are gzip, zlib, zstd, blosc, lz4, ` +
          `crc32c, transpose, shuffle, delta and sharding_indexed`,
        { cause: error },
      );
    }
    if (zarr.isZarritaError(error)) {
      const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
      throw new FormatError(`Cannot read "${location}": ${error.message}${cause}`, {
        path: location,
        cause: error,
      });
    }
    // What a store throws names its object; the rest comes from the library.
    if (error instanceof Error && /^Cannot /.test(error.message)) throw error;
    throw new FormatError(`Cannot read "${location}": ${(error as Error).message}`, {
      path: location,
      cause: error,
    });
  }
}
