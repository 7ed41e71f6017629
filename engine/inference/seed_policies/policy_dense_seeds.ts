import { erodeMask } from "../../../wasm/images/erode_mask.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/**
 * Every voxel above a threshold, in ascending (z, y, x).
 *
 * - `threshold` (0.5): of the normalised image. `invert` (false): takes the voxels that are not above it.
 * - `num_erosions` (0): times that voxels with a face neighbour outside the set are taken away.
 */
export function policyDenseSeeds(args: PolicyArguments): CoordinateSource {
  const threshold = Math.fround(args.number("threshold", 0.5));
  const erosions = args.integer("num_erosions", 0, { min: 0 });
  const invert = args.boolean("invert", false);
  return async ({ image, size, signal }) => {
    const mask = new Uint8Array(image.length);
    for (let i = 0; i < mask.length; i++) mask[i] = image[i] > threshold === invert ? 0 : 1;
    await erodeMask(mask, size, erosions, new Pace(signal));
    const indices = new Uint32Array(mask.reduce((sum, set) => sum + set, 0));
    for (let i = 0, n = 0; i < mask.length; i++) if (mask[i]) indices[n++] = i;
    return coordinatesOf(indices, size);
  };
}
