/**
 * Message schemas as tables: one entry per field, checked by the compiler against the interface of the message.
 *
 * A message is a plain object. proto2 tracks presence, so an unset field is simply absent; {@linkcode fieldValue} adds
 * the declared or the type's default. Members are camelCase in code and snake_case on disk. 64-bit integers are
 * `bigint`, maps are `Map`, enum values are their names.
 */

/** Wire and text types of scalar fields. */
export type ScalarType = "double" | "float" | "int32" | "int64" | "uint64" | "bool" | "string";

/** A closed proto2 enum: names and numbers; the first name is the default. */
export interface EnumType<N extends string = string> {
  readonly kind: "enum";
  readonly name: string;
  readonly values: Readonly<Record<N, number>>;
}

/** One field of a message that holds a `V`. */
export interface Field<V = unknown> {
  readonly number: number;
  readonly type: ScalarType | EnumType | Schema;
  /** `map` is written as a repeated message of `key` and `value`, which is then the field's `type`. */
  readonly rule: "optional" | "repeated" | "map";
  /** Name of the oneof it belongs to. */
  readonly oneof?: string;
  /** Declared default; without one the type's own (0, false, "", first enum name) counts. */
  readonly default?: V;
}

/** The table of a message of type `T`. */
export interface Schema<T = unknown> {
  readonly kind: "message";
  /** Full name with package, for example `ffn.BoundingBox`. */
  readonly name: string;
  readonly fields: { readonly [K in keyof T]-?: Field<NonNullable<T[K]>> };
}

/** A field as readers and writers need it: with its names. */
export interface NamedField extends Field {
  /** Name on disk, snake_case. */
  readonly textName: string;
  /** Member of the message object, camelCase. */
  readonly member: string;
}

/** Declares a message; the table must cover every member of `T`. */
export function schema<T>(name: string, fields: Schema<T>["fields"]): Schema<T> {
  return { kind: "message", name, fields };
}

const scalar = <V>(type: ScalarType) => (number: number, defaultValue?: V): Field<V> => (
  { number, type, rule: "optional", default: defaultValue }
);

export const double: (number: number, defaultValue?: number) => Field<number> = scalar("double");
export const float: (number: number, defaultValue?: number) => Field<number> = scalar("float");
export const int32: (number: number, defaultValue?: number) => Field<number> = scalar("int32");
export const int64: (number: number, defaultValue?: bigint) => Field<bigint> = scalar("int64");
export const uint64: (number: number, defaultValue?: bigint) => Field<bigint> = scalar("uint64");
export const bool: (number: number, defaultValue?: boolean) => Field<boolean> = scalar("bool");
export const string: (number: number, defaultValue?: string) => Field<string> = scalar("string");

/** A field that holds one of an enum's names. */
export function enumeration<N extends string>(
  number: number,
  type: EnumType<N>,
  defaultValue?: N,
): Field<N> {
  return { number, type, rule: "optional", default: defaultValue };
}

/** A field that holds a message. */
export function message<M>(number: number, type: Schema<M>): Field<M> {
  return { number, type: type as Schema, rule: "optional" };
}

/** Makes a field repeated. */
export function repeated<V>(field: Field<V>): Field<readonly V[]> {
  return { number: field.number, type: field.type, rule: "repeated" };
}

/** `map<uint64, M>`, the only kind of map in these schemas. */
export function map<M>(number: number, type: Schema<M>): Field<ReadonlyMap<bigint, M>> {
  const fields = { key: uint64(1), value: message(2, type) };
  const entry = schema<{ key?: bigint; value?: M }>(`${type.name} entry`, fields as never);
  return { number, type: entry as Schema, rule: "map" };
}

/** Puts a field into a oneof. */
export function oneof<V>(name: string, field: Field<V>): Field<V> {
  return { ...field, oneof: name };
}

const orders = new WeakMap<object, readonly NamedField[]>();

/** Fields of a message in ascending field number, the order of both encodings. */
export function fieldsOf(schema: Schema<never> | Schema): readonly NamedField[] {
  const table = schema.fields as Record<string, Field>;
  let fields = orders.get(table);
  if (fields === undefined) {
    fields = Object.entries(table)
      .map(([member, field]) => ({ ...field, member, textName: textNameOf(member) }))
      .sort((a, b) => a.number - b.number);
    orders.set(table, fields);
  }
  return fields;
}

function textNameOf(member: string): string {
  return member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const ZERO: Record<ScalarType, unknown> = {
  double: 0,
  float: 0,
  int32: 0,
  int64: 0n,
  uint64: 0n,
  bool: false,
  string: "",
};

/** Value of a field, or what proto2 reads where it is unset. */
export function fieldValue<T, K extends keyof T>(
  schema: Schema<T>,
  message: T,
  member: K,
): NonNullable<T[K]> {
  const field: Field<NonNullable<T[K]>> = schema.fields[member];
  return message[member] ?? field.default ?? (defaultOf(field) as NonNullable<T[K]>);
}

/** What the type of a field reads as where the field is unset and declares no default. */
export function defaultOf(field: Field): unknown {
  if (field.rule === "repeated") return [];
  if (field.rule === "map") return new Map();
  if (typeof field.type === "string") return ZERO[field.type];
  return field.type.kind === "enum" ? Object.keys(field.type.values)[0] : {};
}
