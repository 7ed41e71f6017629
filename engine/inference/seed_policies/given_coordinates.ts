import type { CoordinateSource } from "./coordinate_policy.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/**
 * Seeds that the request lists.
 *
 * - `coords` (required): `[[z, y, x], …]` in the order they are tried, local to the subvolume.
 */
export function policyManual(args: PolicyArguments): CoordinateSource {
  const coords = args.vectors("coords");
  return () => coords;
}

/**
 * Origins of an earlier segmentation of the same subvolume, the last object first.
 *
 * - `segmentation_dir` (required): folder of that segmentation.
 * - `corner` (that of the canvas): corner of the subvolume, `[z, y, x]`.
 */
export function policyInvertOrigins(args: PolicyArguments): CoordinateSource {
  const dir = args.string("segmentation_dir");
  const corner = args.vector("corner");
  return async (context) => {
    const origins = await context.loadOrigins(dir, corner ?? context.corner);
    const ids = [...origins.keys()].sort((a, b) => b - a);
    return Int32Array.from(ids.flatMap((id) => [...origins.get(id)!.startZyx]));
  };
}
