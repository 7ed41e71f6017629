/** Messages between workers and owners as bytes: a JSON header and binary content. */
import type { NdArray } from "../formats/nd_array.ts";
import { FormatError } from "../errors/errors.ts";

/** Content of a message. */
export interface ExchangeFrame {
  readonly header: Readonly<Record<string, unknown>>;
  /** Begins at a multiple of 8 bytes of its buffer, which may be that of the message. */
  readonly content: Uint8Array<ArrayBuffer>;
}

/** Floats on the wire. */
export type Wire = "float32" | "float16";

/** Largest power of two of float16, to which values are scaled so that small ones keep their digits. */
const FLOAT16_TOP = 2 ** 15;

/** Content begins at a multiple of so many bytes of a message, so that arrays can lie where they came. */
const ALIGNMENT = 16;
/** Bytes before floats for which a header can be written where they lie: twice what those of pulls and pushes take. */
const ROOM = 512;
/** Arrays that have that room. */
const roomy = new WeakSet<ArrayBufferLike>();

/**
 * Floats that become the content of a message without a copy, which costs less than the memory for one. The message is
 * good until the next one of the same array is made.
 */
export function floatsWithRoom(count: number): Float32Array<ArrayBuffer> {
  const buffer = new ArrayBuffer(ROOM + 4 * count);
  roomy.add(buffer);
  return new Float32Array(buffer, ROOM);
}

/** `uint32 LE length | JSON, spaces | content`. */
export function encodeFrame(
  header: Readonly<Record<string, unknown>>,
  content: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const needed = 4 + json.length;
  const isInPlace = roomy.has(content.buffer) && content.byteOffset === ROOM && needed <= ROOM;
  const begin = isInPlace ? ROOM : Math.ceil(needed / ALIGNMENT) * ALIGNMENT;
  const frame = isInPlace
    ? new Uint8Array(content.buffer as ArrayBuffer, 0, begin + content.length)
    : new Uint8Array(begin + content.length);
  new DataView(frame.buffer).setUint32(0, begin - 4, true);
  frame.set(json, 4);
  frame.fill(" ".charCodeAt(0), needed, begin);
  if (!isInPlace) frame.set(content, begin);
  return frame;
}

/**
 * What `encodeFrame` was given. The content is a view of the message where it lies so that arrays can.
 *
 * @throws {FormatError} for bytes that are no message.
 */
export function decodeFrame(bytes: Uint8Array): ExchangeFrame {
  const broken = (cause?: unknown) =>
    new FormatError("Cannot read a message of the gradient exchange: it has no header", {
      path: "exchange",
      cause,
    });
  if (bytes.length < 4) throw broken();
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (4 + length > bytes.length) throw broken();
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
    const content = bytes.subarray(4 + length) as Uint8Array<ArrayBuffer>;
    // Not `slice`, which of a Buffer as the client library gives it is a view again.
    return { header, content: content.byteOffset % 8 === 0 ? content : new Uint8Array(content) };
  } catch (cause) {
    throw broken(cause);
  }
}

/** Floats as content, and the factor that gives them back. */
export function encodeFloats(
  values: Float32Array,
  wire: Wire,
): { content: Uint8Array; factor: number } {
  if (wire === "float32") {
    return {
      content: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      factor: 1,
    };
  }
  let largest = 0;
  for (const value of values) largest = Math.max(largest, Math.abs(value));
  const isScalable = largest > 0 && Number.isFinite(largest);
  const factor = isScalable ? 2 ** Math.ceil(Math.log2(largest)) / FLOAT16_TOP : 1;
  const floats = floatsWithRoom(Math.ceil(values.length / 2));
  const halves = new Float16Array(floats.buffer, floats.byteOffset, values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = values[i] / factor;
  return { content: new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength), factor };
}

/** What `encodeFloats` was given; in float16 to 11 digits of two. */
export function decodeFloats(
  content: Uint8Array<ArrayBuffer>,
  wire: Wire,
  factor: number,
): Float32Array {
  const { buffer, byteOffset, length } = content;
  if (wire === "float32") return new Float32Array(buffer, byteOffset, length / 4);
  const halves = new Float16Array(buffer, byteOffset, length / 2);
  const values = new Float32Array(halves.length);
  for (let i = 0; i < values.length; i++) values[i] = halves[i] * factor;
  return values;
}

/** Arrays by name as content, and what has to stand in the header. Float32 and int32 only. */
export function encodeArrays(
  arrays: ReadonlyMap<string, NdArray>,
): { content: Uint8Array; arrays: Pick<NdArray, "dtype" | "shape">[]; names: string[] } {
  const list = [...arrays.values()];
  const content = new Uint8Array(list.reduce((sum, { data }) => sum + data.byteLength, 0));
  let offset = 0;
  for (const { data } of list) {
    content.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return {
    content,
    arrays: list.map(({ dtype, shape }) => ({ dtype, shape })),
    names: [...arrays.keys()],
  };
}

/** What `encodeArrays` was given. */
export function decodeArrays(
  content: Uint8Array<ArrayBuffer>,
  names: readonly string[],
  arrays: readonly Pick<NdArray, "dtype" | "shape">[],
): Map<string, NdArray> {
  let offset = content.byteOffset;
  return new Map(arrays.map(({ dtype, shape }, i) => {
    const count = shape.reduce((product, n) => product * n, 1);
    const data = dtype === "int32"
      ? new Int32Array(content.buffer, offset, count)
      : new Float32Array(content.buffer, offset, count);
    offset += 4 * count;
    return [names[i], { dtype, shape, data }];
  }));
}
