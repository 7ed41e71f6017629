import { BinaryWriter } from "./protobuf/wire.ts";
import { crc32c, maskCrc } from "./crc32c.ts";
import {
  compareBytes,
  FOOTER_BYTES,
  sharedLength,
  TABLE_MAGIC,
  type TableEntry,
  TRAILER_BYTES,
} from "./sorted_table.ts";

/** A data block is closed when its size reaches this, as in TensorFlow. */
const BLOCK_BYTES = 262_144;

/** Every this many entries of a data block, a key is written whole. */
const RESTART_INTERVAL = 16;

/**
 * Encodes entries, which must be in the order of their keys' unsigned bytes, exactly as TensorFlow does: uncompressed,
 * with its block sizes and its shortened keys in the index block.
 */
export function encodeSortedTable(entries: readonly TableEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let fileBytes = 0;
  /** Appends a block and its trailer; returns its handle. */
  const append = (block: Uint8Array): Uint8Array => {
    const handle = new BinaryWriter().uint64(fileBytes).uint64(block.length).finish();
    const trailer = new Uint8Array(TRAILER_BYTES); // compression 0: none
    const crc = crc32c(trailer.subarray(0, 1), crc32c(block));
    new DataView(trailer.buffer).setUint32(1, maskCrc(crc), true);
    parts.push(block, trailer);
    fileBytes += block.length + TRAILER_BYTES;
    return handle;
  };

  const index = new BlockBuilder(1);
  let block = new BlockBuilder(RESTART_INTERVAL);
  for (const [i, [key, value]] of entries.entries()) {
    const next = entries[i + 1]?.[0];
    if (next && compareBytes(key, next) >= 0) {
      throw new RangeError(`Cannot encode a table: entries ${i} and ${i + 1} are out of order`);
    }
    block.add(key, value);
    if (next && block.sizeBytes < BLOCK_BYTES) continue;
    index.add(next ? separator(key, next) : successor(key), append(block.finish()));
    block = new BlockBuilder(RESTART_INTERVAL);
  }
  const metaHandle = append(new BlockBuilder(1).finish());
  const indexHandle = append(index.finish());

  const footer = new Uint8Array(FOOTER_BYTES);
  footer.set([...metaHandle, ...indexHandle]);
  footer.set(TABLE_MAGIC, FOOTER_BYTES - TABLE_MAGIC.length);
  const table = new Uint8Array(fileBytes + FOOTER_BYTES);
  let at = 0;
  for (const part of [...parts, footer]) {
    table.set(part, at);
    at += part.length;
  }
  return table;
}

class BlockBuilder {
  readonly #parts: Uint8Array[] = [];
  readonly #restarts = [0];
  #entryBytes = 0;
  #entries = 0;
  #previous: Uint8Array = new Uint8Array(0);

  constructor(private readonly restartInterval: number) {}

  /** Size that the block has when it is finished now. */
  get sizeBytes(): number {
    return this.#entryBytes + 4 * this.#restarts.length + 4;
  }

  add(key: Uint8Array, value: Uint8Array): void {
    const isRestart = this.#entries % this.restartInterval === 0;
    if (isRestart && this.#entries > 0) this.#restarts.push(this.#entryBytes);
    const shared = isRestart ? 0 : sharedLength(this.#previous, key);
    const lengths = new BinaryWriter().uint32(shared).uint32(key.length - shared).uint32(
      value.length,
    );
    const entry = lengths.raw(key.subarray(shared)).raw(value).finish();
    this.#parts.push(entry);
    this.#entryBytes += entry.length;
    this.#entries++;
    this.#previous = key;
  }

  finish(): Uint8Array {
    const block = new Uint8Array(this.sizeBytes);
    let at = 0;
    for (const part of this.#parts) {
      block.set(part, at);
      at += part.length;
    }
    const tail = new DataView(block.buffer, at);
    for (const [i, restart] of this.#restarts.entries()) tail.setUint32(4 * i, restart, true);
    tail.setUint32(4 * this.#restarts.length, this.#restarts.length, true);
    return block;
  }
}

/** A short key that is at least `key` and below `next`. */
function separator(key: Uint8Array, next: Uint8Array): Uint8Array {
  const shared = sharedLength(key, next);
  const canGrow = shared < Math.min(key.length, next.length) && key[shared] < 0xff &&
    key[shared] + 1 < next[shared];
  return canGrow ? incremented(key, shared) : key;
}

/** A short key that is above `key`; `key` itself where all its bytes are ff. */
function successor(key: Uint8Array): Uint8Array {
  const at = key.findIndex((byte) => byte !== 0xff);
  return at < 0 ? key : incremented(key, at);
}

/** `key` up to byte `at`, which grows by one. */
function incremented(key: Uint8Array, at: number): Uint8Array {
  const short = key.slice(0, at + 1);
  short[at]++;
  return short;
}
