import { join } from "node:path";
import type { Batch } from "../cluster/batch.ts";
import { returnCheckpoints, runBatchWorker } from "../cluster/batch_worker.ts";
import { BoxFailures } from "../cluster/box_failures.ts";
import { BoxQueue } from "../cluster/box_queue.ts";
import { diskLeaseFiles } from "../cluster/lease_files.ts";
import { Leases } from "../cluster/leases.ts";
import { reviewResults } from "../cluster/review_results.ts";
import { untilStarterIsGone } from "../cluster/worker_processes.ts";
import type { Box } from "../geometry/box.ts";
import { toZyx } from "../geometry/vectors.ts";
import type { OpenInference } from "../inference/open_inference.ts";
import type { InferenceRequest } from "../inference/request.ts";
import type { Runner, SubvolumeResult } from "../inference/runner.ts";
import { withInference } from "../inference/with_inference.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import type { BatchFlags } from "./batch_session.ts";
import type { Context } from "./command.ts";

/** What one worker does. */
export interface WorkerSession {
  readonly batch: Batch;
  readonly requests: readonly InferenceRequest[];
  readonly share: { readonly rank: number; readonly of: number };
  /** Its name in leases. */
  readonly owner: string;
  readonly flags: BatchFlags;
}

/** Works on a batch in this process until nothing is left to do. */
export async function runWorker(session: WorkerSession, context: Context): Promise<void> {
  const { requests, flags } = session;
  const options = {
    name: flags.backend,
    threads: flags.threads,
    kernelProcess: flags.kernelProcess,
    onChoice: context.note,
    onRestart: context.note,
  };
  await withInference(requests[0], options, (inference) => work(session, inference, context));
}

async function work(
  session: WorkerSession,
  inference: OpenInference,
  context: Context,
): Promise<void> {
  const { batch, requests, owner, flags } = session;
  await using others = new AsyncDisposableStack();
  const runners: Runner[] = [inference.runner];
  for (const request of requests.slice(1)) {
    runners.push(others.use(await inference.startAnother(request)));
  }
  const { share } = session;
  const boxes = Math.max(0, Math.ceil((batch.boxes.count - share.rank) / share.of));
  // Boxes of one size that do not fit show before any work.
  for (const runner of runners) runner.checkBox(batch.boxes.at(0));
  const signal = untilStarterIsGone(context.signal);
  const leases = leasesOf(batch, owner, flags);
  const failures = new BoxFailures(batch.folder, diskLeaseFiles);
  const { maxAttempts, leaveLeased } = flags;
  const { concurrentRequests } = requests[0];
  context.note(`${boxes} subvolumes on ${inference.backendDescription}`);
  try {
    const options = {
      concurrency: concurrentRequests < 0 ? Math.max(1, boxes) : concurrentRequests,
      signal,
      onBox: (box: Box, results: readonly (SubvolumeResult | null)[]) =>
        context.print(
          results.map((result, i) =>
            result === null
              ? `${requests[i].segmentationOutputDir}: ${
                box.start.toReversed().join("_")
              } was there`
              : `${result.path}: ${result.origins.size} objects`
          ).join("\n"),
        ),
      onFailure: (name: string, message: string) => context.note(`${name} failed: ${message}`),
    };
    do {
      const queue = new BoxQueue(batch, leases, failures, {
        ...{ share, first: firstBox(session), maxAttempts, leaveLeased, signal },
      });
      await runBatchWorker({ batch, runners, leases, failures, queue, owner }, options);
    } while (
      await reviewResults({ batch, leases, failures, owner }, { share, maxAttempts, ...options })
    );
  } finally {
    for (const runner of runners) await writeCounters(runner);
  }
}

/** The leases of a batch as one worker sees them. */
export function leasesOf(
  batch: Batch,
  owner: string,
  { leaseSeconds }: { readonly leaseSeconds: number },
): Leases {
  const failures = new BoxFailures(batch.folder, diskLeaseFiles);
  const leases: Leases = new Leases(batch.folder, {
    owner,
    leaseMs: 1000 * leaseSeconds,
    async onTakeover(box, holder) {
      const [x, y, z] = box.split("_").map(Number);
      await returnCheckpoints({ batch, leases }, holder.id, toZyx({ x, y, z }));
      await diskLeaseFiles.remove(join(batch.folder, "scratch", holder.id));
      const message = holder.ageMs === Infinity
        ? "the file of its lease is gone"
        : `its worker was silent for ${Math.round(holder.ageMs / 1000)} s`;
      await failures.add(holder.id, { box, kind: "lost", message, owner: holder.owner });
    },
  });
  return leases;
}

/** Every worker begins somewhere else, so that they seldom want the same box. */
function firstBox({ batch, owner }: WorkerSession): number {
  const hash = [...owner].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193) >>> 0, 1);
  return hash % batch.boxes.count;
}

/** `counters.txt` of the output folder, as the reference leaves it: written once. */
async function writeCounters({ request, counters }: Runner): Promise<void> {
  const path = join(request.segmentationOutputDir, "counters.txt");
  if (await Deno.stat(path).then(() => true, () => false)) return;
  await writeFileAtomically(path, new TextEncoder().encode(counters.toText()));
}
