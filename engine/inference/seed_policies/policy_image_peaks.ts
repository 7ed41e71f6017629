import { findPeaks } from "../../../wasm/images/find_peaks.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/** Smallest and largest value; a loop, because the spread of Math.min has an argument limit. */
function extremes(values: Float32Array): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/**
 * Peaks of the image in 3-d, then those of each z slice, each in descending intensity.
 *
 * - `min_distance_3d` (4), `min_distance_2d` (2): window reach in voxels; a negative one leaves that part out.
 */
export function policyImagePeaks3D2D(args: PolicyArguments): CoordinateSource {
  const distance2d = args.integer("min_distance_2d", 2, {});
  const distance3d = args.integer("min_distance_3d", 4, {});
  return async ({ image, size, signal }) => {
    const pace = new Pace(signal);
    const count = size[1] * size[2];
    const slice = (z: number) => image.subarray(z * count, (z + 1) * count);
    const fill = (z: number, plane: Float64Array) => plane.set(slice(z));
    const in3d = distance3d < 0 ? [] : await findPeaks(
      size,
      fill,
      { minDistance: distance3d, threshold: extremes(image).min },
      pace,
    );
    const in2d = distance2d < 0 ? [] : await findPeaks(
      size,
      fill,
      {
        minDistance: distance2d,
        threshold: (z) => extremes(slice(z)).min,
        perSlice: true,
      },
      pace,
    );
    return coordinatesOf(in3d.concat(in2d), size);
  };
}

/**
 * Peaks of each z slice of the image that are the maximum of a disk, slice after slice in descending intensity.
 *
 * - `min_distance_2d` (3): least Euclidean distance between peaks, and from the border, in voxels.
 * - `threshold_rel` (0.5): peaks are above this share of the largest value of their slice.
 * - `disk_radius` (1): radius of the disk in voxels.
 */
export function policyImagePeaks2DDisk(args: PolicyArguments): CoordinateSource {
  const minDistance = args.integer("min_distance_2d", 3, { min: 0 });
  const thresholdRel = Math.fround(args.number("threshold_rel", 0.5));
  const diskRadius = args.integer("disk_radius", 1, { min: 0, max: 100 });
  return async ({ image, size, signal }) => {
    const count = size[1] * size[2];
    const slice = (z: number) => image.subarray(z * count, (z + 1) * count);
    const threshold = (z: number) => {
      const { min, max } = extremes(slice(z));
      return Math.max(min, Math.fround(thresholdRel * max));
    };
    const peaks = await findPeaks(
      size,
      (z, plane) => plane.set(slice(z)),
      { minDistance, threshold, perSlice: true, diskRadius },
      new Pace(signal),
    );
    return coordinatesOf(peaks, size);
  };
}
