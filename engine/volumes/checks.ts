/** Checks that every kind of volume makes before it reads or writes. */
import { FormatError } from "../errors/errors.ts";
import { elementCount, itemSize, type TypedArray } from "../formats/nd_array.ts";
import { type Box, describeBox, endOf } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { channelCount, spatialSize, type Volume } from "./volume.ts";

/** One array holds at most this; JavaScript's own limit is near. */
const MAX_VOXELS = 2 ** 32;

/** @throws {RangeError} unless a volume can have this shape: 3 or 4 dimensions, none of them empty. */
export function checkShape(spec: string, shape: readonly number[]): void {
  const current = `current shape is [${shape.join(", ")}]`;
  if (shape.length !== 3 && shape.length !== 4) {
    throw new RangeError(
      `Cannot open "${spec}": a volume has 3 dimensions (z, y, x) or 4 (channel, z, y, x), ${current}`,
    );
  }
  if (!shape.every((n) => Number.isSafeInteger(n) && n >= 1)) {
    throw new RangeError(`Cannot open "${spec}": a volume has at least one voxel, ${current}`);
  }
}

/** @throws {RangeError} when the box is not inside the volume, or the channel does not exist. */
export function checkBox(
  action: "read" | "write",
  volume: Pick<Volume, "spec" | "shape">,
  box: Box,
  channel: number,
): void {
  const size = spatialSize(volume);
  const channels = channelCount(volume);
  if (!Number.isInteger(channel) || channel < 0 || channel >= channels) {
    throw new RangeError(
      `Cannot ${action} "${volume.spec}": channels go from 0 to ${
        channels - 1
      }, current ${channel}`,
    );
  }
  const end = endOf(box);
  const isInside = box.start.every((from, axis) =>
    Number.isSafeInteger(from) && Number.isSafeInteger(end[axis]) && from >= 0 &&
    box.size[axis] >= 1 && end[axis] <= size[axis]
  );
  if (!isInside || volumeOf(box.size) > MAX_VOXELS) {
    throw new RangeError(
      `Cannot ${action} "${volume.spec}": a box must lie inside size zyx (${size.join(", ")}) ` +
        `and have 1 to ${MAX_VOXELS} voxels, current box is ${describeBox(box)}`,
    );
  }
}

/** @throws {RangeError | TypeError} unless `data` has one element of the volume's type for each voxel of the box. */
export function checkData(
  volume: Pick<Volume, "spec" | "dtype">,
  box: Box,
  data: TypedArray,
  expected: abstract new (n: number) => TypedArray,
): void {
  if (!(data instanceof expected)) {
    throw new TypeError(
      `Cannot write "${volume.spec}": elements are ${volume.dtype}, current data is a ${data.constructor.name}`,
    );
  }
  if (data.length !== volumeOf(box.size)) {
    throw new RangeError(
      `Cannot write "${volume.spec}": the box has ${
        volumeOf(box.size)
      } voxels, current data has ${data.length}`,
    );
  }
}

/**
 * Refuses to allocate what a file cannot hold: no format here packs more than deflate's 1032 to 1.
 *
 * @throws {FormatError} naming both sizes.
 */
export function checkPlausible(
  volume: Pick<Volume, "spec" | "dtype">,
  path: string,
  shape: readonly number[],
  fileBytes: number,
): void {
  const wantedBytes = elementCount(shape) * itemSize(volume.dtype);
  // Below this, parts of a dataset that were never written may be read as they are.
  const free = 2 ** 28;
  if (wantedBytes > Math.max(free, 1032 * fileBytes)) {
    throw new FormatError(
      `Cannot read "${volume.spec}": [${
        shape.join(", ")
      }] ${volume.dtype} needs ${wantedBytes} bytes, ` +
        `more than a file of ${fileBytes} bytes can hold; the file is damaged`,
      { path },
    );
  }
}
