import { sleep as realSleep } from "./sleep.ts";
import type { Batch, BoxColumn } from "./batch.ts";
import type { BoxFailures } from "./box_failures.ts";
import { FinishedColumns } from "./finished_columns.ts";
import type { Lease, Leases } from "./leases.ts";

/** A box that is ours to segment. */
export interface ClaimedBox {
  /** Number in the batch. */
  readonly index: number;
  readonly lease: Lease;
}

/** Which boxes a worker takes. */
export interface QueueOptions {
  /** It takes the boxes whose number is `rank` modulo `of`. */
  readonly share: { readonly rank: number; readonly of: number };
  /** Number of the box to begin near; workers that begin apart seldom want the same box. */
  readonly first: number;
  /** Errors after which a box is left alone. */
  readonly maxAttempts: number;
  /** Ends when all that is left is in other hands, instead of waiting to take over. */
  readonly leaveLeased?: boolean;
  readonly signal?: AbortSignal;
  /** How it waits; a simulation has its own clock. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<unknown>;
}

/** Boxes in other hands, one after the other, after which a worker waits: at the end everybody looks for work. */
const MOST_REFUSALS = 32;
/** The same after many pauses in a row: a thousand that wait look at what a thousand others hold often enough. */
const FEWEST_REFUSALS = 4;

/**
 * Claims one box after the other until all are finished or have failed for good. It goes round the columns of the batch:
 * one listing of a folder tells what is finished there. What failed before, or is in silent hands, is left until there is
 * nothing else: a poisoned box holds nobody up.
 *
 * Every worker goes round in steps of its own. Workers that went from each column to the next would, as in a hash table
 * with linear probing, end up in crowds that try all that the others hold.
 */
export class BoxQueue {
  readonly #batch: Batch;
  readonly #leases: Leases;
  readonly #failures: BoxFailures;
  readonly #options: QueueOptions;
  readonly #finished: FinishedColumns;
  readonly #stride: number;
  #round = 0;
  /** Columns that this round has come to. */
  #passed = 0;
  #column: (BoxColumn & { readonly number: number }) | null = null;
  /** Boxes of the column that were not tried yet. */
  #untried: BoxColumn["boxes"][number][] = [];
  /** Names in the folder of the column as of the last claim there. */
  #names: readonly string[] = [];
  /** Whether boxes of the column are in other hands, or may be tried in a later round. */
  #isLeft = false;
  /** Whether a box of the column was claimed. */
  #isTaken = false;
  #isAnyLeft = false;
  #isAnyTaken = false;
  /** Boxes in other hands since the last one that was claimed, or the last pause. */
  #refusals = 0;
  #pauses = 0;
  #failed: ReadonlySet<string> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(batch: Batch, leases: Leases, failures: BoxFailures, options: QueueOptions) {
    this.#batch = batch;
    this.#leases = leases;
    this.#failures = failures;
    this.#options = options;
    this.#finished = new FinishedColumns(batch, leases.files);
    this.#stride = strideOf(options.first, batch.columns);
  }

  /** The next box; null when there is nothing left to do. Callers take turns. */
  next(): Promise<ClaimedBox | null> {
    const turn = this.#turn.then(() => this.#find());
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #find(): Promise<ClaimedBox | null> {
    for (;;) {
      for (let box; (box = this.#untried.shift()) !== undefined;) {
        this.#options.signal?.throwIfAborted();
        if (this.#names.includes(box.file)) continue;
        const claimed = await this.#tryToClaim(box, this.#column!.folder);
        if (claimed === "later") this.#isLeft = true;
        if (typeof claimed !== "string") {
          this.#isTaken = this.#isAnyTaken = true;
          this.#refusals = this.#pauses = 0;
          return claimed;
        }
        if (this.#refusals >= this.#mostRefusals) await this.#pause();
      }
      await this.#leaveColumn();
      if (this.#passed === this.#batch.columns && await this.#endsWithRound()) return null;
      await this.#enterColumn();
    }
  }

  async #enterColumn(): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const { columns } = this.#batch;
    const { first } = this.#options;
    const number = (first + this.#passed++ * this.#stride) % columns;
    if (this.#finished.has(number)) return;
    const column = this.#batch.column(number);
    const left = await this.#unfinished(column);
    if (left.length === 0) return await this.#finished.meet(number);
    const mine = left.filter((box) => this.#isMine(box));
    const begin = Math.max(0, mine.findIndex(({ index }) => index >= first - first % columns));
    this.#untried = [...mine.slice(begin), ...mine.slice(0, begin)];
    this.#names = [];
    this.#column = { ...column, number };
  }

  async #leaveColumn(): Promise<void> {
    if (this.#column === null) return;
    if (this.#isTaken) {
      const { number } = this.#column;
      const left = await this.#unfinished(this.#column);
      if (left.length === 0) await this.#finished.add(number);
      this.#isLeft = left.some((box) => this.#isMine(box));
    }
    this.#isAnyLeft ||= this.#isLeft;
    this.#column = null;
    this.#isTaken = this.#isLeft = false;
  }

  #isMine({ index }: { readonly index: number }): boolean {
    const { rank, of } = this.#options.share;
    return index % of === rank;
  }

  /** Whether nothing is left after this round; else begins another one. */
  async #endsWithRound(): Promise<boolean> {
    if (!this.#isAnyLeft) return true;
    if (!this.#isAnyTaken && this.#round > 0) {
      if (this.#options.leaveLeased) return true;
      await this.#pause();
    }
    this.#passed = 0;
    this.#round++;
    this.#isAnyLeft = this.#isAnyTaken = false;
    this.#failed = null;
    return false;
  }

  async #tryToClaim(
    { index, file }: BoxColumn["boxes"][number],
    folder: string,
  ): Promise<ClaimedBox | "later" | "never"> {
    const name = this.#batch.nameOf(index);
    const { maxAttempts } = this.#options;
    this.#failed ??= new Set(await this.#failures.boxes());
    if (this.#failed.has(name)) {
      if (await this.#failures.areFinal(name, maxAttempts)) return "never";
      if (!this.#isIdle) return "later";
    }
    const lease = !this.#isIdle
      ? await this.#leases.claimFree(name)
      : await this.#leases.claim(name);
    if (lease === null) {
      this.#refusals++;
      // Its holder goes on from there: not behind it, box by box, but half a column further.
      const half = this.#untried.length >> 1;
      this.#untried.push(...this.#untried.splice(0, half));
      return "later";
    }
    // It may have been finished, or have failed, between the look and the claim; others of the column as well.
    this.#names = await this.#leases.files.list(folder);
    if (!this.#names.includes(file) && !await this.#failures.areFinal(name, maxAttempts)) {
      return { index, lease };
    }
    await this.#leases.release(lease);
    return "never";
  }

  async #unfinished({ folder, boxes }: BoxColumn): Promise<BoxColumn["boxes"]> {
    const names = new Set(await this.#leases.files.list(folder));
    return boxes.filter(({ file }) => !names.has(file));
  }

  /** Waits for other hands: longer each time in a row, but not so long that what they drop lies for long. */
  async #pause(): Promise<void> {
    const { sleep = realSleep, signal } = this.#options;
    const longest = this.#leases.leaseMs / 12;
    await sleep(Math.min(longest, 1_000 * 2 ** this.#pauses++), signal);
    this.#refusals = 0;
  }

  /** Whether it found nothing that nobody had: the time for what failed or fell silent. */
  get #isIdle(): boolean {
    return this.#round > 0 || this.#pauses > 0;
  }

  get #mostRefusals(): number {
    // Whoever is going to leave waits for nothing.
    if (this.#options.leaveLeased) return MOST_REFUSALS;
    return Math.max(FEWEST_REFUSALS, MOST_REFUSALS >> this.#pauses);
  }
}

/** A step that goes through all columns; workers with different first boxes seldom have the same. */
function strideOf(first: number, columns: number): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let stride = 1 + Math.floor(columns * ((first * golden) % 1));
  while (greatestCommonDivisor(stride, columns) > 1) stride++;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
