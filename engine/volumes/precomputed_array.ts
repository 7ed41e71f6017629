/** One scale of a Neuroglancer precomputed volume in terms of chunks; stored dimensions are channel, z, y, x. */
import { gzipSync } from "node:zlib";
import { FormatError } from "../errors/errors.ts";
import {
  decodeCompressedSegmentation,
  encodeCompressedSegmentation,
  type Labels,
} from "../formats/compressed_segmentation.ts";
import { arrayConstructor, type DType, elementCount, itemSize } from "../formats/nd_array.ts";
import type { TypedArray } from "../formats/nd_array.ts";
import type { PrecomputedInfo, PrecomputedScale } from "../formats/precomputed_info.ts";
import { chunkNumber } from "../formats/precomputed_shard.ts";
import { mapZyx } from "../geometry/vectors.ts";
import { type ChunkedArray, chunkExtent } from "./chunked_array.ts";
import type { ObjectStore } from "./object_store.ts";
import { ShardReader, unpackGzip } from "./shard_reader.ts";

/** How chunks are stored by a writer. */
export interface PrecomputedWriting {
  /** Packs each chunk as `NAME.gz`, which cloud-volume writes too; web servers must then be told. */
  readonly gzip: boolean;
}

/** Chunks of one scale, in files of their own or in shards. Missing ones hold zeros. */
export class PrecomputedArray implements ChunkedArray {
  readonly location: string;
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly dtype: DType;
  readonly storeChunk?: (index: readonly number[], data: TypedArray) => Promise<void>;
  readonly #store: ObjectStore;
  readonly #scale: PrecomputedScale;
  readonly #shards: ShardReader | null;

  /** @param writing Lets chunks be stored. */
  constructor(
    store: ObjectStore,
    { dtype, channels }: PrecomputedInfo,
    scale: PrecomputedScale,
    writing?: PrecomputedWriting,
  ) {
    this.location = `${store.location}/${scale.key}`;
    this.shape = [channels, ...scale.size];
    this.chunkShape = [channels, ...scale.chunkSize];
    this.dtype = dtype;
    this.#store = store;
    this.#scale = scale;
    this.#shards = scale.sharding ? new ShardReader(store, scale.key, scale.sharding) : null;
    if (writing && store.set) {
      this.storeChunk = (index, data) => this.#storeChunk(index, data, writing);
    }
  }

  async loadChunk(index: readonly number[]): Promise<TypedArray> {
    const extent = chunkExtent(this, index);
    const type = arrayConstructor(this.dtype);
    const name = this.#nameOf(index);
    const packed = this.#shards === null
      ? await this.#store.get(name) ?? await this.#packedFile(name)
      : await this.#shards.read(this.#numberOf(index));
    if (packed === undefined) return new type(elementCount(extent));
    const path = `${this.#store.location}/${name}`;
    const rawBytes = elementCount(extent) * itemSize(this.dtype);
    // Compressed segmentation is at worst a little larger than raw: heads and tables of tiny blocks.
    const most = 16 * rawBytes + 2 ** 16;
    const bytes = packed[0] === 0x1f && packed[1] === 0x8b && packed.length !== rawBytes
      ? await unpackGzip(packed, most, path)
      : packed;
    const { encoding, blockSize } = this.#scale;
    if (encoding === "compressed_segmentation") {
      const [channels, z, y, x] = extent;
      const dtype = this.dtype as "uint32" | "uint64";
      return decodeCompressedSegmentation(bytes, dtype, channels, [z, y, x], blockSize, path);
    }
    if (bytes.length === rawBytes) return new type(Uint8Array.from(bytes).buffer);
    throw new FormatError(
      `Cannot read "${path}": a chunk of [${
        extent.join(", ")
      }] ${this.dtype} has ${rawBytes} bytes, ` +
        `current ${bytes.length}`,
      { path },
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async #storeChunk(
    index: readonly number[],
    data: TypedArray,
    { gzip }: PrecomputedWriting,
  ): Promise<void> {
    const [, z, y, x] = chunkExtent(this, index);
    const bytes = this.#scale.encoding === "raw"
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : encodeCompressedSegmentation(data as Labels, [z, y, x], this.#scale.blockSize);
    const name = this.#nameOf(index);
    await this.#store.set!(gzip ? `${name}.gz` : name, gzip ? gzipSync(bytes) : bytes);
  }

  /** Packed files have a name of their own in folders; web servers unpack them on the way. */
  #packedFile(name: string): Promise<Uint8Array | undefined> {
    return this.#store.set ? this.#store.get(`${name}.gz`) : Promise.resolve(undefined);
  }

  /** `key/x0-x1_y0-y1_z0-z1`, in voxels from the data set's origin. */
  #nameOf([, ...index]: readonly number[]): string {
    const { key, offset, size, chunkSize } = this.#scale;
    const ranges = index.map((n, axis) => {
      const end = Math.min(size[axis], (n + 1) * chunkSize[axis]);
      return `${offset[axis] + n * chunkSize[axis]}-${offset[axis] + end}`;
    });
    return `${key}/${ranges.reverse().join("_")}`;
  }

  #numberOf([, z, y, x]: readonly number[]): bigint {
    const { size, chunkSize } = this.#scale;
    return chunkNumber([z, y, x], mapZyx((n, c) => Math.ceil(n / c), size, chunkSize));
  }
}
