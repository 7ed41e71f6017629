import type { SeedPolicy, SeedPolicyContext } from "./policy.ts";

/**
 * Makes the policy that a request names.
 *
 * @param name Name of the policy as in the request's `seed_policy`, such as `PolicyPeaks`.
 * @param args Parsed `seed_policy_args`.
 * @throws {RangeError} when there is no such policy or argument, or a value is out of range.
 * @throws {TypeError} when an argument has the wrong type.
 */
export function createSeedPolicy(
  name: string,
  args: Readonly<Record<string, unknown>>,
  context: SeedPolicyContext,
): Promise<SeedPolicy> {
  throw new RangeError(`Cannot use seed policy "${name}": not there yet`, {
    cause: { args, context },
  });
}
