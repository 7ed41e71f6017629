/** Binary encoding of messages, over the wire primitives of the protobuf library. */
import { BinaryReader, BinaryWriter, WireType } from "./wire.ts";
import { FormatError } from "../../errors/errors.ts";
import {
  type EnumType,
  type Field,
  fieldsOf,
  type NamedField,
  type ScalarType,
  type Schema,
} from "./schema.ts";

/** A message object as reading and writing see it. */
type Members = Record<string, unknown>;

/** Encodes set fields in ascending field number; repeated scalars are not packed, as proto2 writers do. */
export function encodeMessage<T>(schema: Schema<T>, message: T): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writeFields(writer, schema, message as Members);
  return writer.finish();
}

/**
 * Decodes a message. Unknown fields and unknown enum numbers are skipped; packed and unpacked repeated scalars are
 * both read; of a singular scalar the last value counts and embedded messages merge.
 *
 * @param path What the bytes were read from, for messages.
 * @throws {FormatError} when the bytes are not a message of this schema.
 */
export function decodeMessage<T>(schema: Schema<T>, bytes: Uint8Array, path: string): T {
  const reader = new BinaryReader(bytes);
  try {
    return readFields(reader, reader.len, schema, {}) as T;
  } catch (cause) {
    const offset = Math.min(reader.pos, bytes.length);
    throw new FormatError(
      `Cannot decode "${path}" as ${schema.name}: ${(cause as Error).message} at byte ${offset}`,
      { path, offset, cause },
    );
  }
}

const WIRE_TYPES: Record<ScalarType, WireType> = {
  double: WireType.Bit64,
  float: WireType.Bit32,
  int32: WireType.Varint,
  int64: WireType.Varint,
  uint64: WireType.Varint,
  bool: WireType.Varint,
  string: WireType.LengthDelimited,
};

function writeFields(writer: BinaryWriter, schema: Schema<never> | Schema, message: Members): void {
  for (const field of fieldsOf(schema)) {
    const value = message[field.member];
    if (value === undefined) continue;
    if (field.rule === "map") {
      for (const [key, entry] of value as Map<bigint, unknown>) {
        writeValue(writer, field, { key, value: entry });
      }
    } else if (field.rule === "repeated") {
      for (const element of value as unknown[]) writeValue(writer, field, element);
    } else writeValue(writer, field, value);
  }
}

function writeValue(writer: BinaryWriter, field: NamedField, value: unknown): void {
  const type = field.type;
  if (typeof type === "string") {
    writer.tag(field.number, WIRE_TYPES[type]);
    // The writer's methods are named after the types.
    (writer[type] as (value: unknown) => void).call(writer, value);
  } else if (type.kind === "enum") {
    const number = type.values[value as string];
    if (number === undefined) {
      throw new TypeError(
        `Cannot encode ${field.textName}: "${value}" is not a value of ${type.name}`,
      );
    }
    writer.tag(field.number, WireType.Varint).int32(number);
  } else {
    writer.tag(field.number, WireType.LengthDelimited).fork();
    writeFields(writer, type, value as Members);
    writer.join();
  }
}

/** Reads fields up to `end` into `message` and returns it. */
function readFields(
  reader: BinaryReader,
  end: number,
  schema: Schema<never> | Schema,
  message: Members,
): Members {
  const fields = fieldsOf(schema);
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = fields.find((f) => f.number === number);
    if (field === undefined) reader.skip(wire, number);
    else readField(reader, wire, field, fields, message);
    if (reader.pos > end) throw new RangeError(`field ${number} is longer than its message`);
  }
  return message;
}

function readField(
  reader: BinaryReader,
  wire: WireType,
  field: NamedField,
  fields: readonly NamedField[],
  message: Members,
): void {
  if (field.oneof !== undefined) {
    for (const other of fields) {
      if (other.oneof === field.oneof && other !== field) delete message[other.member];
    }
  }
  const old = message[field.member];
  if (field.rule === "map") {
    const entry = readValue(reader, wire, field, null) as Members;
    const entries = (old ?? new Map()) as Map<bigint, unknown>;
    message[field.member] = entries.set((entry.key as bigint) ?? 0n, entry.value ?? {});
  } else if (field.rule === "repeated") {
    const values = (old ?? []) as unknown[];
    message[field.member] = values;
    if (isPacked(field.type, wire)) {
      const end = lengthPrefix(reader);
      while (reader.pos < end) values.push(readValue(reader, WIRE_TYPES[field.type], field, null));
    } else values.push(readValue(reader, wire, field, null));
  } else {
    const value = readValue(reader, wire, field, old);
    if (value !== undefined) message[field.member] = value;
  }
}

function isPacked(type: Field["type"], wire: WireType): type is ScalarType {
  return typeof type === "string" && type !== "string" && wire === WireType.LengthDelimited;
}

/** Value of one occurrence; undefined for an enum number without a name. */
function readValue(reader: BinaryReader, wire: WireType, field: NamedField, old: unknown): unknown {
  const type = field.type;
  if (typeof type === "string") {
    expectWire(wire, WIRE_TYPES[type], field);
    return type === "string" ? reader.string(true) : reader[type]();
  }
  if (type.kind === "enum") {
    expectWire(wire, WireType.Varint, field);
    return nameOf(type, reader.int32());
  }
  return readMessage(reader, wire, field, type, (old ?? {}) as Members);
}

function readMessage(
  reader: BinaryReader,
  wire: WireType,
  field: NamedField,
  schema: Schema,
  into: Members,
): Members {
  expectWire(wire, WireType.LengthDelimited, field);
  return readFields(reader, lengthPrefix(reader), schema, into);
}

/** Reads a length and returns the position where the value ends. */
function lengthPrefix(reader: BinaryReader): number {
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw new RangeError(`length reaches to byte ${end} of ${reader.len}`);
  return end;
}

function expectWire(wire: WireType, expected: WireType, field: NamedField): void {
  if (wire !== expected) {
    throw new TypeError(`${field.textName} has wire type ${wire}, expected ${expected}`);
  }
}

/** Name of an enum number. */
export function nameOf(type: EnumType, number: number): string | undefined {
  return Object.keys(type.values).find((name) => type.values[name] === number);
}
