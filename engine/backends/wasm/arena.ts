/** Memory shared by all threads of a wasm backend, handed out in aligned pieces. */
import { UnsupportedError } from "../../errors/errors.ts";

const PAGE_BYTES = 65536;

/** What 32-bit addresses reach. The system backs a page with real memory only when it is first written. */
const MAX_BYTES = 65536 * PAGE_BYTES;

/** Less than this is of no use to any network. */
const MIN_BYTES = 64 * 1024 * 1024;

/** A cache line: pieces of different threads never share one. */
const ALIGNMENT = 64;

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/**
 * Reserves shared memory of a fixed size, so that no thread ever has to learn that it grew. Where the system refuses, half
 * as much is tried.
 */
function reserve(bytes: number): WebAssembly.Memory {
  for (let size = bytes; size >= MIN_BYTES; size /= 2) {
    const pages = Math.floor(size / PAGE_BYTES);
    try {
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
    }
  }
  throw new UnsupportedError(
    `Cannot reserve shared memory for the wasm backend: the system refuses even ${MIN_BYTES} bytes; free memory or lift the limit on address space (ulimit -v)`,
  );
}

/** A piece of memory that nobody uses. */
interface Gap {
  address: number;
  bytes: number;
}

/** First-fit allocator over one shared memory; address 0 is never handed out. */
export class Arena {
  readonly memory: WebAssembly.Memory;
  readonly #capacity: number;
  /** Sorted by address, never adjacent. */
  readonly #gaps: Gap[];
  readonly #sizes = new Map<number, number>();
  /** Memory from here on was never handed out and is still zero. */
  #fresh = ALIGNMENT;

  constructor(bytes: number = MAX_BYTES) {
    if (!(bytes >= MIN_BYTES && bytes <= MAX_BYTES)) {
      throw new RangeError(
        `Cannot reserve ${bytes} bytes for the wasm backend: it takes ${MIN_BYTES} to ${MAX_BYTES}`,
      );
    }
    this.memory = reserve(bytes);
    this.#capacity = this.memory.buffer.byteLength;
    this.#gaps = [{ address: ALIGNMENT, bytes: this.#capacity - ALIGNMENT }];
  }

  /** Bytes in use. */
  get used(): number {
    return [...this.#sizes.values()].reduce((a, b) => a + b, 0);
  }

  /**
   * Address of zero-filled memory, aligned to a cache line.
   *
   * @throws {RangeError} when no gap is large enough.
   */
  allocate(bytes: number, label: string): number {
    const size = roundUp(Math.max(bytes, 1));
    const index = this.#gaps.findIndex((gap) => gap.bytes >= size);
    if (index < 0) {
      throw new RangeError(
        `Cannot allocate ${bytes} bytes for "${label}" on the wasm backend: ${this.used} of ${this.#capacity} bytes are in use; use a smaller batch_size or field of view`,
      );
    }
    const gap = this.#gaps[index];
    const { address } = gap;
    gap.address += size;
    gap.bytes -= size;
    if (gap.bytes === 0) this.#gaps.splice(index, 1);
    this.#sizes.set(address, size);
    const used = Math.min(this.#fresh, address + size) - address;
    if (used > 0) new Uint8Array(this.memory.buffer, address, used).fill(0);
    this.#fresh = Math.max(this.#fresh, address + size);
    return address;
  }

  /** Gives memory back; an address that is not in use is ignored, so that disposing twice is harmless. */
  free(address: number): void {
    const bytes = this.#sizes.get(address);
    if (bytes === undefined) return;
    this.#sizes.delete(address);
    const after = this.#gaps.findIndex((gap) => gap.address > address);
    const index = after < 0 ? this.#gaps.length : after;
    this.#gaps.splice(index, 0, { address, bytes });
    this.#join(index);
    if (index > 0) this.#join(index - 1);
  }

  /** Joins a gap with the next one where they touch. */
  #join(index: number): void {
    const [gap, next] = this.#gaps.slice(index, index + 2);
    if (!next || gap.address + gap.bytes !== next.address) return;
    gap.bytes += next.bytes;
    this.#gaps.splice(index + 1, 1);
  }
}
