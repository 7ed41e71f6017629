/** The data files of a TensorFlow V2 checkpoint: raw little-endian C-order elements, one variable after the other. */
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { type BundleEntry, type BundleIndex, isReadable } from "./bundle_index.ts";
import type { ByteSource } from "./byte_source.ts";
import { compareBytes } from "./sorted_table.ts";
import { crc32c, maskCrc } from "./crc32c.ts";
import { elementCount, type NdArray } from "./nd_array.ts";
import { decodeElements, elementBytes } from "./npy_elements.ts";

/**
 * Reads a variable from its data file and checks it; `path` is that of the file, for messages.
 *
 * @throws {FormatError} when the file is too short or the checksum is wrong, {@linkcode UnsupportedError} for element
 * types that we do not read.
 */
export async function readTensor(
  shard: ByteSource,
  name: string,
  entry: BundleEntry,
  path: string,
): Promise<NdArray> {
  const { type, shape, offset, sizeBytes, maskedCrc } = entry;
  if (!isReadable(type)) {
    throw new UnsupportedError(
      `Cannot read variable "${name}" of "${path}": type ${type} is not supported`,
    );
  }
  checkInside(shard, name, entry, path);
  const bytes = await shard.read(offset, sizeBytes);
  if (bytes.length !== sizeBytes || maskCrc(crc32c(bytes)) !== maskedCrc) {
    throw new FormatError(
      `Cannot read variable "${name}" of "${path}": its checksum is wrong, the file is damaged; copy it again`,
      { path, offset },
    );
  }
  return decodeElements(bytes, { dtype: type, bigEndian: false }, shape);
}

/** @throws {FormatError} when a variable would lie beyond the end of its data file. */
export function checkInside(
  shard: ByteSource,
  name: string,
  { offset, sizeBytes }: BundleEntry,
  path: string,
): void {
  if (offset + sizeBytes <= shard.sizeBytes) return;
  throw new FormatError(
    `Cannot read variable "${name}" of "${path}": it ends at byte ${offset + sizeBytes}, ` +
      `the file has ${shard.sizeBytes}; copy it again`,
    { path, offset },
  );
}

/**
 * Lays variables out in one data file as TensorFlow does: `parts` concatenated, in the order of the names' bytes.
 *
 * @throws {RangeError} for an empty name or an array that does not fill its shape.
 */
export function layOutTensors(
  tensors: ReadonlyMap<string, NdArray>,
): { index: BundleIndex; parts: Uint8Array[] } {
  const encoder = new TextEncoder();
  const sorted = [...tensors].map(([name, array]) => ({ name, key: encoder.encode(name), array }))
    .sort((a, b) => compareBytes(a.key, b.key));
  const entries = new Map<string, BundleEntry>();
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { name, array } of sorted) {
    if (name === "" || array.data.length !== elementCount(array.shape)) {
      throw new RangeError(
        `Cannot write variable "${name}": a variable needs a name and the elements of its shape ` +
          `[${array.shape.join(", ")}], current ${array.data.length} elements`,
      );
    }
    const bytes = elementBytes(array);
    entries.set(name, {
      type: array.dtype,
      shape: array.shape,
      shard: 0,
      offset,
      sizeBytes: bytes.length,
      maskedCrc: maskCrc(crc32c(bytes)),
    });
    parts.push(bytes);
    offset += bytes.length;
  }
  return { index: { shardCount: 1, entries }, parts };
}
