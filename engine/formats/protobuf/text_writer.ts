import { type Field, fieldsOf, type Schema } from "./schema.ts";

type Members = Record<string, unknown>;

/**
 * Prints a message in the protobuf text format: set fields in ascending field number, two spaces of indent, `name {`
 * for messages, shortest decimals that give the same float back, text outside ASCII in octal escapes.
 */
export function printText<T>(schema: Schema<T>, message: T): string {
  return printFields(schema, message as Members, "");
}

function printFields(
  schema: Schema<never> | Schema,
  message: Members,
  indent: string,
): string {
  let text = "";
  for (const field of fieldsOf(schema)) {
    const value = message[field.member];
    if (value === undefined) continue;
    for (const one of occurrences(field, value)) {
      text += printField(field.textName, field.type, one, indent);
    }
  }
  return text;
}

function occurrences(field: Field, value: unknown): readonly unknown[] {
  if (field.rule === "optional") return [value];
  if (field.rule === "repeated") return value as unknown[];
  return [...value as Map<bigint, unknown>].map(([key, entry]) => ({ key, value: entry }));
}

function printField(name: string, type: Field["type"], value: unknown, indent: string): string {
  if (typeof type !== "string" && type.kind === "message") {
    const body = printFields(type, value as Members, `${indent}  `);
    return `${indent}${name} {\n${body}${indent}}\n`;
  }
  return `${indent}${name}: ${printScalar(type, value)}\n`;
}

function printScalar(type: Field["type"], value: unknown): string {
  if (type === "float") return printNumber(shortestFloat32(value as number));
  if (type === "double") return printNumber(value as number);
  if (type === "string") return `"${escape(value as string)}"`;
  return String(value);
}

/** The double with the fewest digits that rounds to the same float32. */
function shortestFloat32(value: number): number {
  const single = Math.fround(value);
  if (single === 0 || !Number.isFinite(single)) return single;
  for (let digits = 6; digits < 9; digits++) {
    const candidate = Number(single.toPrecision(digits));
    if (Math.fround(candidate) === single) return candidate;
  }
  return Number(single.toPrecision(9));
}

/** Decimal notation as Python has it: at least one decimal, exponents from 1e16 up and below 1e-4, with two digits. */
function printNumber(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  if (Object.is(value, -0)) return "-0.0";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

const NAMED: Record<number, string> = {
  9: "\\t",
  10: "\\n",
  13: "\\r",
  34: '\\"',
  39: "\\'",
  92: "\\\\",
};

function escape(text: string): string {
  let escaped = "";
  for (const byte of new TextEncoder().encode(text)) {
    if (byte in NAMED) escaped += NAMED[byte];
    else if (byte >= 32 && byte < 127) escaped += String.fromCharCode(byte);
    else escaped += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return escaped;
}
