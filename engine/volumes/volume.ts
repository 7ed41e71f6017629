import type { Box } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { DType, TypedArray } from "../formats/nd_array.ts";

/**
 * A volume on disk or on a server, read box by box. Every kind of volume implements this and joins the conformance
 * suite in `tests/volumes/`.
 */
export interface Volume extends AsyncDisposable {
  /** The spec it was opened from, as the user wrote it; error messages quote it. */
  readonly spec: string;
  /** `[z, y, x]` or `[channel, z, y, x]`. */
  readonly shape: readonly number[];
  /** Type of the elements. */
  readonly dtype: DType;
  /** Edge lengths of a voxel in nanometres, zyx, where the volume knows them. */
  readonly voxelSizeNm?: Zyx;
  /**
   * Where voxel (0, 0, 0) lies in the data set's own coordinates, in voxels, zyx; absent where that is the origin. Boxes
   * count from the first voxel all the same.
   */
  readonly offset?: Zyx;
  /**
   * Reads a box, C order `[z, y, x]`, of one channel (0 where the volume has no channel axis).
   *
   * @throws {RangeError} when the box is not inside the volume or the channel does not exist.
   */
  read(box: Box, channel?: number): Promise<TypedArray>;
  /** Writes a box; absent on volumes that are opened read-only. */
  write?(box: Box, data: TypedArray, channel?: number): Promise<void>;
}

/** Spatial size of a volume, whatever its number of channels. */
export function spatialSize(volume: { readonly shape: readonly number[] }): Zyx {
  const [z, y, x] = volume.shape.slice(-3);
  return [z, y, x];
}

/** Number of channels: 1 for a 3-d volume. */
export function channelCount(volume: { readonly shape: readonly number[] }): number {
  return volume.shape.length === 4 ? volume.shape[0] : 1;
}

/** The box of all voxels of a volume. */
export function wholeBox(volume: { readonly shape: readonly number[] }): Box {
  return { start: [0, 0, 0], size: spatialSize(volume) };
}
