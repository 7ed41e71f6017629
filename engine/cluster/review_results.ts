import { join } from "node:path";
import type { Box } from "../geometry/box.ts";
import { segmentationDamage } from "../segmentation/segmentation_damage.ts";
import { findSubvolumeFile } from "../segmentation/subvolume_paths.ts";
import type { Batch, BoxColumn } from "./batch.ts";
import type { BoxFailures } from "./box_failures.ts";
import { FinishedColumns } from "./finished_columns.ts";
import { Leases } from "./leases.ts";

/** What results are reviewed with. */
export interface ReviewTools {
  readonly batch: Batch;
  readonly leases: Leases;
  readonly failures: BoxFailures;
  /** Name of this worker. */
  readonly owner: string;
}

/** Which results are reviewed. */
export interface ReviewOptions {
  /** Boxes whose number is `rank` modulo `of`. */
  readonly share: { readonly rank: number; readonly of: number };
  /** Errors after which a box is left alone. */
  readonly maxAttempts: number;
  readonly signal?: AbortSignal;
  /** Told of every box whose result cannot be used. */
  onFailure?(name: string, message: string): void;
}

/** Results that are looked at together; each look waits for the file server several times. */
const TOGETHER = 16;

/**
 * The last look at a batch, by whoever finds nothing left to do and nobody else at work: a result that cannot be read is
 * no result. It is moved aside (`.damaged`) and counts as a failed attempt at its box. What a notice calls finished, and
 * is not there any more, is found as well.
 *
 * @returns Whether boxes are left to be segmented.
 */
export async function reviewResults(tools: ReviewTools, options: ReviewOptions): Promise<boolean> {
  const { batch, leases, owner } = tools;
  const { rank, of } = options.share;
  // A share is looked at by its own worker, whatever others do.
  if (of === 1 && await isAnybodyAtWork(batch, leases)) return false;
  // Of many that end at once one looks. It gives no sign of life: two that look do no harm.
  const { files, leaseMs } = leases;
  const reviews = new Leases(join(batch.folder, "review"), { owner, leaseMs, files });
  const review = await reviews.claim(`${rank}_${of}`);
  if (review === null) return false;
  try {
    const columns = new FinishedColumns(batch, files);
    let isLeft = false;
    for (let number = 0; number < batch.columns; number++) {
      const { folder, boxes } = batch.column(number);
      const mine = boxes.filter(({ index }) => index % of === rank);
      if (mine.length === 0) continue;
      const names = new Set(await files.list(folder));
      let isWhole = true;
      for (let i = 0; i < mine.length; i += TOGETHER) {
        options.signal?.throwIfAborted();
        const some = mine.slice(i, i + TOGETHER);
        const whole = await Promise.all(some.map((box) => isFinished(box, names, tools, options)));
        isWhole &&= whole.every((finished) => finished);
      }
      if (isWhole) continue;
      await columns.forget(number);
      isLeft = true;
    }
    // Of workers that were killed on the way; whoever still writes there has nothing to publish.
    if (!isLeft && of === 1) {
      for (const left of ["scratch", "dropped"]) await files.remove(join(batch.folder, left));
    }
    return isLeft;
  } finally {
    await reviews.release(review);
  }
}

/** Whether somebody holds a box that is not finished. Leases of finished ones are what killed workers leave; they end here. */
async function isAnybodyAtWork({ plan }: Batch, leases: Leases): Promise<boolean> {
  const dir = plan.outputDirs.at(-1)!;
  for (const name of await leases.names()) {
    const holder = await leases.holder(name);
    if (holder === null) continue;
    const [x, y, z] = name.split("_").map(Number);
    if (await findSubvolumeFile(dir, [z, y, x], "npz") !== null) await leases.drop(name, holder.id);
    else if (holder.ageMs <= holder.leaseMs) return true;
  }
  return false;
}

/** Whether nothing is left to do on a box; moves results aside that cannot be read. */
async function isFinished(
  { index, file }: BoxColumn["boxes"][number],
  names: ReadonlySet<string>,
  tools: ReviewTools,
  { maxAttempts, onFailure }: ReviewOptions,
): Promise<boolean> {
  const { batch, leases, failures, owner } = tools;
  const box = batch.nameOf(index);
  if (!names.has(file)) return await failures.areFinal(box, maxAttempts);
  const found = await findDamage(batch, batch.boxes.at(index));
  if (found === null) return true;
  const lease = await leases.claim(box);
  if (lease === null) return false;
  const message = `its result was moved aside: ${found.message}`;
  for (const dir of batch.plan.outputDirs.slice(found.request)) {
    for (const suffix of ["npz", "prob"] as const) {
      const path = await findSubvolumeFile(dir, batch.boxes.at(index).start, suffix);
      if (path !== null) await leases.files.rename(path, `${path}.damaged`);
    }
  }
  await failures.add(lease.id, { box, kind: "error", message, owner });
  await leases.release(lease);
  onFailure?.(box, message);
  return false;
}

/** The first request whose result cannot be read; those after it may have begun with that. */
async function findDamage(
  { plan }: Batch,
  { start }: Box,
): Promise<{ request: number; message: string } | null> {
  for (const [request, dir] of plan.outputDirs.entries()) {
    const message = await segmentationDamage(dir, start);
    if (message !== null) return { request, message };
  }
  return null;
}
