import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { FormatError } from "../errors/errors.ts";
import { parseMinishardIndex, type Sharding, shardPlace } from "../formats/precomputed_shard.ts";
import { MAX_OBJECT_BYTES, type ObjectStore, tooLarge } from "./object_store.ts";

type Index = Awaited<ReturnType<typeof parseMinishardIndex>>;

/** Indices of minishards that are kept; one lists some thousand chunks. */
const MOST_INDICES = 64;
/** An index of more chunks has been damaged. */
const MAX_INDEX_BYTES = 2 ** 26;

/** Finds chunks in the shards of one scale by parts of their files. */
export class ShardReader {
  readonly #store: ObjectStore;
  readonly #folder: string;
  readonly #sharding: Sharding;
  /** By shard and minishard, the least recently used first; null where the shard has none. */
  readonly #indices = new Map<string, Promise<Index | null>>();

  /** @param folder Of the shards in the store. */
  constructor(store: ObjectStore, folder: string, sharding: Sharding) {
    this.#store = store;
    this.#folder = folder;
    this.#sharding = sharding;
  }

  /** The bytes of a chunk as they are encoded, or undefined where it was not written. */
  async read(chunk: bigint): Promise<Uint8Array | undefined> {
    const { file, entryOffset, dataStart } = shardPlace(this.#sharding, chunk);
    const key = `${this.#folder}/${file}`;
    const place = (await this.#index(key, entryOffset, dataStart))?.get(chunk);
    if (place === undefined) return undefined;
    const [offset, length] = place;
    const bytes = await this.#part(key, dataStart + offset, length);
    if (this.#sharding.dataEncoding === "raw") return bytes;
    return unpackGzip(bytes, MAX_OBJECT_BYTES, `${this.#store.location}/${key}`);
  }

  #index(key: string, entryOffset: number, dataStart: number): Promise<Index | null> {
    const name = `${key} ${entryOffset}`;
    const index = this.#indices.get(name) ?? this.#loadIndex(key, entryOffset, dataStart);
    this.#indices.delete(name);
    this.#indices.set(name, index);
    index.catch(() => this.#indices.get(name) === index && this.#indices.delete(name));
    if (this.#indices.size > MOST_INDICES) {
      this.#indices.delete(this.#indices.keys().next().value!);
    }
    return index;
  }

  async #loadIndex(key: string, entryOffset: number, dataStart: number): Promise<Index | null> {
    const entry = await this.#store.getRange(key, { offset: entryOffset, length: 16 });
    if (entry === undefined) return null;
    const path = `${this.#store.location}/${key}`;
    if (entry.length < 16) throw damaged(path, "its list of minishards ends too early");
    const view = new DataView(entry.buffer, entry.byteOffset);
    const [start, end] = [0, 8].map((at) => Number(view.getBigUint64(at, true)));
    if (start === end) return null;
    if (end < start || end - start > MAX_INDEX_BYTES) {
      throw damaged(path, `an index lies from ${start} to ${end}`);
    }
    const bytes = await this.#part(key, dataStart + start, end - start);
    const isPacked = this.#sharding.indexEncoding === "gzip";
    return parseMinishardIndex(
      isPacked ? await unpackGzip(bytes, MAX_INDEX_BYTES, path) : bytes,
      path,
    );
  }

  async #part(key: string, offset: number, length: number): Promise<Uint8Array> {
    const path = `${this.#store.location}/${key}`;
    if (length > MAX_OBJECT_BYTES) throw tooLarge(path, length);
    const bytes = await this.#store.getRange(key, { offset, length });
    if (bytes?.length === length) return bytes;
    throw damaged(path, `${length} bytes are wanted at ${offset}, there are ${bytes?.length ?? 0}`);
  }
}

/** @throws {FormatError} when the bytes are damaged, or unpack to more than `most`. */
export async function unpackGzip(
  bytes: Uint8Array,
  most: number,
  path: string,
): Promise<Uint8Array> {
  try {
    // A copy, because elements must stand at multiples of their size and node shares buffers.
    return Uint8Array.from(
      await promisify<Uint8Array, { maxOutputLength: number }, Uint8Array>(gunzip)(
        bytes,
        { maxOutputLength: most },
      ),
    );
  } catch (cause) {
    throw new FormatError(`Cannot read "${path}": ${(cause as Error).message}`, { path, cause });
  }
}

function damaged(path: string, problem: string): FormatError {
  return new FormatError(`Cannot read "${path}": ${problem}; the shard is damaged`, { path });
}
