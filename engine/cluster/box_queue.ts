import { basename, dirname } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Batch } from "./batch.ts";
import type { BoxFailures } from "./box_failures.ts";
import type { Lease, Leases } from "./leases.ts";

/** A box that is ours to segment. */
export interface ClaimedBox {
  /** Number in the batch. */
  readonly index: number;
  readonly lease: Lease;
}

/** Which boxes a worker takes. */
export interface QueueOptions {
  /** Numbers of the boxes that it may take, in its own order. */
  readonly indices: readonly number[];
  /** Errors after which a box is left alone. */
  readonly maxAttempts: number;
  /** Ends when all that is left is in other hands, instead of waiting to take over. */
  readonly leaveLeased?: boolean;
  /** Time between two looks at boxes in other hands. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
  /** How it waits; a simulation has its own clock. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<unknown>;
}

/**
 * Claims one box after the other until all are finished or have failed for good. Boxes that failed before come after all
 * others, so that a poisoned one holds nobody up.
 */
export class BoxQueue {
  readonly #batch: Batch;
  readonly #leases: Leases;
  readonly #failures: BoxFailures;
  readonly #options: QueueOptions;
  #pass: number[];
  #cursor = 0;
  #later: number[] = [];
  #passes = 0;
  #claimedInPass = false;
  #failed: ReadonlySet<string> | null = null;
  /** Names of the results in each folder as of this pass: one listing in place of a look for each box. */
  readonly #finished = new Map<string, Promise<ReadonlySet<string>>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(batch: Batch, leases: Leases, failures: BoxFailures, options: QueueOptions) {
    this.#batch = batch;
    this.#leases = leases;
    this.#failures = failures;
    this.#options = options;
    this.#pass = [...options.indices];
  }

  /** The next box; null when there is nothing left to do. Callers take turns. */
  next(): Promise<ClaimedBox | null> {
    const turn = this.#turn.then(() => this.#find());
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #find(): Promise<ClaimedBox | null> {
    for (;;) {
      while (this.#cursor < this.#pass.length) {
        this.#options.signal?.throwIfAborted();
        const index = this.#pass[this.#cursor++];
        const claimed = await this.#tryToClaim(index);
        if (claimed === "never") continue;
        // A claimed box comes up once more, in case it fails.
        this.#later.push(index);
        if (claimed !== "later") return claimed;
      }
      if (this.#later.length === 0) return null;
      if (!this.#claimedInPass && this.#passes > 0) {
        if (this.#options.leaveLeased) return null;
        const { sleep = realSleep, signal } = this.#options;
        await sleep(this.#pollMs(), signal);
      }
      this.#beginPass();
    }
  }

  #beginPass(): void {
    this.#pass = this.#later;
    this.#later = [];
    this.#cursor = 0;
    this.#passes++;
    this.#claimedInPass = false;
    this.#failed = null;
    this.#finished.clear();
  }

  async #tryToClaim(index: number): Promise<ClaimedBox | "later" | "never"> {
    const name = this.#batch.nameOf(index);
    if (await this.#isFinished(index)) return "never";
    this.#failed ??= new Set(await this.#failures.boxes());
    if (this.#failed.has(name)) {
      if (await this.#failures.areFinal(name, this.#options.maxAttempts)) return "never";
      if (this.#passes === 0) return "later";
    }
    const lease = await this.#leases.claim(name);
    if (lease === null) return "later";
    this.#claimedInPass = true;
    // It may have been finished, or have failed, between the look and the claim.
    this.#finished.delete(dirname(this.#batch.resultOf(index)));
    const isOver = await this.#isFinished(index) ||
      await this.#failures.areFinal(name, this.#options.maxAttempts);
    if (!isOver) return { index, lease };
    await this.#leases.release(lease);
    return "never";
  }

  async #isFinished(index: number): Promise<boolean> {
    const path = this.#batch.resultOf(index);
    const folder = dirname(path);
    if (!this.#finished.has(folder)) {
      const listing = this.#leases.files.list(folder).then((names) => new Set(names));
      this.#finished.set(folder, listing);
    }
    return (await this.#finished.get(folder)!).has(basename(path));
  }

  #pollMs(): number {
    return this.#options.pollMs ?? Math.min(5_000, this.#leases.leaseMs / 4);
  }
}

function realSleep(ms: number, signal?: AbortSignal): Promise<unknown> {
  return setTimeout(ms, undefined, { signal });
}
