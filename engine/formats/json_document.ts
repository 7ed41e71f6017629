/** JSON files that describe a volume, read without trust. */
import { FormatError } from "../errors/errors.ts";

/** An object of a JSON file whose members nobody has checked yet. */
export type JsonObject = { readonly [key: string]: unknown };

/** More is no metadata file of a volume. */
const MAX_BYTES = 2 ** 24;

/**
 * Parses a file that holds one JSON object. Integers beyond 2⁵³ become texts of their digits, so that no label is
 * rounded.
 *
 * @throws {FormatError} when the file is no JSON, or not an object.
 */
export function parseJsonObject(bytes: Uint8Array, path: string): JsonObject {
  if (bytes.length > MAX_BYTES) throw broken(path, `it has ${bytes.length} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes), exact);
  } catch (error) {
    throw broken(path, (error as Error).message, error);
  }
  if (isObject(value)) return value;
  throw broken(path, "it holds no object");
}

/** Reviver that keeps the digits of numbers which a double would round. */
function exact(_key: string, value: unknown, context?: { source: string }): unknown {
  const isRounded = typeof value === "number" && !Number.isSafeInteger(value) &&
    /^-?\d+$/.test(context?.source ?? "");
  return isRounded ? context!.source : value;
}

/** Whether a value is an object, not an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a list of integers of at least `min`, `length` of them where that is given. */
export function isIntegers(value: unknown, min: number, length?: number): value is number[] {
  return Array.isArray(value) && (length === undefined || value.length === length) &&
    value.every((n) => Number.isSafeInteger(n) && n >= min);
}

/** Whether a value is a list of finite numbers, `length` of them where that is given. */
export function isNumbers(value: unknown, length?: number): value is number[] {
  return Array.isArray(value) && (length === undefined || value.length === length) &&
    value.every((n) => Number.isFinite(n));
}

/** A value of a file in a message, cut where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "none";
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function broken(path: string, problem: string, cause?: unknown): FormatError {
  return new FormatError(`Cannot read "${path}": expected a JSON object, ${problem}`, {
    path,
    cause,
  });
}
