/** One run of `ffn run-slurm-inference`: requests, the script, and the job until its work is done. */
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import type { BackendName, KernelProcessMode } from "../backends/open_backend.ts";
import { openBatch } from "../cluster/batch.ts";
import { type BatchStatus, BatchWatch } from "../cluster/batch_status.ts";
import { BoxFailures } from "../cluster/box_failures.ts";
import { followArray } from "../cluster/follow_array.ts";
import { diskLeaseFiles } from "../cluster/lease_files.ts";
import { reviewResults } from "../cluster/review_results.ts";
import { slurmScript, type SlurmSite } from "../cluster/slurm_script.ts";
import { UsageError } from "../errors/errors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { runBatchInference } from "./batch_session.ts";
import { leasesOf } from "./batch_worker_session.ts";
import {
  type CheckpointRequest,
  chosenCheckpoints,
  writeCheckpointRequests,
} from "./checkpoint_requests.ts";
import type { Context } from "./command.ts";
import { readRequestFile } from "./read_request.ts";
import { selectCheckpoint } from "./select_checkpoint.ts";
import { programOf, type SiteFlags, siteOf } from "./slurm_site.ts";

/** The flags of the command. */
export interface SlurmFlags extends SiteFlags {
  readonly infreqs?: readonly string[];
  readonly bboxes?: readonly string[];
  readonly outDir?: string;
  readonly ckpts?: readonly string[];
  readonly ckptDir?: string;
  readonly yaml?: string;
  readonly forwardDir?: string;
  readonly where: "cluster" | "local";
  readonly tasks: number;
  readonly subvolumeSize: string;
  readonly subvolumeOverlap: string;
  readonly leaseSeconds: number;
  readonly maxRunning?: number;
  readonly signalSeconds: number;
  readonly maxResubmits: number;
  readonly pollSeconds: number;
  readonly scriptOnly: boolean;
  readonly truth?: string;
  readonly threads?: number;
  readonly backend: BackendName;
  readonly kernelProcess: KernelProcessMode;
}

/** A request and its box: a batch of its own. */
interface Work {
  readonly request: string;
  readonly outputDir: string;
  readonly box?: string;
}

/** Errors after which a subvolume is left alone, as run-batch-inference has it. */
const MAX_ATTEMPTS = 3;

/** Runs all requests, then measures what came out where there is truth. */
export async function runSlurmInference(flags: SlurmFlags, context: Context): Promise<void> {
  const { outDir } = flags;
  if (outDir === undefined) throw new UsageError("Cannot run without --out-dir");
  if (flags.infreqs === undefined) throw new UsageError("Cannot run without --infreqs");
  const site = await siteOf(flags);
  const { works, checkpoints } = await worksOf(flags, flags.infreqs, outDir);
  if (flags.truth !== undefined && checkpoints.length === 0) {
    throw new UsageError(
      "Cannot compare checkpoints with --truth without any: give --ckpts or --ckpt-dir",
    );
  }
  if (flags.where === "local") {
    for (const work of works) await runBatchInference(localFlags(flags, work), context);
  } else {
    const script = resolve(outDir, "slurm", "run.sh");
    await writeScript(script, flags, site, works);
    if (flags.scriptOnly) return context.print(script);
    await follow(script, flags, works, context);
  }
  await reportFailures(works);
  for (const { outputDir } of works) context.print(outputDir);
  if (flags.truth !== undefined) await selectCheckpoint(checkpoints, flags.truth, outDir, context);
}

async function worksOf(flags: SlurmFlags, infreqs: readonly string[], outDir: string) {
  const boxes = flags.bboxes ?? [];
  const prefixes = await chosenCheckpoints(flags);
  const boxOf = (i: number) => boxes.length > 1 ? boxes[i] : boxes.at(0);
  if (boxes.length > 1 && boxes.length !== infreqs.length) {
    throw new UsageError(
      `Cannot pair ${infreqs.length} requests with ${boxes.length} boxes: give one box, or one for each`,
    );
  }
  if (prefixes.length === 0) {
    const requests = await Promise.all(infreqs.map(readRequestFile));
    const works = requests.map(({ segmentationOutputDir }, i): Work => ({
      ...{ request: infreqs[i], outputDir: resolve(segmentationOutputDir), box: boxOf(i) },
    }));
    return { works, checkpoints: [] };
  }
  if (infreqs.length !== 1) {
    throw new UsageError(`Cannot compare checkpoints with ${infreqs.length} requests: give one`);
  }
  const { message } = await readRequestFile(infreqs[0]);
  const checkpoints: CheckpointRequest[] = await writeCheckpointRequests(
    ...[message, prefixes, outDir, flags.forwardDir] as const,
  );
  const works = checkpoints.map(({ path, outputDir }): Work => ({
    ...{ request: path, outputDir, box: boxOf(0) },
  }));
  return { works, checkpoints };
}

async function writeScript(
  path: string,
  flags: SlurmFlags,
  site: SlurmSite,
  works: readonly Work[],
): Promise<void> {
  const text = slurmScript({
    name: "ffn-inference",
    program: programOf(flags),
    tasks: works.flatMap((work) => Array.from({ length: flags.tasks }, () => taskOf(flags, work))),
    maxRunning: flags.maxRunning,
    log: join(resolve(flags.outDir!), "slurm", "%A_%a.log"),
    signalSeconds: flags.signalSeconds,
    site,
  });
  await writeFileAtomically(path, new TextEncoder().encode(text));
}

function taskOf(flags: SlurmFlags, { request, box }: Work): string[] {
  return [
    ...["run-batch-inference", "--inference-requests", resolve(request)],
    ...box === undefined ? [] : [`--bounding-box=${box.includes("{") ? box : resolve(box)}`],
    `--subvolume-size=${flags.subvolumeSize}`,
    `--subvolume-overlap=${flags.subvolumeOverlap}`,
    `--lease-seconds=${flags.leaseSeconds}`,
    ...flags.tasks > 1 ? ["--leave-leased"] : [],
    ...flags.threads === undefined ? [] : [`--threads=${flags.threads}`],
    `--backend=${flags.backend}`,
    `--kernel-process=${flags.kernelProcess}`,
  ];
}

function localFlags(flags: SlurmFlags, { request, box }: Work) {
  const { subvolumeSize, subvolumeOverlap, leaseSeconds, threads, backend, kernelProcess } = flags;
  return {
    ...{ subvolumeSize, subvolumeOverlap, leaseSeconds, threads, backend, kernelProcess },
    ...{ inferenceRequests: [request], boundingBox: box, workers: flags.tasks },
    ...{ includeSmall: false, backShift: false, rank: -1, nworkers: -1, gpuEnv: "" },
    ...{ maxAttempts: MAX_ATTEMPTS, retryFailed: false, leaveLeased: false, advise: false },
  };
}

/** Submits what is not done, or goes on with a job of an earlier call that still runs. */
async function follow(
  script: string,
  flags: SlurmFlags,
  works: readonly Work[],
  context: Context,
): Promise<void> {
  const jobFile = resolve(flags.outDir!, "slurm", "job");
  const job = await Deno.readTextFile(jobFile).then((text) => text.trim(), () => undefined);
  await followArray({
    ...{ script, job, note: context.note, signal: context.signal },
    maxRunning: flags.maxRunning,
    maxResubmits: flags.maxResubmits,
    pollMs: 1000 * flags.pollSeconds,
    async unfinished() {
      const left = await Promise.all(works.map(async ({ outputDir }, i) => {
        const status = await reviewedStatus(outputDir, flags);
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

/** Where a batch stands after a last look at its results, if it is finished; null where it has not begun. */
async function reviewedStatus(outputDir: string, flags: SlurmFlags): Promise<BatchStatus | null> {
  const status = await statusOf(outputDir);
  if (status === null || status.finished < status.boxes) return status;
  const batch = await openBatch(outputDir);
  const owner = `${hostname()}.${Deno.pid}`;
  const tools = { batch, leases: leasesOf(batch, owner, flags), owner };
  const failures = new BoxFailures(batch.folder, diskLeaseFiles);
  const share = { rank: 0, of: 1 };
  const isLeft = await reviewResults({ ...tools, failures }, { share, maxAttempts: MAX_ATTEMPTS });
  return isLeft ? await statusOf(outputDir) : status;
}

/** Where a batch stands; null where it has not begun. */
async function statusOf(outputDir: string): Promise<BatchStatus | null> {
  const batch = await openBatch(outputDir).catch(() => null);
  if (batch === null) return null;
  return await new BatchWatch(batch, { leaseMs: 180_000, maxAttempts: MAX_ATTEMPTS }).look();
}

async function reportFailures(works: readonly Work[]): Promise<void> {
  for (const { outputDir } of works) {
    const status = await statusOf(outputDir);
    if (status === null || status.failed.length === 0) continue;
    const [{ box, message }] = status.failures;
    throw new Error(
      `Cannot finish "${outputDir}": ${status.failed.length} subvolumes failed, the first is ${box}: ` +
        `${message}; see ffn status, then use ffn run-batch-inference --retry-failed`,
    );
  }
}
