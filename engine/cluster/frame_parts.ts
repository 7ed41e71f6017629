/** Messages longer than the server takes travel in parts: each a request of its own that is answered. */

/** Parts of one message that have come. */
interface Incoming {
  readonly parts: (Uint8Array | undefined)[];
  atMs: number;
}

/** Messages of one sender's side that wait for being asked for. */
interface Outgoing {
  readonly bytes: Uint8Array;
  atMs: number;
}

/** Parts of that many bytes. */
export function partsOf(bytes: Uint8Array, limit: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / limit));
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * limit, (i + 1) * limit));
}

/** Bytes one after the other. */
export function whole(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** What of messages in parts has come to one owner, and what waits for being fetched from it. */
export class FrameParts {
  readonly #maxBytes: number;
  readonly #keepMs: number;
  readonly #incoming = new Map<string, Incoming>();
  readonly #outgoing = new Map<string, Outgoing>();

  /**
   * @param maxBytes Of a message that comes.
   * @param keepMs Time after which what nobody asks about is dropped.
   */
  constructor(maxBytes: number, keepMs: number) {
    this.#maxBytes = maxBytes;
    this.#keepMs = keepMs;
  }

  /** Takes part `index` of `count`; the whole message when none is missing, else null. */
  take(id: string, index: number, count: number, part: Uint8Array): Uint8Array | null {
    this.#dropOld();
    const incoming = this.#incoming.get(id) ?? { parts: new Array(count), atMs: 0 };
    incoming.atMs = performance.now();
    incoming.parts[index] = part;
    this.#incoming.set(id, incoming);
    const size = incoming.parts.reduce((sum, p) => sum + (p?.length ?? 0), 0);
    if (size > this.#maxBytes || count > this.#maxBytes) {
      this.#incoming.delete(id);
      throw new RangeError(
        `Cannot take a message of more than ${this.#maxBytes} bytes: the network has no more parameters`,
      );
    }
    const parts = incoming.parts.filter((p) => p !== undefined);
    if (parts.length < count) return null;
    this.#incoming.delete(id);
    return whole(parts);
  }

  /** Keeps a message whose parts will be asked for; its name. */
  keep(bytes: Uint8Array): string {
    this.#dropOld();
    const id = crypto.randomUUID();
    this.#outgoing.set(id, { bytes, atMs: performance.now() });
    return id;
  }

  /** Part `index` of a message that was kept; it is dropped with its last part. */
  give(id: string, index: number, limit: number): Uint8Array {
    const outgoing = this.#outgoing.get(id);
    if (!outgoing) {
      throw new RangeError(`Cannot give part ${index} of "${id}": it was kept too long`);
    }
    outgoing.atMs = performance.now();
    if ((index + 1) * limit >= outgoing.bytes.length) this.#outgoing.delete(id);
    return outgoing.bytes.subarray(index * limit, (index + 1) * limit);
  }

  #dropOld(): void {
    const oldest = performance.now() - this.#keepMs;
    for (const kept of [this.#incoming, this.#outgoing]) {
      for (const [id, { atMs }] of kept) if (atMs < oldest) kept.delete(id);
    }
  }
}
