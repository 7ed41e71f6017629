/**
 * Reader of the protobuf text format ("pbtxt"), driven by a schema.
 *
 * The library's own text reader takes other things than the reference parser does (`- 1`, doubled fields of a oneof
 * spelt twice) and gives no places, so this one follows the reference.
 */
import { didYouMean } from "../../errors/suggest.ts";
import { type Field, fieldsOf, type NamedField, type Schema } from "./schema.ts";
import { describe, Tokens } from "./text_tokens.ts";
import { readEnum, readScalar } from "./text_values.ts";

type Members = Record<string, unknown>;

/**
 * Parses a message; unset fields are absent from the result.
 *
 * @param source What the text is, for messages, by default the message's name; pass a file's name in quotes.
 * @throws {TextFormatError} with line and column, for text outside the grammar, an unknown field, a singular field
 * given twice, two members of one oneof, or a value that does not fit its field.
 */
export function parseText<T>(schema: Schema<T>, text: string, source: string = schema.name): T {
  const tokens = new Tokens(text, source);
  const message: Members = {};
  while (tokens.next.text !== "") readField(tokens, schema, message);
  return message as T;
}

function readField(tokens: Tokens, schema: Schema<never> | Schema, message: Members): void {
  const name = tokens.take();
  const fields = fieldsOf(schema);
  const field = fields.find((f) => f.textName === name.text);
  if (field === undefined) {
    if (!/^\w/.test(name.text)) {
      throw tokens.error(name, `expected a field name, found ${describe(name)}`);
    }
    const hint = didYouMean(name.text, fields.map((f) => f.textName));
    throw tokens.error(name, `no field "${name.text}" in ${schema.name}${hint}`);
  }
  const rival = fields.find((f) =>
    message[f.member] !== undefined && f.rule === "optional" &&
    (f === field || (f.oneof !== undefined && f.oneof === field.oneof))
  );
  if (rival === field) throw tokens.error(name, `"${name.text}" is given twice`);
  if (rival !== undefined) {
    throw tokens.error(name, `"${name.text}" is given together with "${rival.textName}"`);
  }
  const isMessage = typeof field.type !== "string" && field.type.kind === "message";
  if (isMessage) tokens.tryTake(":");
  else tokens.expect(":");
  if (field.rule === "optional") message[field.member] = readValue(tokens, field.type);
  else readList(tokens, field, message);
  if (!tokens.tryTake(",")) tokens.tryTake(";");
}

/** One element, or `[a, b]`; both append. */
function readList(tokens: Tokens, field: NamedField, message: Members): void {
  const append = field.rule === "map" ? readMapEntry : readElement;
  if (!tokens.tryTake("[")) append(tokens, field, message);
  else if (!tokens.tryTake("]")) {
    do append(tokens, field, message); while (tokens.expect(",", "]").text === ",");
  }
}

function readElement(tokens: Tokens, field: NamedField, message: Members): void {
  const values = (message[field.member] ??= []) as unknown[];
  values.push(readValue(tokens, field.type));
}

function readMapEntry(tokens: Tokens, field: NamedField, message: Members): void {
  const entry = readValue(tokens, field.type) as Members;
  const entries = (message[field.member] ??= new Map()) as Map<bigint, unknown>;
  entries.set((entry.key as bigint) ?? 0n, entry.value ?? {});
}

function readValue(tokens: Tokens, type: Field["type"]): unknown {
  if (typeof type === "string") return readScalar(tokens, type);
  if (type.kind === "enum") return readEnum(tokens, type);
  const end = tokens.expect("{", "<").text === "{" ? "}" : ">";
  const message: Members = {};
  while (!tokens.tryTake(end)) {
    if (tokens.next.text === "") throw tokens.error(tokens.next, `expected "${end}"`);
    readField(tokens, type, message);
  }
  return message;
}
