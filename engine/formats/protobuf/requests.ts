/** The messages that people write by hand, by name, and the step from their xyz vectors to the engine's zyx. */
import type { Box } from "../../geometry/box.ts";
import { toZyx, type Zyx } from "../../geometry/vectors.ts";
import { decodeMessage, encodeMessage } from "./binary.ts";
import { type InferenceRequestMessage, InferenceRequestSchema } from "./inference.ts";
import { parseText } from "./text_reader.ts";
import { printText } from "./text_writer.ts";
import { type BoundingBox, BoundingBoxSchema, type Vector3j } from "./vectors.ts";

/**
 * Parses the text of an `InferenceRequest`.
 *
 * @param source What the text is, for messages: a file's name in quotes.
 * @throws {TextFormatError} with line and column.
 */
export function parseInferenceRequest(text: string, source?: string): InferenceRequestMessage {
  return parseText(InferenceRequestSchema, text, source);
}

/** The request as text that the reference programs read. */
export function printInferenceRequest(message: InferenceRequestMessage): string {
  return printText(InferenceRequestSchema, message);
}

/** The request in binary, as results store it. */
export function encodeInferenceRequest(message: InferenceRequestMessage): Uint8Array<ArrayBuffer> {
  return encodeMessage(InferenceRequestSchema, message);
}

/**
 * Decodes a binary request.
 *
 * @throws {FormatError} when the bytes are something else; `path` says where they came from.
 */
export function decodeInferenceRequest(bytes: Uint8Array, path: string): InferenceRequestMessage {
  return decodeMessage(InferenceRequestSchema, bytes, path);
}

/**
 * Parses the text of a `BoundingBox` (xyz) into a box (zyx).
 *
 * @throws {TextFormatError} for other text, {@linkcode RangeError} for sizes below 1.
 */
export function parseBoundingBox(text: string, source?: string): Box {
  const message = parseText(BoundingBoxSchema, text, source);
  return boxOf(message, source ?? "bounding box");
}

/** Box of a message; an unset start is 0. `what` names the box in messages. */
export function boxOf(message: BoundingBox, what: string): Box {
  const start = zyxOf(message.start ?? {}, `${what} start`);
  const size = zyxOf(message.size ?? {}, `${what} size`);
  const axis = size.findIndex((n) => n < 1);
  if (axis >= 0) {
    throw new RangeError(
      `Cannot use ${what}: size must be at least 1 on every axis, current ${"zyx"[axis]} is ${
        size[axis]
      }; write size { x: … y: … z: … }`,
    );
  }
  return { start, size };
}

/** Message of a box. */
export function boundingBoxOf(box: Box): BoundingBox {
  return { start: vector3jOf(box.start), size: vector3jOf(box.size) };
}

/** Vector of a message in the engine's order; unset components are 0. `what` names it in messages. */
export function zyxOf(vector: Vector3j, what: string): Zyx {
  const component = (value = 0n) => {
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new RangeError(
      `Cannot use ${what}: coordinates go up to ${Number.MAX_SAFE_INTEGER}, current ${value}`,
    );
  };
  return toZyx({ x: component(vector.x), y: component(vector.y), z: component(vector.z) });
}

/** Vector as a message. */
export function vector3jOf([z, y, x]: Zyx): Vector3j {
  return { x: BigInt(x), y: BigInt(y), z: BigInt(z) };
}
