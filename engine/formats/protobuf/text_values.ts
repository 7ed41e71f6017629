/** Scalar values of the protobuf text format. */
import { didYouMean } from "../../errors/suggest.ts";
import { nameOf } from "./binary.ts";
import type { EnumType, ScalarType } from "./schema.ts";
import { describe, type Token, type Tokens } from "./text_tokens.ts";

const RANGES = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

/** Consumes one scalar; 64-bit integers come back as `bigint`, floats rounded to float32. */
export function readScalar(tokens: Tokens, type: ScalarType): unknown {
  if (type === "string") return readString(tokens);
  const token = tokens.take();
  switch (type) {
    case "bool":
      return readBool(tokens, token);
    case "float":
      return Math.fround(readFloat(tokens, token));
    case "double":
      return readFloat(tokens, token);
  }
  const value = readInteger(tokens, token);
  const [low, high] = RANGES[type];
  if (value < low || value > high) {
    throw tokens.error(token, `${token.text} is out of range, ${type} goes from ${low} to ${high}`);
  }
  return type === "int32" ? Number(value) : value;
}

/** Consumes the name or the number of an enum value and returns the name. */
export function readEnum(tokens: Tokens, type: EnumType): string {
  const token = tokens.take();
  const names = Object.keys(type.values);
  if (names.includes(token.text)) return token.text;
  if (/^[0-9+-]/.test(token.text)) {
    const name = nameOf(type, Number(readInteger(tokens, token)));
    if (name !== undefined) return name;
  }
  const allowed = names.map((name) => `${name} (${type.values[name]})`).join(", ");
  throw tokens.error(
    token,
    `${describe(token)} is not a value of ${type.name}: ${allowed}${didYouMean(token.text, names)}`,
  );
}

function readInteger(tokens: Tokens, token: Token): bigint {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(token.text);
  if (match === null) throw tokens.error(token, `expected an integer, found ${describe(token)}`);
  const [, sign, digits] = match;
  const octal = /^0[0-7]/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits);
  return sign === "-" ? -value : value;
}

function readFloat(tokens: Tokens, token: Token): number {
  const match =
    /^([+-]?)(?:(inf(?:inity)?|nan)|((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?))f?$/i
      .exec(token.text);
  // Python reads 010 as octal elsewhere, so a float may not look like that.
  if (match === null || /^[+-]?0[0-9]/.test(token.text)) {
    throw tokens.error(token, `expected a number, found ${describe(token)}`);
  }
  const [, sign, word, digits] = match;
  const size = word === undefined ? Number(digits) : word.toLowerCase() === "nan" ? NaN : Infinity;
  return sign === "-" ? -size : size;
}

function readBool(tokens: Tokens, token: Token): boolean {
  if (["true", "True", "t", "1"].includes(token.text)) return true;
  if (["false", "False", "f", "0"].includes(token.text)) return false;
  throw tokens.error(token, `expected true or false, found ${describe(token)}`);
}

const CLOSED_STRING = /^(["'])[^\\]*(?:\\.[^\\]*)*\1$/;

/** Adjacent literals concatenate; escapes may spell bytes, so UTF-8 is checked on the whole. */
function readString(tokens: Tokens): string {
  const first = tokens.next;
  const bytes: number[] = [];
  do {
    const token = tokens.take();
    const quote = token.text[0];
    if (quote !== '"' && quote !== "'") {
      throw tokens.error(token, `expected a string, found ${describe(token)}`);
    }
    if (!CLOSED_STRING.test(token.text)) {
      throw tokens.error(token, `string ${describe(token)} has no closing ${quote} on its line`);
    }
    appendUnescaped(tokens, token, bytes);
  } while (/^["']/.test(tokens.next.text));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    throw tokens.error(first, "string is not valid UTF-8 after its escapes");
  }
}

const ESCAPE = new RegExp(
  String.raw`\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^]))`,
  "g",
);
const SIMPLE_ESCAPES: Record<string, string> = {
  n: "\n",
  r: "\r",
  t: "\t",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
  "?": "?",
};

function appendUnescaped(tokens: Tokens, token: Token, bytes: number[]): void {
  const body = token.text.slice(1, -1);
  const append = (text: string) => {
    for (const byte of new TextEncoder().encode(text)) bytes.push(byte);
  };
  let done = 0;
  for (const match of body.matchAll(ESCAPE)) {
    append(body.slice(done, match.index));
    done = match.index + match[0].length;
    const [, hex, octal, short, long, simple] = match;
    const place = { ...token, offset: token.offset + 1 + match.index };
    if (hex ?? octal) {
      const byte = hex ? parseInt(hex, 16) : parseInt(octal, 8);
      if (byte > 255) throw tokens.error(place, `escape ${match[0]} is above \\377`);
      bytes.push(byte);
    } else if (short ?? long) {
      const point = parseInt(short ?? long, 16);
      if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        throw tokens.error(place, `escape ${match[0]} is not a Unicode character`);
      }
      append(String.fromCodePoint(point));
    } else if (simple in SIMPLE_ESCAPES) append(SIMPLE_ESCAPES[simple]);
    else throw tokens.error(place, `unknown escape ${match[0]}`);
  }
  append(body.slice(done));
}
