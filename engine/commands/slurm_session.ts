/** One run of `ffn run-slurm-inference`: requests, the job array of their batches, and what came out. */
import { resolve } from "node:path";
import type { BackendName, KernelProcessMode } from "../backends/open_backend.ts";
import { UsageError } from "../errors/errors.ts";
import {
  type ArrayBatch,
  type ArrayFlags,
  refuseFailures,
  runArray,
  writeArrayScript,
} from "./batch_array.ts";
import { type BatchFlags, runBatchInference } from "./batch_session.ts";
import {
  type CheckpointRequest,
  chosenCheckpoints,
  writeCheckpointRequests,
} from "./checkpoint_requests.ts";
import type { Context } from "./command.ts";
import { readRequestFile } from "./read_request.ts";
import { selectCheckpoint } from "./select_checkpoint.ts";
import { type SiteFlags, siteOf } from "./slurm_site.ts";

/** The flags of the command. */
export interface SlurmFlags extends ArrayFlags, SiteFlags {
  readonly infreqs?: readonly string[];
  readonly bboxes?: readonly string[];
  readonly outDir?: string;
  readonly ckpts?: readonly string[];
  readonly ckptDir?: string;
  readonly yaml?: string;
  readonly forwardDir?: string;
  readonly where: "cluster" | "local";
  readonly subvolumeSize: string;
  readonly subvolumeOverlap: string;
  readonly includeSmall: boolean;
  readonly backShift: boolean;
  readonly leaseSeconds: number;
  readonly maxAttempts: number;
  readonly scriptOnly: boolean;
  readonly truth?: string;
  readonly threads?: number;
  readonly backend: BackendName;
  readonly kernelProcess: KernelProcessMode;
}

/** Runs all requests, then measures what came out where there is truth. */
export async function runSlurmInference(flags: SlurmFlags, context: Context): Promise<void> {
  const { outDir } = flags;
  if (outDir === undefined) throw new UsageError("Cannot run without --out-dir");
  if (flags.infreqs === undefined) throw new UsageError("Cannot run without --infreqs");
  const site = await siteOf(flags);
  const { batches, checkpoints } = await batchesOf(flags, flags.infreqs, outDir);
  if (flags.truth !== undefined && checkpoints.length === 0) {
    throw new UsageError(
      "Cannot compare checkpoints with --truth without any: give --ckpts or --ckpt-dir",
    );
  }
  const array = { folder: outDir, batches, flags, site };
  if (flags.where === "local") {
    for (const batch of batches) {
      await runBatchInference({ ...batch.flags, workers: flags.tasks }, context);
    }
  } else if (flags.scriptOnly) {
    return context.print(await writeArrayScript(array));
  } else await runArray(array, context);
  await refuseFailures(batches);
  for (const { outputDir } of batches) context.print(outputDir);
  if (flags.truth !== undefined) await selectCheckpoint(checkpoints, flags.truth, outDir, context);
}

/** A batch of its own for each request, or for each checkpoint. */
async function batchesOf(flags: SlurmFlags, infreqs: readonly string[], outDir: string) {
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
    const batches = requests.map(({ segmentationOutputDir }, i): ArrayBatch => ({
      flags: batchFlags(flags, infreqs[i], boxOf(i)),
      outputDir: resolve(segmentationOutputDir),
    }));
    return { batches, checkpoints: [] };
  }
  if (infreqs.length !== 1) {
    throw new UsageError(`Cannot compare checkpoints with ${infreqs.length} requests: give one`);
  }
  const { message } = await readRequestFile(infreqs[0]);
  const checkpoints: CheckpointRequest[] = await writeCheckpointRequests(
    ...[message, prefixes, outDir, flags.forwardDir] as const,
  );
  const batches = checkpoints.map(({ path, outputDir }): ArrayBatch => ({
    flags: batchFlags(flags, path, boxOf(0)),
    outputDir,
  }));
  return { batches, checkpoints };
}

function batchFlags(flags: SlurmFlags, request: string, box: string | undefined): BatchFlags {
  const { subvolumeSize, subvolumeOverlap, includeSmall, backShift, leaseSeconds } = flags;
  const { maxAttempts, threads, backend, kernelProcess } = flags;
  return {
    ...{ subvolumeSize, subvolumeOverlap, includeSmall, backShift, leaseSeconds, maxAttempts },
    ...{ threads, backend, kernelProcess },
    inferenceRequests: [resolve(request)],
    boundingBox: box === undefined || box.includes("{") ? box : resolve(box),
    ...{ rank: -1, nworkers: -1, workers: 1, gpuEnv: "" },
    ...{ retryFailed: false, leaveLeased: false, advise: false },
  };
}
