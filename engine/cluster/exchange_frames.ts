/** Messages between workers and owners as bytes: a JSON header and binary content. */
import type { NdArray } from "../formats/nd_array.ts";
import { FormatError } from "../errors/errors.ts";

/** Content of a message. */
export interface ExchangeFrame {
  readonly header: Readonly<Record<string, unknown>>;
  /** Begins at a multiple of 8 bytes of its buffer. */
  readonly content: Uint8Array<ArrayBuffer>;
}

/** Floats on the wire. */
export type Wire = "float32" | "float16";

/** Largest power of two of float16, to which values are scaled so that small ones keep their digits. */
const FLOAT16_TOP = 2 ** 15;

/** `uint32 LE length | JSON | content`. */
export function encodeFrame(
  header: Readonly<Record<string, unknown>>,
  content: Uint8Array = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const frame = new Uint8Array(4 + json.length + content.length);
  new DataView(frame.buffer).setUint32(0, json.length, true);
  frame.set(json, 4);
  frame.set(content, 4 + json.length);
  return frame;
}

/** @throws {FormatError} for bytes that are no message. */
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
    return { header, content: new Uint8Array(bytes.subarray(4 + length)) };
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
  const halves = new Float16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = values[i] / factor;
  return { content: new Uint8Array(halves.buffer), factor };
}

/** What `encodeFloats` was given; in float16 to 11 digits of two. */
export function decodeFloats(
  content: Uint8Array<ArrayBuffer>,
  wire: Wire,
  factor: number,
): Float32Array {
  if (wire === "float32") return new Float32Array(content.buffer, 0, content.length / 4);
  const halves = new Float16Array(content.buffer, 0, content.length / 2);
  return Float32Array.from(halves, (v) => v * factor);
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
  let offset = 0;
  return new Map(arrays.map(({ dtype, shape }, i) => {
    const count = shape.reduce((product, n) => product * n, 1);
    const data = dtype === "int32"
      ? new Int32Array(content.buffer, offset, count)
      : new Float32Array(content.buffer, offset, count);
    offset += 4 * count;
    return [names[i], { dtype, shape, data }];
  }));
}
