import type { SeedPolicyContext } from "./policy.ts";

/** Whether a voxel (C-order index) is segmented or masked, so that a seed there would be rejected. */
export function exclusionOf(
  { segmentation, mask, seedMask }: SeedPolicyContext,
): (index: number) => boolean {
  return (i) =>
    segmentation[i] > 0 || (mask !== null && mask[i] !== 0) ||
    (seedMask !== null && seedMask[i] !== 0);
}
