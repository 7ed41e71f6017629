import { findPeaks } from "../../../wasm/images/find_peaks.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { squaredDistances } from "../../../wasm/images/squared_distances.ts";
import { coordinatesOf, type CoordinateSource } from "./coordinate_policy.ts";
import { edgeDistances } from "./edge_distances.ts";
import { withNoise } from "./noise.ts";

/** Voxels in objects have distance 0, all others at least 1. */
const OPTIONS = { minDistance: 2, threshold: 0.5 };

/**
 * Points far from every label: fills the small branches of a segmentation that is otherwise complete, in ascending
 * (z, y, x). Takes no arguments; proposes nothing on an empty canvas.
 */
export function policyFillEmptySpace(): CoordinateSource {
  return async ({ segmentation, size, signal }) => {
    const pace = new Pace(signal);
    const labelled = new Uint8Array(segmentation.length);
    for (let i = 0; i < labelled.length; i++) labelled[i] = segmentation[i] === 0 ? 0 : 1;
    const squared = await squaredDistances(labelled, size, {}, pace);
    const noisy = withNoise(edgeDistances(squared, size));
    const peaks = await findPeaks(size, noisy, OPTIONS, pace);
    return coordinatesOf(peaks.sort((a, b) => a - b), size);
  };
}
