/**
 * LevelDB's sorted string table, which TensorFlow uses for checkpoint indices: data blocks of entries in key order, an
 * empty meta-index block, an index block with the place of each data block, and a footer.
 *
 * A block is entries, restart offsets (u32 each) and their number (u32); an entry is three varints (bytes shared with
 * the previous key, new key bytes, value bytes), the new key bytes and the value. After each block come its compression
 * (1 byte: 0 none, 1 Snappy) and the masked CRC-32C of block and compression byte.
 */
import { BinaryReader } from "./protobuf/wire.ts";
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { crc32c, maskCrc } from "./crc32c.ts";
import { decodeSnappy } from "./snappy.ts";

/** A key and its value. */
export type TableEntry = readonly [key: Uint8Array, value: Uint8Array];

/** The last 8 bytes of every table, as TensorFlow writes them. */
export const TABLE_MAGIC: Uint8Array = Uint8Array.fromHex("57fb808b247547db");

/** Two block handles padded to 40 bytes, and the magic number. */
export const FOOTER_BYTES = 48;

/** Compression type and checksum. */
export const TRAILER_BYTES = 5;

/** Where a block is; the size leaves out the trailer. */
interface BlockHandle {
  offset: number;
  sizeBytes: number;
}

/**
 * All entries of a table in key order, which is checked, as are the checksums of all blocks read; `path` is for
 * messages. Keys and values may share memory with `bytes`.
 *
 * @throws {FormatError} when the bytes are not such a table.
 */
export function readSortedTable(bytes: Uint8Array, path: string): TableEntry[] {
  const footer = bytes.subarray(-FOOTER_BYTES);
  if (footer.length < FOOTER_BYTES || TABLE_MAGIC.some((byte, i) => footer[40 + i] !== byte)) {
    throw new FormatError(
      `Cannot read "${path}": it does not end with the magic number of a TensorFlow checkpoint index; ` +
        "it is truncated or another kind of file",
      { path, offset: Math.max(0, bytes.length - 8) },
    );
  }
  const handles = new BinaryReader(footer);
  readHandle(handles, path); // of the meta-index, which is always empty
  const index = readHandle(handles, path);
  const entries: TableEntry[] = [];
  for (const [, value] of blockEntries(readBlock(bytes, index, path), path)) {
    const handle = readHandle(new BinaryReader(value), path);
    for (const entry of blockEntries(readBlock(bytes, handle, path), path)) {
      const previous = entries.at(-1);
      if (previous && compareBytes(previous[0], entry[0]) >= 0) {
        throw new FormatError(`Cannot read "${path}": its keys are out of order`, {
          path,
          offset: handle.offset,
        });
      }
      entries.push(entry);
    }
  }
  return entries;
}

/** Order of unsigned bytes, shorter first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = sharedLength(a, b);
  return shared === Math.min(a.length, b.length) ? a.length - b.length : a[shared] - b[shared];
}

/** Number of equal bytes at the start. */
export function sharedLength(a: Uint8Array, b: Uint8Array): number {
  const limit = Math.min(a.length, b.length);
  let length = 0;
  while (length < limit && a[length] === b[length]) length++;
  return length;
}

function readHandle(reader: BinaryReader, path: string): BlockHandle {
  try {
    return { offset: Number(reader.uint64()), sizeBytes: Number(reader.uint64()) };
  } catch (cause) {
    throw new FormatError(`Cannot read "${path}": a block's place is damaged`, { path, cause });
  }
}

/** The checked and decompressed content of a block. */
function readBlock(
  bytes: Uint8Array,
  { offset, sizeBytes }: BlockHandle,
  path: string,
): Uint8Array {
  const end = offset + sizeBytes;
  if (end + TRAILER_BYTES > bytes.length - FOOTER_BYTES) {
    throw new FormatError(
      `Cannot read "${path}": its block at ${offset} should end at ${end + TRAILER_BYTES}, ` +
        `the file has ${bytes.length} bytes`,
      { path, offset },
    );
  }
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end + 1, 4).getUint32(0, true);
  if (maskCrc(crc32c(bytes.subarray(offset, end + 1))) !== stored) {
    throw new FormatError(
      `Cannot read "${path}": the checksum of its block at ${offset} is wrong`,
      {
        path,
        offset,
      },
    );
  }
  const block = bytes.subarray(offset, end);
  const compression = bytes[end];
  if (compression === 0) return block;
  if (compression === 1) return decodeSnappy(block, path);
  throw new UnsupportedError(
    `Cannot read "${path}": compression of blocks must be 0 (none) or 1 (Snappy), current ${compression}`,
  );
}

function* blockEntries(block: Uint8Array, path: string): Generator<TableEntry> {
  const bad = (cause?: unknown) =>
    new FormatError(`Cannot read "${path}": a block's entries are damaged`, { path, cause });
  if (block.length < 4) throw bad();
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const restarts = view.getUint32(block.length - 4, true);
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) throw bad();
  const reader = new BinaryReader(block.subarray(0, end));
  let key = new Uint8Array(0);
  while (reader.pos < end) {
    let shared, unshared, valueBytes: number;
    try {
      [shared, unshared, valueBytes] = [reader.uint32(), reader.uint32(), reader.uint32()];
    } catch (error) {
      throw bad(error);
    }
    const keyEnd = reader.pos + unshared;
    if (shared > key.length || keyEnd + valueBytes > end) throw bad();
    const next = new Uint8Array(shared + unshared);
    next.set(key.subarray(0, shared));
    next.set(block.subarray(reader.pos, keyEnd), shared);
    key = next;
    yield [key, block.subarray(keyEnd, keyEnd + valueBytes)];
    reader.pos = keyEnd + valueBytes;
  }
}
