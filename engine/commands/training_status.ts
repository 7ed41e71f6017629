/** How a training run of several processes is: told by its launcher in a file, so that `ffn status` needs no way to the server. */
import { join, resolve } from "node:path";
import type { OwnerStatus, WorkerStatus } from "../cluster/owner_connection.ts";
import { parseJsonObject } from "../formats/json_document.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { findCheckpointPrefix, isFile } from "../volumes/checkpoint_prefix.ts";
import { duration, short } from "./progress.ts";

/** Where a run stands. */
export interface TrainingStatus {
  /** When it was so, in milliseconds since 1970. */
  readonly time: number;
  /** False once its launcher has ended. */
  readonly isRunning: boolean;
  readonly step: number;
  readonly maxSteps: number;
  /** Of all workers together. */
  readonly stepsPerSecond: number;
  /** Processes that hold parameters, and those of them that answered. */
  readonly owners: { readonly count: number; readonly answering: number };
  readonly workers: readonly WorkerStatus[];
}

/** Folder of what the processes of a run share; others must not read it. */
export function exchangeFolder(trainDir: string): string {
  return join(resolve(trainDir), ".exchange");
}

/** Folder of the logs of all processes. */
export function logFolder(trainDir: string): string {
  return join(resolve(trainDir), "logs");
}

function statusPath(trainDir: string): string {
  return join(exchangeFolder(trainDir), "status.json");
}

/** The file, on the launcher's side. */
export class TrainingStatusFile {
  readonly #trainDir: string;
  readonly #maxSteps: number;
  readonly #stepsPerUpdate: number;
  #last: TrainingStatus | null = null;
  #writing: Promise<void> | null = null;

  /** @param stepsPerUpdate By which the names of checkpoints grow with each update. */
  constructor(trainDir: string, maxSteps: number, stepsPerUpdate = 1) {
    this.#trainDir = trainDir;
    this.#maxSteps = maxSteps;
    this.#stepsPerUpdate = stepsPerUpdate;
  }

  /** Takes what the owners said. */
  take(owners: readonly (OwnerStatus | null)[]): TrainingStatus {
    const answering = owners.filter((owner) => owner !== null);
    const workers = answering.at(0)?.workers ?? [];
    const active = workers.filter(({ isLost, hasLeft }) => !isLost && !hasLeft);
    this.#last = {
      time: Date.now(),
      isRunning: true,
      step: answering.at(0)?.stamp.version ?? this.#last?.step ?? 0,
      maxSteps: this.#maxSteps,
      stepsPerSecond: active.reduce((sum, worker) => sum + (worker.stepsPerSecond ?? 0), 0),
      owners: { count: owners.length, answering: answering.length },
      workers,
    };
    // One at a time; what is left out is soon told again.
    this.#writing ??= this.#write(this.#last).finally(() => this.#writing = null);
    return this.#last;
  }

  /** Says that the run is over. */
  async close(): Promise<void> {
    await this.#writing;
    if (this.#last === null) return;
    const step = await this.#saved() ?? this.#last.step;
    this.#last = { ...this.#last, time: Date.now(), isRunning: false, step, stepsPerSecond: 0 };
    await this.#write(this.#last);
  }

  /** A line about the run that has ended. */
  async conclusion(): Promise<string> {
    return `${await this.#saved() ?? 0} steps in ${this.#trainDir}`;
  }

  #saved(): Promise<number | null> {
    return newestUpdate(this.#trainDir, this.#stepsPerUpdate);
  }

  async #write(status: TrainingStatus): Promise<void> {
    const text = `${JSON.stringify(status, null, 1)}\n`;
    // A full disk must not end the training: what matters is said when a checkpoint is saved.
    await writeFileAtomically(statusPath(this.#trainDir), new TextEncoder().encode(text))
      .catch(() => {});
  }
}

/** Step of the newest checkpoint of a folder, null without any. */
export async function newestStep(trainDir: string): Promise<number | null> {
  if (!await isFile(join(trainDir, "checkpoint"))) return null;
  const step = /-(\d+)$/.exec(await findCheckpointPrefix(trainDir))?.[1];
  return step === undefined ? null : Number(step);
}

/** Updates that the newest checkpoint of a folder has seen, null without any. */
export async function newestUpdate(
  trainDir: string,
  stepsPerUpdate: number,
): Promise<number | null> {
  const step = await newestStep(trainDir);
  return step === null ? null : Math.floor(step / stepsPerUpdate);
}

/** What a launcher told last about the run in a folder, null where there is none. */
export async function readTrainingStatus(trainDir: string): Promise<TrainingStatus | null> {
  const path = statusPath(trainDir);
  if (!await isFile(path)) return null;
  return parseJsonObject(await Deno.readFile(path), path) as unknown as TrainingStatus;
}

/** A launcher that was silent for so long is gone. */
const SILENT_MS = 60_000;

/** The lines of a look, `now` in milliseconds since 1970. */
export function describeTraining(status: TrainingStatus, now: number): string {
  const { step, maxSteps, stepsPerSecond, owners, workers } = status;
  const age = now - status.time;
  const state = !status.isRunning
    ? [step >= maxSteps ? "done" : "stopped"]
    : age > SILENT_MS
    ? [`no word for ${duration(age)}`]
    : [
      `${short(stepsPerSecond)} steps/s`,
      ...stepsPerSecond > 0 ? [`${duration(1000 * (maxSteps - step) / stepsPerSecond)} left`] : [],
    ];
  const percent = (100 * step / maxSteps).toFixed(1);
  const rows = workers.map((worker) => [
    `${worker.worker}`,
    worker.name,
    stateOf(worker),
    `${worker.applied}`,
    `${worker.dropped}`,
    worker.stepsPerSecond === null ? "-" : short(worker.stepsPerSecond),
    `${worker.staleness ?? "-"}`,
    worker.loss?.toFixed(4) ?? "-",
  ]);
  return [
    [`${step} of ${maxSteps} steps (${percent} %)`, ...state].join(", "),
    `${owners.answering} of ${owners.count} owners answer`,
    ...table([
      ["worker", "process", "state", "applied", "dropped", "steps/s", "staleness", "loss"],
      ...rows,
    ]),
  ].join("\n");
}

function stateOf({ isLost, hasLeft, silentMs }: WorkerStatus): string {
  if (hasLeft) return "ended";
  return isLost ? `lost, silent for ${duration(silentMs)}` : "training";
}

/** Columns of equal width. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd());
}
