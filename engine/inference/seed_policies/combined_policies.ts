import { type CoordinateSource, insideMargin } from "./coordinate_policy.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

/** Makes the list of a policy that is named in the arguments of another. */
export type MakeSource = (
  name: string,
  args: Readonly<Record<string, unknown>>,
) => CoordinateSource;

/**
 * The seeds of another policy in reverse.
 *
 * - `policy_to_reverse` (required): its name. All other arguments are passed on to it.
 */
export function reverseCoords(args: PolicyArguments, make: MakeSource): CoordinateSource {
  const source = make(args.string("policy_to_reverse"), args.rest());
  return async (context) => {
    const { coords } = insideMargin(await source(context), context);
    const reversed = new Int32Array(coords.length);
    for (let i = 0; i < coords.length; i += 3) {
      reversed.set(coords.subarray(i, i + 3), coords.length - 3 - i);
    }
    return reversed;
  };
}

/**
 * The seeds of several policies, one list after the other. All lists are made before the first seed is tried.
 *
 * - `policies` (required): `[["name", {arguments}], …]`.
 */
export function sequentialPolicies(args: PolicyArguments, make: MakeSource): CoordinateSource {
  const sources = args.policies("policies").map(([name, values]) => make(name, values));
  return async (context) => {
    const lists: Int32Array[] = [];
    for (const source of sources) lists.push(await source(context));
    const all = new Int32Array(lists.reduce((sum, list) => sum + list.length, 0));
    let at = 0;
    for (const list of lists) {
      all.set(list, at);
      at += list.length;
    }
    return all;
  };
}
