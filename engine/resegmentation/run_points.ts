import { Counters } from "../inference/counters.ts";
import type { Executor } from "../inference/executor.ts";
import type { RunnerVolumes } from "../inference/runner_volumes.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { writePointResult } from "./point_file.ts";
import { pointPath } from "./point_paths.ts";
import { runPoint } from "./point_run.ts";
import type { DecisionPoint, ResegmentationRequest } from "./request.ts";

/** How many points came to what. */
export interface PointCounts {
  /** Grown now. */
  done: number;
  /** Had a result, or a reason for none, from an earlier run. */
  before: number;
  /** Have no result, for a reason that stands beside where it would be. */
  skipped: number;
}

export interface RunPointsOptions {
  /** Points at a time, at least 1. */
  readonly concurrency: number;
  readonly signal?: AbortSignal;
  /** Told after each point; `steps` counts fields of view. */
  onPoint?(counts: Readonly<PointCounts>, steps: number): void;
}

/**
 * Works on points, several at a time over one executor. A result is a file; a point without one leaves
 * `<result>.skipped.txt` with the reason, so that no later run tries it again.
 *
 * @throws the first error; other points in progress are given up then, to be done by the next run.
 */
export async function runPoints(
  request: ResegmentationRequest,
  points: readonly DecisionPoint[],
  resources: { readonly volumes: RunnerVolumes; readonly executor: Executor },
  { concurrency, signal, onPoint }: RunPointsOptions,
): Promise<PointCounts> {
  const counts: PointCounts = { done: 0, before: 0, skipped: 0 };
  const counters = new Counters();
  const failed = new AbortController();
  const stop = AbortSignal.any(signal ? [signal, failed.signal] : [failed.signal]);
  let steps = 0;
  const queue = points[Symbol.iterator]();
  const work = async () => {
    for (const point of queue) {
      stop.throwIfAborted();
      const path = pointPath(request, point);
      if (await exists(path) || await exists(skipPath(path))) counts.before++;
      else {
        const control = { signal: stop, onStep: () => void steps++ };
        const result = await runPoint(request, point, { ...resources, counters }, control);
        if (typeof result === "string") {
          await writeFileAtomically(skipPath(path), new TextEncoder().encode(`${result}\n`));
          counts.skipped++;
        } else {
          await writePointResult(path, result);
          counts.done++;
        }
      }
      onPoint?.(counts, steps);
    }
  };
  const workers = Array.from(
    { length: Math.min(concurrency, points.length) },
    () =>
      work().catch((error) => {
        failed.abort(error);
        throw error;
      }),
  );
  const first = (await Promise.allSettled(workers)).find((end) => end.status === "rejected");
  if (first !== undefined) throw failed.signal.reason;
  return counts;
}

function skipPath(path: string): string {
  return `${path}.skipped.txt`;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, (error) => {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  });
}
