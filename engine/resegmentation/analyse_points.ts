import { NotFoundError } from "../errors/errors.ts";
import { intersect } from "../geometry/box.ts";
import { equalZyx } from "../geometry/vectors.ts";
import { type Volume, wholeBox } from "../volumes/volume.ts";
import { evaluatePair, type PairEvaluation } from "./evaluate_pair.ts";
import { readPointResult } from "./point_file.ts";
import { pointPath } from "./point_paths.ts";
import { subvolumeOf } from "./point_run.ts";
import type { DecisionPoint, ResegmentationRequest } from "./request.ts";

/** A point that could not be judged. */
export interface Unjudged {
  readonly point: DecisionPoint;
  readonly reason: string;
}

/**
 * Judges the results of all pairs of a request, in its order; those without a complete result are left out and listed.
 *
 * @param labels The original segmentation.
 */
export async function analysePoints(
  request: ResegmentationRequest,
  labels: Volume,
  { signal, onPoint }: { signal?: AbortSignal; onPoint?(done: number): void } = {},
): Promise<{ evaluations: PairEvaluation[]; unjudged: Unjudged[] }> {
  const evaluations: PairEvaluation[] = [];
  const unjudged: Unjudged[] = [];
  for (const [i, point] of request.points.entries()) {
    signal?.throwIfAborted();
    const judged = await analysePoint(request, point, labels);
    if (typeof judged === "string") unjudged.push({ point, reason: judged });
    else evaluations.push(judged);
    onPoint?.(i + 1);
  }
  return { evaluations, unjudged };
}

async function analysePoint(
  request: ResegmentationRequest,
  point: DecisionPoint,
  labels: Volume,
): Promise<PairEvaluation | string> {
  const result = await readPointResult(pointPath(request, point)).catch((error) => {
    if (error instanceof NotFoundError) return null;
    throw error;
  });
  if (result === null) return "it has no result";
  if (!equalZyx(result.radius, request.radius)) {
    return `its result has radius zyx (${result.radius.join(", ")})`;
  }
  const analysisRadius = request.analysisRadius ?? request.radius;
  const box = subvolumeOf(point, analysisRadius);
  const part = intersect(box, wholeBox(labels));
  if (part === null || !equalZyx(part.size, box.size)) return "it lies outside of the labels";
  return await evaluatePair(result, await labels.read(box), analysisRadius);
}
