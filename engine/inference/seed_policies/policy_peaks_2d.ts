import { findPeaks } from "../../../wasm/images/find_peaks.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { squaredDistances } from "../../../wasm/images/squared_distances.ts";
import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import { edgeDistances } from "./edge_distances.ts";
import { imageEdges } from "./image_edges.ts";
import { withNoise } from "./noise.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/**
 * `PolicyPeaks` on each z slice by itself, in ascending (z, y, x).
 *
 * - `min_distance` (7), `threshold_abs` (2.5): window reach and least distance from an edge, in voxels.
 * - `sort_cmp` ("ascending"): anything that starts with "de" reverses the list.
 * - `compat` (false): makes the defaults 3 and 0, which the reference uses whatever it is given.
 */
export function policyPeaks2d(args: PolicyArguments): CoordinateSource {
  const compat = args.boolean("compat", false);
  const minDistance = args.integer("min_distance", compat ? 3 : 7, { min: 0 });
  const thresholdAbs = args.number("threshold_abs", compat ? 0 : 2.5);
  const descending = args.string("sort_cmp", "ascending").trim().toLowerCase().startsWith("de");
  return async ({ image, size, mask, signal }) => {
    const pace = new Pace(signal);
    const edge = await imageEdges(image, size, [mask], true, pace);
    const squared = await squaredDistances(edge, size, { perSlice: true }, pace);
    const distances = edgeDistances(squared, size, true);
    const options = { minDistance, threshold: Math.max(thresholdAbs, 0), perSlice: true };
    const peaks = await findPeaks(size, withNoise(distances, true), options, pace);
    const sign = descending ? -1 : 1;
    return coordinatesOf(peaks.sort((a, b) => sign * (a - b)), size);
  };
}
