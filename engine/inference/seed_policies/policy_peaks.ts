import { findPeaks } from "../../../wasm/images/find_peaks.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { squaredDistances } from "../../../wasm/images/squared_distances.ts";
import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import { edgeDistances } from "./edge_distances.ts";
import { exclusionOf } from "./exclusion.ts";
import { imageEdges } from "./image_edges.ts";
import { withNoise } from "./noise.ts";
import type { SeedPolicyContext } from "./policy.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/** In voxels: windows of 7 x 7 x 7. */
const MIN_DISTANCE = 3;

function checkedVoxelSize({ voxelSizeNm }: SeedPolicyContext) {
  if (voxelSizeNm) return voxelSizeNm;
  throw new RangeError(
    'Cannot use seed policy "PolicyPeaks" with "anisotropic": the volume has no voxel size; leave "anisotropic" out',
  );
}

/**
 * Points far from edges of the image: a 3-d Sobel filter, an adaptive threshold, the distance to the nearest edge, and
 * the peaks of that, in ascending (z, y, x). Without arguments the list is the reference's, bit for bit; it then also
 * holds chance seeds on wide edges and in masks, where the distance is 0 and the noise alone decides.
 *
 * - `exclude_masked` (false): no seeds in masks, seed masks and objects, and seed masks count as edges, as in newer
 *   versions of the reference.
 * - `anisotropic` (false): distances in nanometres instead of voxels.
 */
export function policyPeaks(args: PolicyArguments): CoordinateSource {
  const excludeMasked = args.boolean("exclude_masked", false);
  const anisotropic = args.boolean("anisotropic", false);
  return async (context) => {
    const { image, size, mask, seedMask } = context;
    const pace = new Pace(context.signal);
    const steps = anisotropic ? checkedVoxelSize(context) : undefined;
    const masks = excludeMasked ? [mask, seedMask] : [mask];
    const edge = await imageEdges(image, size, masks, false, pace);
    const isUniform = !edge.includes(0) || !edge.includes(1);
    if (excludeMasked && isUniform) return new Int32Array(0);
    const squared = await squaredDistances(edge, size, { steps }, pace);
    const distances = edgeDistances(squared, size);
    const isExcluded = exclusionOf(context);
    const included = (z: number, plane: Float64Array) => {
      const start = z * plane.length;
      distances(z, plane);
      for (let i = 0; i < plane.length; i++) if (isExcluded(start + i)) plane[i] = -1;
    };
    const noisy = withNoise(excludeMasked ? included : distances);
    const options = { minDistance: MIN_DISTANCE, threshold: 0 };
    const peaks = await findPeaks(size, noisy, options, pace);
    return coordinatesOf(peaks.sort((a, b) => a - b), size);
  };
}
