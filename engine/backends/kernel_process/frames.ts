/**
 * Messages over a pipe: header bytes (u32) | payload bytes (u32) | header as JSON | payload, little-endian. Both ends are
 * ours and of one version, so there is no negotiation.
 */

/** A message: what is wanted, and at most one block of raw bytes. */
export interface Frame<H> {
  readonly header: H;
  readonly payload: Uint8Array<ArrayBuffer>;
}

const PREFIX_BYTES = 8;
const NOTHING = new Uint8Array(0);

/** The bytes of one message, in pieces that are written one after the other; `payload` is not copied. */
export function encodeFrame(header: unknown, payload: Uint8Array = NOTHING): Uint8Array[] {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(PREFIX_BYTES + json.length);
  new DataView(head.buffer).setUint32(0, json.length, true);
  new DataView(head.buffer).setUint32(4, payload.length, true);
  head.set(json, PREFIX_BYTES);
  return payload.length > 0 ? [head, payload] : [head];
}

/** Cuts a stream of chunks into messages; ends silently where the stream ends between two of them or inside one. */
export async function* decodeFrames<H>(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Frame<H>> {
  const source = chunks[Symbol.asyncIterator]();
  let chunk: Uint8Array = NOTHING;
  /** Fills `target` from the stream; false where it ends first. */
  async function fill(target: Uint8Array): Promise<boolean> {
    for (let filled = 0; filled < target.length;) {
      if (chunk.length === 0) {
        const next = await source.next();
        if (next.done) return false;
        chunk = next.value;
      }
      const part = chunk.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      chunk = chunk.subarray(part.length);
    }
    return true;
  }
  const prefix = new Uint8Array(PREFIX_BYTES);
  const lengths = new DataView(prefix.buffer);
  while (await fill(prefix)) {
    const json = new Uint8Array(lengths.getUint32(0, true));
    const payload = new Uint8Array(lengths.getUint32(4, true));
    if (!await fill(json) || !await fill(payload)) return;
    yield { header: JSON.parse(new TextDecoder().decode(json)) as H, payload };
  }
}

/** The bytes that an array holds. */
export function bytesOf(array: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}
