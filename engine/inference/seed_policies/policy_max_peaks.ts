import { findPeaks } from "../../../wasm/images/find_peaks.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import { exclusionOf } from "./exclusion.ts";
import { largestOf, withNoise } from "./noise.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/**
 * Peaks of the image itself, with segmented and masked voxels set to 0, in ascending (z, y, x).
 *
 * - `min_distance` (3): window reach in voxels.
 * - `threshold_abs` (0), `threshold_rel` (0): peaks are above the larger of `threshold_abs` and `threshold_rel` times
 *   the largest value, both of the normalised image.
 */
export function policyMaxPeaks(args: PolicyArguments): CoordinateSource {
  const minDistance = args.integer("min_distance", 3, { min: 0 });
  const thresholdAbs = args.number("threshold_abs", 0);
  const thresholdRel = args.number("threshold_rel", 0);
  return async (context) => {
    const { image, size } = context;
    const isExcluded = exclusionOf(context);
    const values = (z: number, plane: Float64Array) => {
      const start = z * plane.length;
      for (let i = 0; i < plane.length; i++) {
        plane[i] = isExcluded(start + i) ? 0 : image[start + i];
      }
    };
    const relative = thresholdRel === 0 ? 0 : thresholdRel * largestOf(withNoise(values), size);
    const options = { minDistance, threshold: Math.max(thresholdAbs, relative) };
    const peaks = await findPeaks(size, withNoise(values), options, new Pace(context.signal));
    return coordinatesOf(peaks.sort((a, b) => a - b), size);
  };
}
