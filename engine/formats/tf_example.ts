/** `tf.train.Example`: a map from names to lists of bytes, floats or integers. */
import { BinaryReader, BinaryWriter, WireType } from "./protobuf/wire.ts";
import { FormatError } from "../errors/errors.ts";

/** One entry of an example; exactly one list. */
export type Feature =
  | { readonly bytes: readonly Uint8Array[] }
  | { readonly floats: readonly number[] }
  | { readonly integers: readonly bigint[] };

/** Field numbers of `Feature`'s lists. */
const BYTES = 1, FLOATS = 2, INTEGERS = 3;

/** Encodes an example with its features in the order of the map; numbers are packed, as TensorFlow writes them. */
export function encodeExample(features: ReadonlyMap<string, Feature>): Uint8Array<ArrayBuffer> {
  const map = new BinaryWriter();
  for (const [name, feature] of features) {
    map.tag(1, WireType.LengthDelimited).fork();
    map.tag(1, WireType.LengthDelimited).string(name);
    map.tag(2, WireType.LengthDelimited).fork();
    writeFeature(map, feature);
    map.join().join();
  }
  return new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(map.finish()).finish();
}

function writeFeature(writer: BinaryWriter, feature: Feature): void {
  if ("bytes" in feature) {
    writer.tag(BYTES, WireType.LengthDelimited).fork();
    for (const value of feature.bytes) writer.tag(1, WireType.LengthDelimited).bytes(value);
    writer.join();
    return;
  }
  const isFloat = "floats" in feature;
  writer.tag(isFloat ? FLOATS : INTEGERS, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).fork();
  if (isFloat) { for (const value of feature.floats) writer.float(value); }
  else for (const value of feature.integers) writer.int64(value);
  writer.join().join();
}

/**
 * Decodes an example, whose features may come in any order.
 *
 * @param path What the bytes come from, for messages.
 * @throws {FormatError} when the bytes are no example.
 */
export function decodeExample(bytes: Uint8Array, path: string): Map<string, Feature> {
  const features = new Map<string, Feature>();
  try {
    for (const [, map] of messagesOf(bytes)) {
      for (const [, entry] of messagesOf(map)) {
        let name = "";
        let feature: Feature | null = null;
        for (const [field, value] of messagesOf(entry)) {
          if (field === 1) name = new TextDecoder("utf-8", { fatal: true }).decode(value);
          else if (field === 2) feature = readFeature(value);
        }
        if (feature) features.set(name, feature);
      }
    }
  } catch (cause) {
    throw new FormatError(`Cannot decode an example of "${path}": ${(cause as Error).message}`, {
      path,
      cause,
    });
  }
  return features;
}

/** Every length-delimited field of a message; others are skipped. */
function* messagesOf(bytes: Uint8Array): Generator<[field: number, value: Uint8Array]> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === WireType.LengthDelimited) yield [field, reader.bytes()];
    else reader.skip(wire, field);
  }
}

function readFeature(bytes: Uint8Array): Feature | null {
  let feature: Feature | null = null;
  for (const [field, list] of messagesOf(bytes)) {
    if (field === BYTES) feature = { bytes: [...messagesOf(list)].map(([, value]) => value) };
    else if (field === FLOATS) {
      feature = { floats: numbers(list, WireType.Bit32, (r) => r.float()) };
    } else if (field === INTEGERS) {
      feature = { integers: numbers(list, WireType.Varint, (r) => BigInt(r.int64())) };
    }
  }
  return feature;
}

/** Values of field 1, packed or one by one. */
function numbers<T>(bytes: Uint8Array, single: WireType, read: (r: BinaryReader) => T): T[] {
  const reader = new BinaryReader(bytes);
  const values: T[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === WireType.LengthDelimited) {
      const end = reader.uint32() + reader.pos;
      if (end > reader.len) throw new RangeError("a list is longer than its message");
      while (reader.pos < end) values.push(read(reader));
    } else if (field === 1 && wire === single) values.push(read(reader));
    else reader.skip(wire, field);
  }
  return values;
}
