import { join } from "node:path";
import { DeviceLostError } from "../backends/webgpu/failure.ts";
import { KernelError } from "../errors/errors.ts";
import type { Box } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { Runner, RunnerControl, SubvolumeResult } from "../inference/runner.ts";
import { segmentationDamage } from "../segmentation/segmentation_damage.ts";
import { findSubvolumeFile, subvolumePath } from "../segmentation/subvolume_paths.ts";
import type { Batch } from "./batch.ts";
import type { BoxFailures } from "./box_failures.ts";
import type { BoxQueue, ClaimedBox } from "./box_queue.ts";
import { moveFile } from "./lease_files.ts";
import { type Lease, LeaseLostError, type Leases } from "./leases.ts";

/** What a worker works with. */
export interface WorkerTools {
  readonly batch: Batch;
  /** One per request, in order. */
  readonly runners: readonly Runner[];
  readonly leases: Leases;
  readonly failures: BoxFailures;
  readonly queue: BoxQueue;
  /** Name of this worker. */
  readonly owner: string;
}

/** How a worker works. */
export interface WorkerOptions {
  /** Boxes at a time, at least 1. */
  readonly concurrency: number;
  readonly signal?: AbortSignal;
  /** Watches one run. */
  control?(box: Box): Omit<RunnerControl, "signal" | "folder">;
  /** Told of every box that was finished by this worker. */
  onBox?(box: Box, results: readonly (SubvolumeResult | null)[]): void;
  /** Told of every attempt that failed. */
  onFailure?(name: string, message: string): void;
}

/**
 * Segments boxes until the queue has no more. A box whose work fails is noted and left to a later attempt.
 *
 * @returns How many boxes this worker finished.
 * @throws what keeps this worker, and not the box, from going on: a kernel that failed, a full disk; or the reason of the
 * signal. Checkpoints stay for whoever goes on.
 */
export async function runBatchWorker(tools: WorkerTools, options: WorkerOptions): Promise<number> {
  const broken = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const stop = AbortSignal.any([...signals, broken.signal]);
  let finished = 0;
  const loop = async () => {
    for (;;) {
      stop.throwIfAborted();
      const claimed = await tools.queue.next();
      if (claimed === null) return;
      if (await workOn(claimed, tools, options, stop)) finished++;
    }
  };
  let firstError: { readonly error: unknown } | null = null;
  await Promise.all(Array.from({ length: options.concurrency }, () =>
    loop().catch((error) => {
      firstError ??= { error };
      broken.abort(error);
    })));
  if (firstError !== null) throw (firstError as { error: unknown }).error;
  return finished;
}

/** Takes one box through all requests, under its lease; false where that came to nothing. */
async function workOn(
  { index, lease }: ClaimedBox,
  tools: WorkerTools,
  options: WorkerOptions,
  stop: AbortSignal,
): Promise<boolean> {
  const { batch, leases, failures, runners, owner } = tools;
  const box = batch.boxes.at(index);
  const lost = new AbortController();
  const heart = setInterval(async () => {
    // A file server that does not answer for a while is no reason to give up.
    if (await lease.refresh().catch(() => true)) return;
    lost.abort(
      new LeaseLostError(`Cannot go on with "${lease.name}": another worker took it over`),
    );
  }, leases.leaseMs / 5);
  try {
    const results: (SubvolumeResult | null)[] = [];
    for (const [i, runner] of runners.entries()) {
      const control = { ...options.control?.(box), signal: AbortSignal.any([stop, lost.signal]) };
      results.push(
        await runInScratch(runner, box, scratchFolder(batch, lease.id, i), lease, control),
      );
    }
    options.onBox?.(box, results);
    return true;
  } catch (error) {
    if (error instanceof LeaseLostError) return false;
    if (stop.aborted || isOfWorker(error)) {
      await returnCheckpoints(tools, lease.id, box.start, lease);
      throw error;
    }
    // Whoever took the lease over cleared this worker's files away under it, which says nothing about the box.
    if (!await lease.refresh().catch(() => true)) return false;
    const message = error instanceof Error ? error.message : String(error);
    await failures.add(lease.id, { box: lease.name, kind: "error", message, owner });
    options.onFailure?.(lease.name, message);
    return false;
  } finally {
    clearInterval(heart);
    await leases.files.remove(join(batch.folder, "scratch", lease.id));
    await leases.release(lease);
  }
}

/** Segments a box in a folder of its own and publishes the result; null where it was finished before. */
async function runInScratch(
  runner: Runner,
  box: Box,
  scratch: string,
  lease: Lease,
  control: RunnerControl,
): Promise<SubvolumeResult | null> {
  const dir = runner.request.segmentationOutputDir;
  const isThere = await findSubvolumeFile(dir, box.start, "npz") !== null;
  if (isThere && await segmentationDamage(dir, box.start) === null) return null;
  const path = (folder: string, suffix: "npz" | "prob" | "align" | "cpoint") =>
    subvolumePath(folder, box.start, suffix);
  // The checkpoint of an earlier attempt; moved, so that a damaged one spoils one attempt only.
  await moveFile(lease.files, path(dir, "cpoint"), path(scratch, "cpoint"));
  const result = await runner.run(box, { ...control, folder: scratch });
  const suffixes = ["prob", ...runner.request.saveRaw ? ["align"] as const : [], "npz"] as const;
  const files = suffixes.map((suffix) => ({ from: path(scratch, suffix), to: path(dir, suffix) }));
  // A subvolume without objects has no normalised image.
  const there = result?.emptyBecause === null
    ? files
    : files.filter((f) => !f.to.endsWith("align"));
  await lease.publish(there);
  return result && { ...result, path: path(dir, "npz") };
}

/**
 * Puts the checkpoints of a claim where the next one looks for them: through `lease` where it is still held, directly
 * where it was taken over.
 */
export async function returnCheckpoints(
  { batch, leases }: Pick<WorkerTools, "batch" | "leases">,
  claimId: string,
  corner: Zyx,
  lease?: Lease,
): Promise<void> {
  for (const [i, dir] of batch.plan.outputDirs.entries()) {
    const from = subvolumePath(scratchFolder(batch, claimId, i), corner, "cpoint");
    const to = subvolumePath(dir, corner, "cpoint");
    if (await Deno.lstat(from).catch(() => null) === null) continue;
    if (lease === undefined) await moveFile(leases.files, from, to);
    else await lease.publish([{ from, to }]).catch(() => {});
  }
}

function scratchFolder(batch: Batch, claimId: string, request: number): string {
  return join(batch.folder, "scratch", claimId, `${request}`);
}

/** File too large, no space, read-only, over quota: Linux's numbers, since not all of them have a code in Deno. */
const DISK_ERRORS = /\(os error (27|28|30|122)\)/;

/** Whether an error says nothing about the box: the next one would fail as well. */
function isOfWorker(error: unknown): boolean {
  return error instanceof KernelError || error instanceof DeviceLostError ||
    error instanceof Deno.errors.PermissionDenied ||
    (error instanceof Error && DISK_ERRORS.test(error.message));
}
