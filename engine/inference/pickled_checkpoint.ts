/** Policy states as the reference programs keep them in canvas checkpoints: object arrays of deques, sets and tuples. */
import { FormatError } from "../errors/errors.ts";
import { PickledArray, type PickleValue } from "../formats/pickle_values.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { MovementState } from "./movement_policy.ts";
import type { SeedPolicyState } from "./seed_policies/policy.ts";

/**
 * Movement state: an array of (queue, done) or, in newer files, (queue, done, start), where the queue holds
 * (score, (z, y, x)) and done the cells.
 */
export function readPickledMovement(value: PickleValue, path: string): MovementState {
  const [queue, done, start] = itemsOf(value);
  if (!Array.isArray(queue) || !(done instanceof Set)) throw unreadable(path, "movement_policy");
  const entries = queue.map(itemsOf);
  return {
    queuePositions: Int32Array.from(
      entries.flatMap(([, position]) => triple(position, path, "movement_policy")),
    ),
    queueScores: Float32Array.from(entries, ([score]) => Number(score)),
    done: Int32Array.from([...done].flatMap((cell) => triple(cell, path, "movement_policy"))),
    start: start === undefined ? [0, 0, 0] : triple(start, path, "movement_policy"),
  };
}

/** Seed policy state: an array of (coordinates, next index), or None before the policy was made. */
export function readPickledSeeds(value: PickleValue, path: string): SeedPolicyState | null {
  if (value === null) return null;
  const [coords, index] = itemsOf(value);
  if (coords === null || coords === undefined) return null;
  const table = coords instanceof PickledArray && coords.array !== null
    ? Array.from<number | bigint, number>(coords.array.data, Number)
    : itemsOf(coords).flatMap((row) => triple(row, path, "seed_policy_state"));
  if (table.length % 3 !== 0 || !Number.isSafeInteger(index)) {
    throw unreadable(path, "seed_policy_state");
  }
  return { coords: Int32Array.from(table), index: index as number };
}

/** Elements of a tuple or list, or of an array in C order. */
function itemsOf(value: PickleValue | undefined): PickleValue[] {
  if (Array.isArray(value)) return value;
  if (!(value instanceof PickledArray)) return [];
  return value.items ?? Array.from<number | bigint, number>(value.array?.data ?? [], Number);
}

function triple(value: PickleValue, path: string, member: string): Zyx {
  const numbers = itemsOf(value);
  if (numbers.length !== 3 || !numbers.every((n) => Number.isSafeInteger(n))) {
    throw unreadable(path, member);
  }
  return numbers as unknown as Zyx;
}

function unreadable(path: string, member: string): FormatError {
  return new FormatError(
    `Cannot resume from "${path}": "${member}" is not the state of a policy that this program has; remove the file to begin anew`,
    { path },
  );
}
