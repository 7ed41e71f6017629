/**
 * TFRecord: `u64 length | u32 masked CRC of the length | data | u32 masked CRC of the data`, one after the other, with no
 * header and no index. Coordinate files are such a stream inside gzip; event files are not compressed.
 */
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { FormatError } from "../errors/errors.ts";
import { crc32c, maskCrc } from "./crc32c.ts";

/** Bytes before and after the data of a record. */
const HEADER_BYTES = 12;
const TRAILER_BYTES = 4;

/** No program writes records of this size; a length beyond it is damage that two checksums did not show. */
const MAX_RECORD_BYTES = 2 ** 30;

/** One record of a stream. */
export interface TfRecord {
  readonly data: Uint8Array;
  /** Position in the stream, from 0. */
  readonly number: number;
  /** Byte at which its header begins, in the uncompressed stream. */
  readonly offset: number;
}

/** A record with its frame. */
export function encodeRecord(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + data.length + TRAILER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskCrc(crc32c(bytes.subarray(0, 8))), true);
  bytes.set(data, HEADER_BYTES);
  view.setUint32(HEADER_BYTES + data.length, maskCrc(crc32c(data)), true);
  return bytes;
}

/** Cuts a stream of bytes into records, checking both checksums of each. */
export class RecordSplitter {
  readonly #path: string;
  #rest: Uint8Array = new Uint8Array(0);
  #number = 0;
  #offset = 0;

  /** @param path What the bytes come from, for messages. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Takes the next bytes and gives the records that they complete.
   *
   * @throws {FormatError} naming number and offset of the record whose checksum is wrong.
   */
  push(chunk: Uint8Array): TfRecord[] {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const records: TfRecord[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const length = this.#lengthAt(view, at);
      const end = at + HEADER_BYTES + length + TRAILER_BYTES;
      if (end > bytes.length) break;
      const data = bytes.subarray(at + HEADER_BYTES, end - TRAILER_BYTES);
      if (view.getUint32(end - TRAILER_BYTES, true) !== maskCrc(crc32c(data))) {
        throw this.#damaged("the checksum of its data is wrong");
      }
      records.push({ data, number: this.#number, offset: this.#offset });
      this.#number++;
      this.#offset += end - at;
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return records;
  }

  /** @throws {FormatError} when the stream ended inside a record. */
  finish(): void {
    if (this.#rest.length > 0) throw this.#damaged("the file ends inside it");
  }

  /** The error for a stream that broke off, with the place that was reached. */
  broken(cause: unknown): FormatError {
    return this.#damaged((cause as Error).message, cause);
  }

  #lengthAt(view: DataView, at: number): number {
    const length = Number(view.getBigUint64(at, true));
    const header = new Uint8Array(view.buffer, view.byteOffset + at, 8);
    if (view.getUint32(at + 8, true) !== maskCrc(crc32c(header))) {
      throw this.#damaged("the checksum of its length is wrong");
    }
    if (length > MAX_RECORD_BYTES) {
      throw this.#damaged(`it may have ${MAX_RECORD_BYTES} bytes, current length is ${length}`);
    }
    return length;
  }

  #damaged(what: string, cause?: unknown): FormatError {
    return new FormatError(
      `Cannot read record ${this.#number} of "${this.#path}" at byte ${this.#offset}: ${what}`,
      { path: this.#path, offset: this.#offset, cause },
    );
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * Records of a stream of bytes, which may be gzip in any number of members.
 *
 * @param path Where the bytes come from, for messages.
 * @throws {FormatError} with number and offset of the record that is damaged or incomplete.
 */
export async function* readRecords(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
): AsyncGenerator<TfRecord> {
  const splitter = new RecordSplitter(path);
  const plain = gunzipped(chunks)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await plain.next().catch((cause) => {
        throw isZlibError(cause) ? splitter.broken(cause) : cause;
      });
      if (next.done) break;
      yield* splitter.push(next.value);
    }
    splitter.finish();
  } finally {
    await plain.return?.(undefined);
  }
}

function isZlibError(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && String(cause.code).startsWith("Z_");
}

/** The same bytes, decompressed where they begin like gzip. */
async function* gunzipped(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const source = chunks[Symbol.asyncIterator]();
  try {
    let start: Uint8Array = new Uint8Array(0);
    for (let next; start.length < 2 && !(next = await source.next()).done;) {
      start = joined(start, next.value);
    }
    const whole = startingWith(start, source);
    // Only this decoder goes on after the first member.
    if (start[0] !== 0x1f || start[1] !== 0x8b) yield* whole;
    else yield* pipeline(Readable.from(whole), createGunzip({ chunkSize: 2 ** 18 }), () => {});
  } finally {
    await source.return?.(undefined);
  }
}

async function* startingWith(
  start: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start;
  for (let next; !(next = await rest.next()).done;) yield next.value;
}
