import { basename, dirname } from "node:path";
import type { Batch } from "./batch.ts";
import { type BoxFailure, BoxFailures } from "./box_failures.ts";
import { diskLeaseFiles } from "./lease_files.ts";
import { Leases } from "./leases.ts";

/** Where a batch stands. */
export interface BatchStatus {
  /** Boxes of the batch. */
  readonly boxes: number;
  readonly finished: number;
  /** Boxes that are being worked on, by the name of their corner, xyz. */
  readonly leased: readonly {
    readonly box: string;
    readonly owner: string;
    readonly ageSec: number;
  }[];
  /** Boxes whose worker fell silent and that nobody took over yet. */
  readonly expired: readonly string[];
  /** Boxes that used up their attempts. */
  readonly failed: readonly string[];
  /** Boxes that failed and will be tried again. */
  readonly retrying: readonly string[];
  /** The last failure of each box that failed; those that failed for good come first. */
  readonly failures: readonly BoxFailure[];
  /** Over the last hour, or since the first box; null where fewer than two boxes are finished. */
  readonly boxesPerHour: number | null;
  /** At this rate; null where it is unknown or nobody works. */
  readonly remainingSec: number | null;
}

const HOUR_MS = 3_600_000;
/** Failures that are read; a batch where everything fails has as many as boxes. */
const MAX_FAILURES = 100;

/** Looks at a batch again and again; what is finished is not looked at twice. */
export class BatchWatch {
  readonly #batch: Batch;
  readonly #maxAttempts: number;
  readonly #leases: Leases;
  readonly #failures: BoxFailures;
  /** When each finished box was. */
  readonly #finishedMs = new Map<number, number>();

  constructor(batch: Batch, { leaseMs, maxAttempts }: { leaseMs: number; maxAttempts: number }) {
    this.#batch = batch;
    this.#maxAttempts = maxAttempts;
    this.#leases = new Leases(batch.folder, { owner: "status", leaseMs });
    this.#failures = new BoxFailures(batch.folder, diskLeaseFiles);
  }

  /** Where the batch stands now. */
  async look(nowMs: number = Date.now()): Promise<BatchStatus> {
    const leases = await this.#leases.list();
    await this.#findFinished();
    const finished = new Set(
      [...this.#finishedMs.keys()].map((index) => this.#batch.nameOf(index)),
    );
    const isLive = ({ holder }: typeof leases[number]) => holder.ageMs <= holder.leaseMs;
    const leased = leases.filter(isLive).map(({ name, holder }) => ({
      box: name,
      owner: holder.owner,
      ageSec: Math.round(holder.ageMs / 1000),
    }));
    const unfinished = (await this.#failures.boxes()).filter((box) => !finished.has(box));
    const failed: string[] = [], retrying: string[] = [];
    for (const box of unfinished) {
      const isFinal = await this.#failures.areFinal(box, this.#maxAttempts);
      (isFinal ? failed : retrying).push(box);
    }
    const worst = [...failed, ...retrying].slice(0, MAX_FAILURES);
    const failures = (await Promise.all(worst.map((box) => this.#failures.of(box))))
      .map((attempts) => attempts.at(-1)).filter((failure) => failure !== undefined);
    const boxesPerHour = this.#rate(nowMs);
    const left = this.#batch.boxes.count - finished.size - failed.length;
    const isMoving = boxesPerHour !== null && (leased.length > 0 || left === 0);
    return {
      boxes: this.#batch.boxes.count,
      finished: finished.size,
      leased,
      expired: leases.filter((lease) => !isLive(lease)).map(({ name }) => name),
      ...{ failed, retrying, failures, boxesPerHour },
      remainingSec: isMoving ? Math.round(3600 * left / boxesPerHour) : null,
    };
  }

  async #findFinished(): Promise<void> {
    const folders = new Map<string, ReadonlySet<string>>();
    for (let index = 0; index < this.#batch.boxes.count; index++) {
      if (this.#finishedMs.has(index)) continue;
      const path = this.#batch.resultOf(index);
      const folder = dirname(path);
      if (!folders.has(folder)) folders.set(folder, new Set(await diskLeaseFiles.list(folder)));
      if (!folders.get(folder)!.has(basename(path))) continue;
      const stat = await Deno.stat(path).catch(() => null);
      if (stat !== null) this.#finishedMs.set(index, stat.mtime?.getTime() ?? 0);
    }
  }

  #rate(nowMs: number): number | null {
    const times = [...this.#finishedMs.values()].filter((at) => at > nowMs - HOUR_MS)
      .sort((a, b) => a - b);
    if (times.length < 2) return null;
    // Between the first and the last box: what was before the first is not known.
    return (times.length - 1) / Math.max(times.at(-1)! - times[0], 1) * HOUR_MS;
  }
}
