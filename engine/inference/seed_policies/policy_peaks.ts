import { findPeaks } from "../../../wasm/images/find_peaks.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { squaredDistances } from "../../../wasm/images/squared_distances.ts";
import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import { exclusionOf } from "./exclusion.ts";
import { imageEdges } from "./image_edges.ts";
import { withNoise } from "./noise.ts";
import type { SeedPolicyContext } from "./policy.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/** In voxels: windows of 7 x 7 x 7. */
const MIN_DISTANCE = 3;

/**
 * Distance to the nearest edge as the reference computes it where an image has no edge: to the voxel before the first
 * one along the first axis.
 */
export function distanceWithoutEdge(first: number, y: number, x: number): number {
  return Math.fround(Math.sqrt((first + 1) ** 2 + y ** 2 + x ** 2));
}

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
    if (excludeMasked && !edge.includes(0)) return new Int32Array(0);
    const squared = await squaredDistances(edge, size, { steps }, pace);
    const isExcluded = exclusionOf(context);
    const [, height, width] = size;
    const distances = (z: number, plane: Float64Array) => {
      const start = z * plane.length;
      const withoutEdge = squared[start] === Infinity;
      for (let i = 0; i < plane.length; i++) {
        plane[i] = Math.fround(Math.sqrt(squared[start + i]));
      }
      if (excludeMasked) {
        for (let i = 0; i < plane.length; i++) {
          if (withoutEdge || isExcluded(start + i)) plane[i] = -1;
        }
      } else if (withoutEdge) {
        for (let y = 0, i = 0; y < height; y++) {
          for (let x = 0; x < width; x++) plane[i++] = distanceWithoutEdge(z, y, x);
        }
      }
    };
    const options = { minDistance: MIN_DISTANCE, threshold: 0 };
    const peaks = await findPeaks(size, withNoise(distances), options, pace);
    return coordinatesOf(peaks.sort((a, b) => a - b), size);
  };
}
