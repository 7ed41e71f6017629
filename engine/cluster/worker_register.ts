import type { PushOutcome } from "../training/gradient_exchange.ts";
import {
  type Join,
  NotJoinedError,
  type RunIdentity,
  SupersededError,
  type WorkerId,
  type WorkerStatus,
} from "./owner_connection.ts";

/** More is a typing error; every worker takes some memory. */
const MAX_WORKER = 65_535;
/** Pushes over which a worker's speed is taken. */
const RATE_PUSHES = 20;

/** What is known of one worker, in its newest copy. */
export interface KnownWorker {
  readonly worker: number;
  readonly name: string;
  readonly epoch: number;
  /** Sequence of its last push. */
  sequence: number;
  /** What became of it. */
  outcome: PushOutcome | null;
  /** Of all its copies. */
  applied: number;
  dropped: number;
  seenMs: number;
  isLost: boolean;
  hasLeft: boolean;
  staleness: number | null;
  loss: number | null;
  /** Of its last pushes. */
  pushMs: number[];
}

/** The workers of a run, as an owner knows them: who is there, in which copy, and who is silent. */
export class WorkerRegister {
  readonly #identity: RunIdentity;
  readonly #lostMs: number;
  readonly #now: () => number;
  readonly #note: (line: string) => void;
  readonly #workers = new Map<number, KnownWorker>();
  /** Gradients that were used by worker, of workers that have not joined too. */
  #counts: Readonly<Record<string, number>>;

  constructor(options: {
    readonly identity: RunIdentity;
    readonly lostMs: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly now: () => number;
    note(line: string): void;
  }) {
    this.#identity = options.identity;
    this.#lostMs = options.lostMs;
    this.#counts = options.counts;
    this.#now = options.now;
    this.#note = options.note;
  }

  /** @throws {RangeError | SupersededError} when the worker may not take part. */
  join({ worker, epoch, name, identity }: Join): number {
    if (!Number.isSafeInteger(worker) || worker < 0 || worker > MAX_WORKER) {
      throw new RangeError(
        `Cannot join as worker ${worker}: it must be a number from 0 to ${MAX_WORKER}`,
      );
    }
    this.#checkIdentity(worker, identity);
    const known = this.#workers.get(worker);
    if (known && epoch !== null && epoch < known.epoch) throw superseded(worker, known.name);
    if (known && epoch === null && !known.hasLeft && !known.isLost) {
      this.#note(`worker ${worker} is ${name} now, ${known.name} is told to end`);
    }
    // By the clock, so that copies from before this owner was started are older too.
    const given = epoch ?? Math.max(Date.now(), (known?.epoch ?? 0) + 1);
    const isSame = known?.epoch === given;
    this.#workers.set(worker, {
      worker,
      name,
      epoch: given,
      sequence: isSame ? known.sequence : 0,
      outcome: isSame ? known.outcome : null,
      applied: known?.applied ?? this.#counts[worker] ?? 0,
      dropped: known?.dropped ?? 0,
      seenMs: this.#now(),
      isLost: false,
      hasLeft: false,
      staleness: null,
      loss: null,
      pushMs: [],
    });
    return given;
  }

  /**
   * The worker that speaks; notes that it is alive.
   *
   * @throws {NotJoinedError | SupersededError} when it has to join, or to end.
   */
  speaking({ worker, epoch }: WorkerId): KnownWorker {
    const known = this.#workers.get(worker);
    if (!known || epoch > known.epoch) {
      throw new NotJoinedError(`Cannot answer worker ${worker}: it has not joined`);
    }
    if (epoch < known.epoch) throw superseded(worker, known.name);
    known.seenMs = this.#now();
    if (known.isLost) {
      known.isLost = false;
      this.#note(`worker ${worker} (${known.name}) is back`);
    }
    return known;
  }

  /** Notes a push that was used, or was not. */
  pushed(known: KnownWorker, isApplied: boolean, staleness: number, loss: number): void {
    if (isApplied) known.applied++;
    else known.dropped++;
    known.staleness = staleness;
    known.loss = loss;
    known.pushMs.push(this.#now());
    if (known.pushMs.length > RATE_PUSHES) known.pushMs.shift();
  }

  /** Workers that take part now. */
  get present(): number {
    return [...this.#workers.values()].filter((w) => !w.isLost && !w.hasLeft).length;
  }

  /** Workers that ever joined. */
  get joined(): number {
    return this.#workers.size;
  }

  /** Whether the chief has left. */
  get chiefHasLeft(): boolean {
    return this.#workers.get(0)?.hasLeft ?? false;
  }

  /** Notes who has been silent for too long; gives those that are new among them. */
  markLost(): KnownWorker[] {
    const now = this.#now();
    const lost = [...this.#workers.values()].filter((w) =>
      !w.isLost && !w.hasLeft && now - w.seenMs > this.#lostMs
    );
    for (const worker of lost) {
      worker.isLost = true;
      this.#note(
        `worker ${worker.worker} (${worker.name}) is lost: silent for ${
          ((now - worker.seenMs) / 1000).toFixed(1)
        } s`,
      );
    }
    return lost;
  }

  /** Gradients that were used by worker. */
  counts(): Record<string, number> {
    const known = [...this.#workers.values()].map(({ worker, applied }) => [worker, applied]);
    return { ...this.#counts, ...Object.fromEntries(known) };
  }

  /** Takes other counts, of a checkpoint; everyone has to join again. */
  restart(counts: Readonly<Record<string, number>>): void {
    this.#counts = counts;
    for (const known of this.#workers.values()) known.applied = counts[known.worker] ?? 0;
  }

  status(): WorkerStatus[] {
    const now = this.#now();
    return [...this.#workers.values()].map((w) => ({
      worker: w.worker,
      name: w.name,
      epoch: w.epoch,
      applied: w.applied,
      dropped: w.dropped,
      silentMs: now - w.seenMs,
      isLost: w.isLost,
      hasLeft: w.hasLeft,
      staleness: w.staleness,
      loss: w.loss,
      stepsPerSecond: w.pushMs.length < 2
        ? null
        : (w.pushMs.length - 1) * 1000 / Math.max(1, w.pushMs.at(-1)! - w.pushMs[0]),
    }));
  }

  #checkIdentity(worker: number, identity: RunIdentity): void {
    const own = this.#identity;
    const keys = new Set([...Object.keys(own), ...Object.keys(identity)]);
    const odd = [...keys].find((key) => own[key] !== identity[key]);
    if (odd === undefined) return;
    throw new RangeError(
      `Cannot join as worker ${worker}: all processes of a run must have the same ${odd}, current is ${
        identity[odd] ?? "none"
      }, the owner has ${own[odd] ?? "none"}`,
    );
  }
}

function superseded(worker: number, name: string): SupersededError {
  return new SupersededError(`Cannot go on as worker ${worker}: ${name} has taken its place`);
}
