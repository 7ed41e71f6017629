import { setTimeout } from "node:timers/promises";
import { DvidError, type DvidLabelmap, mergeBody } from "../volumes/dvid/labelmap.ts";

/** Bodies in one merge request. */
const CHUNK = 1000;
const WAITS_MS = [1_000, 2_000, 4_000, 8_000, 16_000];

/** What posting came to. */
export interface PostedMerges {
  /** Bodies that are merged now, of those that were to be; not those of which no two supervoxels could be joined. */
  merged: number;
  /** Of them, those that were merged before. */
  before: number;
  /** Supervoxels that belong to another body by now, or do not exist; they are left alone. */
  conflicts: bigint[];
}

export interface PostOptions {
  readonly signal?: AbortSignal;
  /** Told after each body. */
  onBody?(posted: Readonly<PostedMerges>): void;
  /** Pauses between attempts; each is one more attempt. */
  readonly waitsMs?: readonly number[];
}

/**
 * Merges bodies on a server, one after the other, each into its smallest supervoxel. What the server has merged already is
 * not sent again: before every attempt it is asked, so that a run that was stopped, or an answer that was lost, does no
 * harm.
 *
 * @param bodies Members of each, ascending.
 * @throws {DvidError} when the server refuses, or does not come back; a later run goes on from there.
 */
export async function postMerges(
  labelmap: DvidLabelmap,
  bodies: readonly (readonly bigint[])[],
  options: PostOptions = {},
): Promise<PostedMerges> {
  const posted: PostedMerges = { merged: 0, before: 0, conflicts: [] };
  for (const members of bodies) {
    let sent = false, isMerged = false;
    let left = Infinity;
    for (let done = false; !done;) {
      options.signal?.throwIfAborted();
      done = await retrying(options, async () => {
        // Asked anew in every attempt: a merge whose answer was lost may have been done.
        const { target, open, foreign } = await stateOf(labelmap, members, options.signal);
        if (target === null || open.length === 0) {
          posted.conflicts.push(...foreign);
          isMerged = foreign.length < members.length - 1;
          return true;
        }
        if (open.length >= left) {
          throw new DvidError(
            `Cannot merge into ${target}: "${labelmap.url}" accepted a merge and did not do it`,
            200,
          );
        }
        sent = true;
        await labelmap.merge(target, open.slice(0, CHUNK), options.signal);
        left = open.length;
        return false;
      });
    }
    if (isMerged) posted.merged++;
    if (isMerged && !sent) posted.before++;
    options.onBody?.(posted);
  }
  return posted;
}

/** What `postMerges` would send to a server where nothing is merged. */
export function* plannedRequests(
  labelmap: DvidLabelmap,
  bodies: readonly (readonly bigint[])[],
): Generator<string> {
  for (const [target, ...others] of bodies) {
    for (let i = 0; i < others.length; i += CHUNK) {
      yield `POST ${labelmap.url}/merge ${mergeBody(target, others.slice(i, i + CHUNK))}`;
    }
  }
}

/** Where the members of a body are: its target (null where that is gone), those to merge yet, and those of others. */
async function stateOf(
  labelmap: DvidLabelmap,
  members: readonly bigint[],
  signal?: AbortSignal,
) {
  const bodies: bigint[] = [];
  for (let i = 0; i < members.length; i += 10 * CHUNK) {
    bodies.push(...await labelmap.mapping(members.slice(i, i + 10 * CHUNK), signal));
  }
  const target = bodies[0] === 0n ? null : bodies[0];
  const open: bigint[] = [];
  const foreign: bigint[] = target === null ? [...members] : [];
  for (const [i, member] of target === null ? [] : members.entries()) {
    if (bodies[i] === target) continue;
    (bodies[i] === member ? open : foreign).push(member);
  }
  return { target, open, foreign };
}

async function retrying<T>(
  { signal, waitsMs = WAITS_MS }: PostOptions,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 0;; failures++) {
    try {
      return await attempt();
    } catch (error) {
      const isOver = failures >= waitsMs.length || signal?.aborted;
      if (!(error instanceof DvidError) || !error.isPassing || isOver) throw error;
      await setTimeout(waitsMs[failures], undefined, { signal });
    }
  }
}
