/** Records of coordinate files: where a training patch is centred, and in which volume. */
import { FormatError } from "../errors/errors.ts";
import { toXyz, toZyx, type Zyx } from "../geometry/vectors.ts";
import { decodeExample, encodeExample } from "./tf_example.ts";

/** Centre of a training patch. */
export interface Coordinate {
  /** In voxels of the whole volume. */
  readonly center: Zyx;
  /** Name under which the volumes are given. */
  readonly volume: string;
}

/** Encodes a `tf.train.Example` with `center` (x, y, z) and `label_volume_name`. */
export function encodeCoordinate({ center, volume }: Coordinate): Uint8Array<ArrayBuffer> {
  const { x, y, z } = toXyz(center);
  return encodeExample(
    new Map([
      ["center", { integers: [BigInt(x), BigInt(y), BigInt(z)] }],
      ["label_volume_name", { bytes: [new TextEncoder().encode(volume)] }],
    ]),
  );
}

/**
 * Decodes a record.
 *
 * @param place File and number of the record, for messages.
 * @throws {FormatError} when it is no coordinate.
 */
export function decodeCoordinate(bytes: Uint8Array, place: string): Coordinate {
  const features = decodeExample(bytes, place);
  const center = features.get("center");
  const name = features.get("label_volume_name");
  const values = center && "integers" in center ? center.integers.map(Number) : [];
  const names = name && "bytes" in name ? name.bytes : [];
  if (values.length !== 3 || names.length !== 1 || !values.every(Number.isSafeInteger)) {
    throw new FormatError(
      `Cannot use "${place}" as a coordinate: it needs "center" with 3 integers and "label_volume_name" with 1 text, ` +
        `current have ${values.length} and ${names.length}`,
      { path: place },
    );
  }
  const [x, y, z] = values;
  return { center: toZyx({ x, y, z }), volume: new TextDecoder().decode(names[0]) };
}
