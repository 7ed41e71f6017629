import { sleep } from "../cluster/sleep.ts";
import { openBatch } from "../cluster/batch.ts";
import { type BatchStatus, BatchWatch } from "../cluster/batch_status.ts";
import type { Context } from "./command.ts";
import { duration, short } from "./progress.ts";
import { describeTraining, readTrainingStatus } from "./training_status.ts";

/** The values of `ffn status`. */
export interface StatusValues {
  readonly folder: string;
  readonly watch: boolean;
  readonly every: number;
  readonly worst: number;
  readonly maxAttempts: number;
  readonly json: boolean;
}

/** Leases carry their own time; this one stands for those whose file is damaged. */
const LEASE_MS = 180_000;

/** What is seen in one look: for programs, for people, and whether there is anything more to see. */
interface Look {
  readonly status: unknown;
  readonly text: string;
  readonly isOver: boolean;
}

/** Prints where a batch or a training run stands, once or until it is over. */
export async function showStatus(values: StatusValues, context: Context): Promise<void> {
  const look = await readTrainingStatus(values.folder) === null
    ? await batchLook(values)
    : () => trainingLook(values.folder);
  for (;;) {
    const { status, text, isOver } = await look();
    context.print(values.json ? JSON.stringify(status) : text);
    if (!values.watch || isOver) return;
    await sleep(1000 * values.every, context.signal);
  }
}

async function batchLook(values: StatusValues): Promise<() => Promise<Look>> {
  const { maxAttempts, worst } = values;
  const watch = new BatchWatch(await openBatch(values.folder), { leaseMs: LEASE_MS, maxAttempts });
  return async () => {
    const status = await watch.look();
    const isOver = status.finished + status.failed.length === status.boxes;
    return { status, text: describeStatus(status, worst), isOver };
  };
}

async function trainingLook(folder: string): Promise<Look> {
  // It was there a moment ago, and is only ever replaced.
  const status = (await readTrainingStatus(folder))!;
  return { status, text: describeTraining(status, Date.now()), isOver: !status.isRunning };
}

/** The lines of a look; at most `worst` failures. */
export function describeStatus(status: BatchStatus, worst: number): string {
  const { boxes, finished, leased, expired, failed, retrying } = status;
  const percent = (100 * finished / boxes).toFixed(1);
  const owners = new Set(leased.map(({ owner }) => owner));
  const pace = status.boxesPerHour === null ? [] : [`${short(status.boxesPerHour)} per hour`];
  const left = finished < boxes && status.remainingSec !== null
    ? [`${duration(1000 * status.remainingSec)} left`]
    : [];
  const waiting = boxes - finished - leased.length - failed.length;
  return [
    [`${finished} of ${boxes} subvolumes finished (${percent} %)`, ...pace, ...left].join(", "),
    `${leased.length} in work by ${owners.size} workers, ${waiting} waiting, ${failed.length} failed`,
    ...expired.length > 0 ? [`${expired.length} left by workers that fell silent`] : [],
    ...retrying.length > 0 ? [`${retrying.length} to be tried again`] : [],
    ...status.failures.slice(0, worst).map(({ box, message, owner }) =>
      `${box}: ${message} (${owner})`
    ),
  ].join("\n");
}
