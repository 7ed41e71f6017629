import { type MakeSource, reverseCoords, sequentialPolicies } from "./combined_policies.ts";
import { CoordinatePolicy, type CoordinateSource } from "./coordinate_policy.ts";
import { policyInvertOrigins, policyManual } from "./given_coordinates.ts";
import type { SeedPolicy, SeedPolicyContext } from "./policy.ts";
import { PolicyArguments } from "./policy_arguments.ts";
import { policyDenseSeeds } from "./policy_dense_seeds.ts";
import { policyFillEmptySpace } from "./policy_fill_empty_space.ts";
import { policyGrid2d, policyGrid3d } from "./policy_grid.ts";
import { policyImagePeaks2DDisk, policyImagePeaks3D2D } from "./policy_image_peaks.ts";
import { policyMax } from "./policy_max.ts";
import { policyMaxPeaks } from "./policy_max_peaks.ts";
import { policyPeaks } from "./policy_peaks.ts";
import { policyPeaks2d } from "./policy_peaks_2d.ts";

/** Reads and checks the arguments at once; the list is made later. */
type Factory = (args: PolicyArguments, make: MakeSource) => CoordinateSource;

/** A new policy is a function and a line here. The names are those of published requests. */
const POLICIES: ReadonlyMap<string, Factory> = new Map<string, Factory>([
  ["PolicyPeaks", policyPeaks],
  ["PolicyPeaks2d", policyPeaks2d],
  ["PolicyMax", policyMax],
  ["PolicyGrid3d", policyGrid3d],
  ["PolicyGrid2d", policyGrid2d],
  ["PolicyInvertOrigins", policyInvertOrigins],
  ["PolicyFillEmptySpace", policyFillEmptySpace],
  ["PolicyMaxPeaks", policyMaxPeaks],
  ["PolicyImagePeaks3D2D", policyImagePeaks3D2D],
  ["PolicyImagePeaks2DDisk", policyImagePeaks2DDisk],
  ["PolicyDenseSeeds", policyDenseSeeds],
  ["PolicyManual", policyManual],
  ["ReverseCoords", reverseCoords],
  ["SequentialPolicies", sequentialPolicies],
]);

function makeSource(name: string, values: Readonly<Record<string, unknown>>): CoordinateSource {
  const factory = POLICIES.get(name);
  if (!factory) {
    const allowed = [...POLICIES.keys()].map((known) => `"${known}"`).join(", ");
    throw new RangeError(`Cannot use seed policy "${name}": allowed policies: ${allowed}`);
  }
  const args = new PolicyArguments(name, values);
  const source = factory(args, makeSource);
  args.refuseOthers();
  return source;
}

/**
 * Checks the name and the arguments of a policy, without a canvas.
 *
 * @throws {RangeError} when there is no such policy or argument, or a value is out of range.
 * @throws {TypeError} when an argument is missing or has the wrong type.
 */
export function checkSeedPolicy(name: string, args: Readonly<Record<string, unknown>>): void {
  makeSource(name, args);
}

/**
 * Makes the policy that a request names.
 *
 * @param name Name of the policy as in the request's `seed_policy`, such as `PolicyPeaks`.
 * @param args Parsed `seed_policy_args`.
 * @throws {RangeError} when there is no such policy or argument, or a value is out of range.
 * @throws {TypeError} when an argument is missing or has the wrong type.
 */
export function createSeedPolicy(
  name: string,
  args: Readonly<Record<string, unknown>>,
  context: SeedPolicyContext,
): Promise<SeedPolicy> {
  return Promise.try(() => new CoordinatePolicy(makeSource(name, args), context));
}
