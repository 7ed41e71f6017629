/**
 * The index of a TensorFlow V2 checkpoint ("tensor bundle"): a sorted table from variable names to `BundleEntryProto`,
 * with a `BundleHeaderProto` under the empty key.
 */
import { BinaryReader, BinaryWriter } from "./protobuf/wire.ts";
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { type DType, elementCount, itemSize } from "./nd_array.ts";
import { compareBytes, readSortedTable, type TableEntry } from "./sorted_table.ts";
import { encodeSortedTable } from "./sorted_table_writer.ts";

/** Where a variable is and what it looks like. */
export interface BundleEntry {
  /** A `DType`, or the name of a type that we list but do not read: `string`, `bfloat16`, `TensorFlow type 21`. */
  readonly type: string;
  readonly shape: readonly number[];
  /** Number of the data file. */
  readonly shard: number;
  readonly offset: number;
  readonly sizeBytes: number;
  /** Masked CRC-32C of the bytes. */
  readonly maskedCrc: number;
}

export interface BundleIndex {
  readonly shardCount: number;
  /** By variable name, in the order of the names' UTF-8 bytes. */
  readonly entries: ReadonlyMap<string, BundleEntry>;
}

/** Numbers of `tensorflow.DataType`. */
const TYPES = new Map<number, string>([
  [1, "float32"],
  [2, "float64"],
  [3, "int32"],
  [4, "uint8"],
  [5, "int16"],
  [6, "int8"],
  [7, "string"],
  [9, "int64"],
  [10, "bool"],
  [14, "bfloat16"],
  [17, "uint16"],
  [19, "float16"],
  [22, "uint32"],
  [23, "uint64"],
]);

const TYPE_NUMBERS = new Map([...TYPES].map(([number, name]) => [name, number]));

const NOT_READABLE = ["string", "bfloat16"];

/** Newest format that we read; TensorFlow has written only this one. */
const FORMAT_VERSION = 1;

/** Variable under which object-based TensorFlow 2 checkpoints keep their object graph. */
const OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH";

/** Whether values of the type can be read. */
export function isReadable(type: string): type is DType {
  return TYPE_NUMBERS.has(type) && !NOT_READABLE.includes(type);
}

/**
 * Decodes a whole `.index` file, checking all its checksums; `path` is for messages.
 *
 * @throws {FormatError} when it is damaged, {@linkcode UnsupportedError} for checkpoints of a kind that we do not read.
 */
export function decodeBundleIndex(bytes: Uint8Array, path: string): BundleIndex {
  const [first, ...rest] = readSortedTable(bytes, path);
  if (first?.[0].length !== 0) {
    throw new FormatError(`Cannot read "${path}": it has no header entry`, { path });
  }
  const shardCount = parseHeader(first[1], path);
  const entries = new Map<string, BundleEntry>();
  for (const [key, value] of rest) {
    // Only the parts of partitioned variables have binary keys.
    if (key[0] === 0) throw partitioned(path);
    const name = new TextDecoder().decode(key);
    if (name === OBJECT_GRAPH) {
      throw new UnsupportedError(
        `Cannot read "${path}": object-based TensorFlow 2 checkpoints and SavedModels are not supported, ` +
          "save the variables by name with tf.compat.v1.train.Saver",
      );
    }
    const entry = parseEntry(value, `${path}:${name}`);
    if (entry.shard >= shardCount) {
      throw new FormatError(
        `Cannot read "${path}": variable "${name}" is in data file ${entry.shard} of ${shardCount}`,
        { path },
      );
    }
    entries.set(name, entry);
  }
  return { shardCount, entries };
}

/** Encodes an index exactly as TensorFlow does; the entries may come in any order. */
export function encodeBundleIndex({ shardCount, entries }: BundleIndex): Uint8Array {
  const version = new BinaryWriter().uint32(0x08).int32(FORMAT_VERSION).finish();
  const header = new BinaryWriter().uint32(0x08).int32(shardCount).uint32(0x1a).bytes(version);
  const table: TableEntry[] = [[new Uint8Array(0), header.finish()]];
  for (const [name, entry] of entries) {
    table.push([new TextEncoder().encode(name), encodeEntry(entry)]);
  }
  table.sort(([a], [b]) => compareBytes(a, b));
  return encodeSortedTable(table);
}

function partitioned(path: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot read "${path}": partitioned variables are not supported, save them whole`,
  );
}

/** Calls `take` with each tag (field number << 3 | wire type) of a message; it says whether it consumed the value. */
function eachField(
  bytes: Uint8Array,
  path: string,
  take: (tag: number, reader: BinaryReader) => boolean,
): void {
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag();
      if (!take((field << 3) | wireType, reader)) reader.skip(wireType, field);
    }
  } catch (cause) {
    if (cause instanceof FormatError || cause instanceof UnsupportedError) throw cause;
    throw new FormatError(`Cannot read "${path}": its message is damaged`, { path, cause });
  }
}

/** A size or offset. */
function count(reader: BinaryReader, path: string): number {
  const value = Number(reader.int64());
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new FormatError(`Cannot read "${path}": sizes must be at least 0, current ${value}`, {
    path,
  });
}

/** Number of data files. */
function parseHeader(bytes: Uint8Array, path: string): number {
  let shardCount = 0;
  let bigEndian = false;
  let minConsumer = 0;
  eachField(bytes, path, (tag, reader) => {
    if (tag === 0x08) shardCount = reader.int32();
    else if (tag === 0x10) bigEndian = reader.int32() !== 0;
    else if (tag === 0x1a) {
      eachField(reader.bytes(), path, (tag, reader) => {
        if (tag === 0x10) minConsumer = reader.int32();
        return tag === 0x10;
      });
    } else return false;
    return true;
  });
  if (bigEndian) {
    throw new UnsupportedError(
      `Cannot read "${path}": the checkpoint is big-endian, only little-endian ones are supported`,
    );
  }
  if (minConsumer > FORMAT_VERSION) {
    throw new UnsupportedError(
      `Cannot read "${path}": it needs a reader of version ${minConsumer}, current ${FORMAT_VERSION}`,
    );
  }
  if (shardCount < 1) {
    throw new FormatError(`Cannot read "${path}": it must have data files, current ${shardCount}`, {
      path,
    });
  }
  return shardCount;
}

function parseEntry(bytes: Uint8Array, path: string): BundleEntry {
  let type = "TensorFlow type 0";
  let shape: number[] | null = null;
  let [shard, offset, sizeBytes, maskedCrc] = [0, 0, 0, 0];
  eachField(bytes, path, (tag, reader) => {
    if (tag === 0x08) {
      const number = reader.int32();
      type = TYPES.get(number) ?? `TensorFlow type ${number}`;
    } else if (tag === 0x12) shape = parseShape(reader.bytes(), path);
    else if (tag === 0x18) shard = count(reader, path);
    else if (tag === 0x20) offset = count(reader, path);
    else if (tag === 0x28) sizeBytes = count(reader, path);
    else if (tag === 0x35) maskedCrc = reader.fixed32();
    else if (tag === 0x3a) throw partitioned(path);
    else return false;
    return true;
  });
  if (shape === null) throw new FormatError(`Cannot read "${path}": it has no shape`, { path });
  const wantedBytes = isReadable(type) ? elementCount(shape) * itemSize(type) : sizeBytes;
  if (sizeBytes !== wantedBytes) {
    throw new FormatError(
      `Cannot read "${path}": ${type} [${
        (shape as number[]).join(", ")
      }] needs ${wantedBytes} bytes, ` +
        `current ${sizeBytes}`,
      { path },
    );
  }
  return { type, shape, shard, offset, sizeBytes, maskedCrc };
}

function parseShape(bytes: Uint8Array, path: string): number[] {
  const shape: number[] = [];
  eachField(bytes, path, (tag, reader) => {
    if (tag === 0x12) {
      let extent = 0;
      eachField(reader.bytes(), path, (tag, reader) => {
        if (tag === 0x08) extent = count(reader, path);
        return tag === 0x08;
      });
      shape.push(extent);
    } else if (tag === 0x18 && reader.bool()) {
      throw new FormatError(`Cannot read "${path}": its shape is unknown`, { path });
    } else return tag === 0x18;
    return true;
  });
  return shape;
}

/** Fields in ascending order, those of value zero left out but for the shape. */
function encodeEntry(entry: BundleEntry): Uint8Array {
  const shape = new BinaryWriter();
  for (const extent of entry.shape) {
    const dimension = new BinaryWriter();
    if (extent > 0) dimension.uint32(0x08).int64(extent);
    shape.uint32(0x12).bytes(dimension.finish());
  }
  const writer = new BinaryWriter().uint32(0x08).int32(TYPE_NUMBERS.get(entry.type)!);
  writer.uint32(0x12).bytes(shape.finish());
  if (entry.shard > 0) writer.uint32(0x18).int32(entry.shard);
  if (entry.offset > 0) writer.uint32(0x20).int64(entry.offset);
  if (entry.sizeBytes > 0) writer.uint32(0x28).int64(entry.sizeBytes);
  if (entry.maskedCrc > 0) writer.uint32(0x35).fixed32(entry.maskedCrc);
  return writer.finish();
}
