import type { TypedArray } from "../formats/nd_array.ts";
import { alignAndCrop } from "../geometry/alignment.ts";
import { type Box, describeBox, intersect } from "../geometry/box.ts";
import { spatialSize, type Volume, wholeBox } from "../volumes/volume.ts";

/**
 * The part of a box that lies inside a volume.
 *
 * @throws {RangeError} when there is none.
 */
export function clipToVolume(box: Box, volume: Volume): Box {
  const part = intersect(box, wholeBox(volume));
  if (part !== null) return part;
  throw new RangeError(
    `Cannot use bounding box ${
      describeBox(box)
    }: it must overlap "${volume.spec}", which has size zyx (${spatialSize(volume).join(", ")})`,
  );
}

/**
 * Reads a box of channel 0.
 *
 * @returns `[z, y, x]` of the box in the volume's type (float32 for float16), 0 outside of the volume.
 * @throws {RangeError} when the box does not overlap the volume.
 */
export async function readSubvolume(volume: Volume, box: Box): Promise<TypedArray> {
  const part = clipToVolume(box, volume);
  const stored = await volume.read(part);
  const voxels = volume.dtype === "float16"
    ? Float32Array.from(new Float16Array(stored.slice().buffer as ArrayBuffer))
    : stored;
  // All kinds of typed arrays are cut alike.
  return alignAndCrop(voxels as Uint8Array, part, box) as TypedArray;
}

/** What a network sees of raw voxels of any shape: `(raw - mean) / stddev`, every step in float32. */
export function normaliseImage(raw: TypedArray, mean: number, stddev: number): Float32Array {
  const shift = Math.fround(mean);
  const scale = Math.fround(stddev);
  const normalise = (value: number) => Math.fround(Math.fround(Math.fround(value) - shift) / scale);
  const image = new Float32Array(raw.length);
  if (raw instanceof Uint8Array) {
    const table = Float32Array.from({ length: 256 }, (_, value) => normalise(value));
    for (let i = 0; i < raw.length; i++) image[i] = table[raw[i]];
  } else {
    for (let i = 0; i < raw.length; i++) image[i] = normalise(Number(raw[i]));
  }
  return image;
}
