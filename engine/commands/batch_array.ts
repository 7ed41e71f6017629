/** Batches as the tasks of one SLURM job array, until their work is done. */
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { openBatch } from "../cluster/batch.ts";
import { type BatchStatus, BatchWatch } from "../cluster/batch_status.ts";
import { BoxFailures } from "../cluster/box_failures.ts";
import { followArray } from "../cluster/follow_array.ts";
import { diskLeaseFiles } from "../cluster/lease_files.ts";
import { reviewResults } from "../cluster/review_results.ts";
import { slurmScript, type SlurmSite } from "../cluster/slurm_script.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { batchArguments, type BatchFlags } from "./batch_session.ts";
import { leasesOf } from "./batch_worker_session.ts";
import type { Context } from "./command.ts";
import { programOf, type SiteFlags } from "./slurm_site.ts";

/** How an array is submitted and followed. */
export interface ArrayFlags extends Pick<SiteFlags, "program"> {
  /** Tasks that share the subvolumes of a batch. */
  readonly tasks: number;
  readonly maxRunning?: number;
  readonly signalSeconds: number;
  readonly maxResubmits: number;
  readonly pollSeconds: number;
}

/** A batch, as `ffn run-batch-inference` takes it; paths are absolute. */
export interface ArrayBatch {
  readonly flags: BatchFlags;
  /** Output folder of its first request. */
  readonly outputDir: string;
}

/** An array; task `i * flags.tasks + k` is the k-th of batch i. */
export interface BatchArray {
  /** Gets the script, its logs and the number of the job in `slurm/`. */
  readonly folder: string;
  readonly batches: readonly ArrayBatch[];
  readonly flags: ArrayFlags;
  readonly site: SlurmSite;
}

/** Writes the script of an array and returns its path. */
export async function writeArrayScript(array: BatchArray): Promise<string> {
  const { folder, batches, flags, site } = array;
  const text = slurmScript({
    name: "ffn-inference",
    program: programOf(flags),
    tasks: batches.flatMap((batch) =>
      Array.from({ length: flags.tasks }, () => taskOf(batch, flags.tasks))
    ),
    maxRunning: flags.maxRunning,
    log: join(resolve(folder), "slurm", "%A_%a.log"),
    signalSeconds: flags.signalSeconds,
    site,
  });
  const path = resolve(folder, "slurm", "run.sh");
  await writeFileAtomically(path, new TextEncoder().encode(text));
  return path;
}

/** Nobody of several waits for what the others hold. */
function taskOf({ flags }: ArrayBatch, tasks: number): string[] {
  const { workers, gpus, gpuEnv, threads } = flags;
  return [
    ...batchArguments({ ...flags, leaveLeased: tasks > 1 }),
    ...workers > 1 ? [`--workers=${workers}`] : [],
    ...gpus === undefined ? [] : [`--gpus=${gpus}`, `--gpu-env=${gpuEnv}`],
    ...threads === undefined ? [] : [`--threads=${threads}`],
  ];
}

/**
 * Writes and submits what is not done of an array, or goes on with a job of an earlier call that still runs, until all
 * subvolumes are finished or have failed for good.
 */
export async function runArray(array: BatchArray, context: Context): Promise<void> {
  const { folder, batches, flags } = array;
  const script = await writeArrayScript(array);
  const jobFile = resolve(folder, "slurm", "job");
  const job = await Deno.readTextFile(jobFile).then((text) => text.trim(), () => undefined);
  await followArray({
    ...{ script, job, note: context.note, signal: context.signal },
    maxRunning: flags.maxRunning,
    maxResubmits: flags.maxResubmits,
    pollMs: 1000 * flags.pollSeconds,
    async unfinished() {
      const left = await Promise.all(batches.map(async (batch, i) => {
        const status = await reviewedStatus(batch);
        const boxes = status === null
          ? Infinity
          : status.boxes - status.finished - status.failed.length;
        // No more tasks than boxes.
        return Array.from({ length: Math.min(boxes, flags.tasks) }, (_, k) => i * flags.tasks + k);
      }));
      return left.flat();
    },
    onSubmit: (id) => writeFileAtomically(jobFile, new TextEncoder().encode(`${id}\n`)),
  });
}

/** @throws {Error} when subvolumes of a batch have failed for good. */
export async function refuseFailures(batches: readonly ArrayBatch[]): Promise<void> {
  for (const batch of batches) {
    const status = await statusOf(batch);
    if (status === null || status.failed.length === 0) continue;
    const [{ box, message }] = status.failures;
    throw new Error(
      `Cannot finish "${batch.outputDir}": ${status.failed.length} subvolumes failed, the first is ${box}: ` +
        `${message}; see ffn status, then use ffn run-batch-inference --retry-failed`,
    );
  }
}

/** Where a batch stands after a last look at its results, if it is finished; null where it has not begun. */
async function reviewedStatus(array: ArrayBatch): Promise<BatchStatus | null> {
  const status = await statusOf(array);
  if (status === null || status.finished < status.boxes) return status;
  const batch = await openBatch(array.outputDir);
  const owner = `${hostname()}.${Deno.pid}`;
  const tools = { batch, leases: leasesOf(batch, owner, array.flags), owner };
  const failures = new BoxFailures(batch.folder, diskLeaseFiles);
  const share = { rank: 0, of: 1 };
  const { maxAttempts } = array.flags;
  const isLeft = await reviewResults({ ...tools, failures }, { share, maxAttempts });
  return isLeft ? await statusOf(array) : status;
}

/** Where a batch stands; null where it has not begun. */
async function statusOf({ outputDir, flags }: ArrayBatch): Promise<BatchStatus | null> {
  const batch = await openBatch(outputDir).catch(() => null);
  if (batch === null) return null;
  const { leaseSeconds, maxAttempts } = flags;
  return await new BatchWatch(batch, { leaseMs: 1000 * leaseSeconds, maxAttempts }).look();
}
