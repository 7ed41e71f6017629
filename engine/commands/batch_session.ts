/** One run of `ffn run-batch-inference`: the batch that the flags describe, and the processes that work on it. */
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import type { BackendName, KernelProcessMode } from "../backends/open_backend.ts";
import { Batch, joinBatch } from "../cluster/batch.ts";
import { BatchWatch } from "../cluster/batch_status.ts";
import { BoxFailures } from "../cluster/box_failures.ts";
import { gpuEnvironment, graphicsCards } from "../cluster/gpu_environment.ts";
import { diskLeaseFiles } from "../cluster/lease_files.ts";
import { superviseWorkers, type WorkerProcess } from "../cluster/worker_processes.ts";
import { UsageError } from "../errors/errors.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { InferenceRequest } from "../inference/request.ts";
import { open } from "../volumes/open.ts";
import { wholeBox } from "../volumes/volume.ts";
import { leasesOf, runWorker } from "./batch_worker_session.ts";
import type { Context } from "./command.ts";
import { showProgress } from "./progress.ts";
import { readBox, readRequestFile } from "./read_request.ts";

/** The flags of the command. */
export interface BatchFlags {
  readonly inferenceRequests?: readonly string[];
  readonly boundingBox?: string;
  readonly subvolumeSize: string;
  readonly subvolumeOverlap: string;
  readonly includeSmall: boolean;
  readonly backShift: boolean;
  readonly shard?: string;
  readonly rank: number;
  readonly nworkers: number;
  readonly workers: number;
  readonly gpus?: number;
  readonly gpuEnv: string;
  readonly leaseSeconds: number;
  readonly maxAttempts: number;
  readonly retryFailed: boolean;
  readonly leaveLeased: boolean;
  readonly owner?: string;
  readonly advise: boolean;
  readonly threads?: number;
  readonly backend: BackendName;
  readonly kernelProcess: KernelProcessMode;
}

/** Time between two looks at how far the workers have come. */
const LOOK_MS = 2_000;

/**
 * Segments every box of a batch; the same command goes on where a run was stopped, and further ones on this or other
 * machines join it.
 *
 * @throws {Error} when boxes have failed for good, after all others are finished.
 */
export async function runBatchInference(flags: BatchFlags, context: Context): Promise<void> {
  const requests = await readRequests(flags.inferenceRequests ?? []);
  const share = shareOfFlags(flags);
  const batch = await describeBatch(flags, requests);
  if (flags.advise) return context.print(`num subvols=${batch.boxes.count}.`);
  await makeOutputFolders(batch.plan.outputDirs);
  await joinBatch(batch);
  const failures = new BoxFailures(batch.folder, diskLeaseFiles);
  if (flags.retryFailed) await failures.clear();
  const owner = flags.owner ?? `${hostname()}.${Deno.pid}`;
  const processes = (flags.gpus ?? 1) * flags.workers;
  if (processes === 1 && flags.gpus === undefined) {
    await runWorker({ batch, requests, share, owner, flags }, context);
    if (flags.owner !== undefined) return;
  } else {
    await runProcesses(await workerProcesses(flags, owner, processes), batch, flags, context);
  }
  await conclude(batch, flags, context);
}

async function readRequests(files: readonly string[]): Promise<InferenceRequest[]> {
  const paths = files.flatMap((text) => text.split(/\s+/)).filter((path) => path !== "");
  if (paths.length === 0) {
    throw new UsageError("Cannot run without a request: give --inference-requests FILE.pbtxt");
  }
  const requests = await Promise.all(paths.map(readRequestFile));
  const shared = (request: InferenceRequest) => {
    const { modelName, modelArgs, modelCheckpointPath } = request.message;
    const { batchSize, concurrentRequests } = request;
    return { modelName, modelArgs, modelCheckpointPath, batchSize, concurrentRequests };
  };
  const first = shared(requests[0]);
  for (const [i, request] of requests.entries()) {
    const other = shared(request);
    const name = (Object.keys(first) as (keyof typeof first)[]).find((n) => first[n] !== other[n]);
    if (name === undefined) continue;
    throw new UsageError(
      `Cannot run "${paths[0]}" and "${
        paths[i]
      }" together: ${name} must be the same, current are ` +
        `${JSON.stringify(first[name])} and ${JSON.stringify(other[name])}`,
    );
  }
  const folders = requests.map((request) => resolve(request.segmentationOutputDir));
  const twice = folders.find((folder, i) => folders.indexOf(folder) !== i);
  if (twice === undefined) return requests;
  throw new UsageError(`Cannot run two requests into "${twice}": each needs an output folder`);
}

/** Which of the boxes are for this run; all of them unless the flags name a share. */
function shareOfFlags({ shard, rank, nworkers }: BatchFlags): { rank: number; of: number } {
  const [, i, n] = /^(\d{1,9})\/(\d{1,9})$/.exec(shard ?? "") ?? [];
  if (shard !== undefined && (i === undefined || Number(i) >= Number(n))) {
    throw new UsageError(
      `Cannot use --shard "${shard}": it must be I/N with I from 0 to N - 1, as in "0/16"`,
    );
  }
  if (i !== undefined) return { rank: Number(i), of: Number(n) };
  if (nworkers <= 0 && rank < 0) return { rank: 0, of: 1 };
  if (rank >= 0 && rank < nworkers) return { rank, of: nworkers };
  throw new UsageError(
    `Cannot take a share of the work: --rank must go from 0 to --nworkers - 1, current are ${rank} and ${nworkers}`,
  );
}

async function describeBatch(flags: BatchFlags, requests: readonly InferenceRequest[]) {
  const outer = flags.boundingBox === undefined
    ? await wholeImage(requests[0])
    : await readBox(flags.boundingBox);
  const overlap = sizes("--subvolume-overlap", flags.subvolumeOverlap, 0);
  const size = sizes("--subvolume-size", flags.subvolumeSize, -1);
  if (size.includes(0)) {
    throw new UsageError(`Cannot use --subvolume-size "${flags.subvolumeSize}": 0 is no size`);
  }
  const cut = (n: number) => n < 0 ? null : n;
  return new Batch({
    outer,
    subvolumeSize: [cut(size[0]), cut(size[1]), cut(size[2])],
    overlap,
    includeSmall: flags.includeSmall,
    backShift: flags.backShift,
    outputDirs: requests.map((request) => resolve(request.segmentationOutputDir)),
  });
}

async function wholeImage(request: InferenceRequest) {
  await using image = await open(request.image);
  return wholeBox(image);
}

/** One integer for all axes, or three in the order z, y, x. */
function sizes(flag: string, text: string, min: number): Zyx {
  const parts = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  const isGood = parts.every((n) => Number.isSafeInteger(n) && n >= min);
  if (isGood && parts.length === 3) return [parts[0], parts[1], parts[2]];
  if (isGood && parts.length === 1) return [parts[0], parts[0], parts[0]];
  throw new UsageError(
    `Cannot use ${flag} "${text}": it must be one integer of at least ${min}, or three in the order z,y,x`,
  );
}

/** Results move from the folder of the first request to their places, which a move does inside one file system only. */
async function makeOutputFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await Deno.mkdir(folder, { recursive: true });
  const devices = await Promise.all(folders.map(async (folder) => (await Deno.stat(folder)).dev));
  const other = devices.findIndex((device) => device !== devices[0]);
  if (other < 0) return;
  throw new UsageError(
    `Cannot write to "${folders[0]}" and "${
      folders[other]
    }": they are on different file systems; ` +
      "put all output folders of a batch on one",
  );
}

/** The processes of this run, each with the same flags as this one. */
async function workerProcesses(
  flags: BatchFlags,
  owner: string,
  count: number,
): Promise<WorkerProcess[]> {
  const cards = flags.gpus === undefined ? [] : await graphicsCards();
  const threads = flags.threads ?? Math.max(1, Math.floor(navigator.hardwareConcurrency / count));
  return Array.from({ length: count }, (_, i): WorkerProcess => {
    const gpu = Math.floor(i / flags.workers);
    const name = flags.gpus === undefined ? `${owner}.${i}` : `${owner}.gpu${gpu}.${i}`;
    return {
      name,
      args: workerArguments(flags, name, threads),
      env: flags.gpus === undefined ? {} : gpuEnvironment(flags.gpuEnv, gpu, cards),
    };
  });
}

function workerArguments(flags: BatchFlags, owner: string, threads: number): string[] {
  return [...batchArguments(flags), "--owner", owner, `--threads=${threads}`];
}

/** The command line of one worker of a batch, without its name and its threads. */
export function batchArguments(flags: BatchFlags): string[] {
  const given = (name: string, value?: string | number) =>
    value === undefined ? [] : [`${name}=${value}`];
  return [
    ...["run-batch-inference", "--inference-requests", ...flags.inferenceRequests!],
    ...given("--bounding-box", flags.boundingBox),
    ...given("--subvolume-size", flags.subvolumeSize),
    ...given("--subvolume-overlap", flags.subvolumeOverlap),
    ...flags.includeSmall ? ["--include-small"] : [],
    ...flags.backShift ? ["--back-shift"] : [],
    ...given("--shard", flags.shard),
    ...flags.nworkers < 0 ? [] : [`--rank=${flags.rank}`, `--nworkers=${flags.nworkers}`],
    ...given("--lease-seconds", flags.leaseSeconds),
    ...given("--max-attempts", flags.maxAttempts),
    ...flags.leaveLeased ? ["--leave-leased"] : [],
    ...given("--backend", flags.backend),
    ...given("--kernel-process", flags.kernelProcess),
  ];
}

/** Watches the processes, and frees the boxes of one that died. */
async function runProcesses(
  processes: readonly WorkerProcess[],
  batch: Batch,
  flags: BatchFlags,
  context: Context,
): Promise<void> {
  context.note(`${batch.boxes.count} subvolumes, ${processes.length} processes`);
  const watch = new BatchWatch(batch, watchOptions(flags));
  using display = showProgress(context, "segmenting");
  const timer = setInterval(async () => {
    const status = await watch.look().catch(() => null);
    if (status === null) return;
    const { boxes, finished } = status;
    display.update({ fraction: finished / boxes, counts: { subvolumes: finished } });
  }, LOOK_MS);
  try {
    const gaveUp = await superviseWorkers(processes, {
      signal: context.signal,
      print: context.print,
      note: context.note,
      onDeath: (owner) => freeBoxesOf(batch, owner, flags),
    });
    if (gaveUp.length < processes.length) return;
    throw new Error(`Cannot go on: every worker gave up, the first errors stand above`);
  } finally {
    clearInterval(timer);
  }
}

async function freeBoxesOf(batch: Batch, owner: string, flags: BatchFlags): Promise<void> {
  const leases = leasesOf(batch, owner, flags);
  for (const { name, holder } of await leases.list()) {
    if (holder.owner === owner) await leases.takeOver(name, holder);
  }
}

/** Says how the batch stands after this run. */
async function conclude(batch: Batch, flags: BatchFlags, context: Context): Promise<void> {
  const status = await new BatchWatch(batch, watchOptions(flags)).look();
  const folder = dirname(batch.folder);
  context.print(`"${folder}": ${status.finished} of ${status.boxes} subvolumes finished`);
  if (status.failed.length === 0) return;
  const [first] = status.failures;
  throw new Error(
    `Cannot finish "${folder}": ${status.failed.length} subvolumes failed ${flags.maxAttempts} times, ` +
      `the first is ${first.box}: ${first.message}; see ffn status, then run again with --retry-failed`,
  );
}

function watchOptions({ leaseSeconds, maxAttempts }: BatchFlags) {
  return { leaseMs: 1000 * leaseSeconds, maxAttempts };
}
