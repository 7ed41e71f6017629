/** The side that holds parameters: applies gradients as they arrive, or the mean of a number of them. */
import type { Backend } from "../backends/backend.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";
import type { PushOutcome, Stamp } from "../training/gradient_exchange.ts";
import type { LearnerState } from "../training/learner.ts";
import type { OptimizerOptions } from "../training/optimizer.ts";
import { Credits } from "./credits.ts";
import { MAX_IN_FLIGHT } from "./exchange_config.ts";
import { GradientMean } from "./gradient_mean.ts";
import { OwnedParameters } from "./owned_parameters.ts";
import type {
  Join,
  Joined,
  OwnerConnection,
  OwnerStatus,
  PullReply,
  PullRequest,
  PushReply,
  PushRequest,
  RunIdentity,
  WorkerId,
} from "./owner_connection.ts";
import { parted, variablesOf } from "./owner_shards.ts";
import { type KnownWorker, WorkerRegister } from "./worker_register.ts";

/** When gradients are applied. */
export interface UpdateRule {
  /** Gradients of so many workers are averaged into one update; absent: each is applied when it arrives. */
  readonly replicas?: number;
  /** Gradients that are more updates old are dropped; absent: none is, as in the reference. Asynchronous only. */
  readonly maxStaleness?: number;
  /** Divides the learning rate of an update by its staleness where that is above 1. Asynchronous only. */
  readonly stalenessRate?: boolean;
}

/** What an owner is made of. */
export interface ParameterOwnerOptions {
  /** Which of the owners it is, and how many there are. */
  readonly index: number;
  readonly owners: number;
  /** Of the whole network; it holds its part of them (`variablesOf`). */
  readonly variables: readonly Variable[];
  readonly optimizer: OptimizerOptions;
  /** Where to begin: variables, `global_step`, optimizer states. */
  readonly initial: ReadonlyMap<string, NdArray>;
  /** Gradients by worker that `initial` has seen. */
  readonly counts?: Readonly<Record<string, number>>;
  readonly backend: Backend;
  readonly identity: RunIdentity;
  readonly rule: UpdateRule;
  readonly maxSteps: number;
  readonly lostSeconds: number;
  note?(line: string): void;
}

/** How long an answer may wait for something to happen; whoever asked asks again then. */
const MAX_WAIT_MS = 10_000;

/** Holds the variables of a run, or its part of them. */
export class ParameterOwner implements OwnerConnection, AsyncDisposable {
  /** Resolves when the run is done: all steps are made, and every worker has left, or is lost; the chief has left. */
  readonly done: Promise<void>;
  readonly #options: ParameterOwnerOptions;
  readonly #variables: readonly Variable[];
  readonly #parameters: OwnedParameters;
  readonly #register: WorkerRegister;
  readonly #credits = new Credits(MAX_IN_FLIGHT);
  /** Gradients of the coming update, in a synchronous run. */
  readonly #mean: GradientMean | null;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Told of the next update. */
  #waiting: (() => void)[] = [];
  #incarnation: string = crypto.randomUUID();
  #firstJoinMs: number | null = null;
  #finish: () => void = () => {};

  private constructor(
    options: ParameterOwnerOptions,
    variables: readonly Variable[],
    parameters: OwnedParameters,
  ) {
    this.#options = options;
    this.#variables = variables;
    this.#parameters = parameters;
    this.#mean = options.rule.replicas === undefined ? null : new GradientMean(parameters.count);
    this.#register = new WorkerRegister({
      identity: options.identity,
      lostMs: 1000 * options.lostSeconds,
      counts: options.counts ?? {},
      now: () => performance.now(),
      note: (line) => options.note?.(line),
    });
    this.done = new Promise((resolve) => this.#finish = resolve);
    this.#timer = setInterval(() => this.#look(), 1000 * Math.min(options.lostSeconds / 4, 5));
  }

  static async open(options: ParameterOwnerOptions): Promise<ParameterOwner> {
    const variables = variablesOf(options.variables, options.owners, options.index);
    if (variables.length === 0) {
      throw new RangeError(
        `Cannot share ${options.variables.length} variables among ${options.owners} owners: owner ${options.index} would have none`,
      );
    }
    const { optimizer, initial, backend } = options;
    const parameters = await OwnedParameters.open(variables, optimizer, initial, backend);
    return new ParameterOwner(options, variables, parameters);
  }

  /** Updates that were made. */
  get version(): number {
    return this.#parameters.version;
  }

  /** Elements of its variables. */
  get count(): number {
    return this.#parameters.count;
  }

  join(request: Join): Promise<Joined> {
    return answer(() => {
      this.#firstJoinMs ??= performance.now();
      const epoch = this.#register.join(request);
      this.#credits.giveBack(request.worker);
      return { epoch };
    });
  }

  async pull(request: PullRequest): Promise<PullReply> {
    return await this.current(await this.hasNews(request));
  }

  /** Whether there is what a pull asks for; waits for it a while. */
  async hasNews({ worker, epoch, after }: PullRequest): Promise<boolean> {
    this.#register.speaking({ worker, epoch });
    const isCurrent = () => after !== null && isSame(after, this.#stamp());
    if (isCurrent() && !this.#isOver()) await this.#nextUpdate();
    return !isCurrent() || this.#isOver();
  }

  /**
   * The answer to a pull, as things are now.
   *
   * @param hasNews Whether it has the parameters.
   * @param into Where they are written; else they are an array that others may get too.
   */
  async current(hasNews: boolean, into?: Float32Array): Promise<PullReply> {
    const [stamp, workers] = [this.#stamp(), this.#register.present];
    if (!hasNews) return { stamp, workers, values: new Float32Array(0) };
    const values = into ? this.#parameters.valuesInto(into) : this.#parameters.values();
    return { stamp, workers, values: await values };
  }

  credit(id: WorkerId): Promise<boolean> {
    return answer(() => {
      this.#register.speaking(id);
      return this.#credits.take(id.worker, MAX_WAIT_MS);
    });
  }

  push(request: PushRequest): Promise<PushReply> {
    return answer(() => {
      const known = this.#register.speaking(request);
      if (request.sequence <= known.sequence) return this.#reply(known.outcome ?? "stale");
      try {
        this.#checkValues(request);
        const { outcome, staleness } = this.#take(request);
        known.sequence = request.sequence;
        known.outcome = outcome;
        this.#register.pushed(known, outcome === "applied", staleness, request.loss);
        return this.#reply(outcome);
      } finally {
        this.#giveBackWhenApplied(known);
      }
    });
  }

  beat(id: WorkerId): Promise<void> {
    return answer(() => void this.#register.speaking(id));
  }

  leave(id: WorkerId): Promise<void> {
    return answer(() => {
      this.#register.speaking(id).hasLeft = true;
      this.#credits.giveBack(id.worker);
      this.#updateIfComplete();
      this.#finishIfDone();
    });
  }

  async state(): Promise<LearnerState> {
    const counts = this.#register.counts();
    // Those that wait for the coming update are not in the variables.
    for (const worker of this.#mean?.workers ?? []) counts[worker]--;
    return { variables: await this.#parameters.read(), counts };
  }

  status(): Promise<OwnerStatus> {
    return Promise.resolve({
      owner: this.#options.index,
      stamp: this.#stamp(),
      maxSteps: this.#options.maxSteps,
      workers: this.#register.status(),
    });
  }

  /** Goes back to a checkpoint, as another owner had to; gradients of what was before are dropped. */
  restore(
    initial: ReadonlyMap<string, NdArray>,
    counts: Readonly<Record<string, number>>,
  ): void {
    this.#parameters.restore(initial);
    this.#register.restart(counts);
    this.#incarnation = crypto.randomUUID();
    this.#mean?.clear();
    this.#wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#wake();
    await this.#parameters[Symbol.asyncDispose]();
  }

  /** Applies gradients where they are still wanted. */
  #take({ worker, stamp, values }: PushRequest): { outcome: PushOutcome; staleness: number } {
    const { maxStaleness = Infinity, stalenessRate } = this.#options.rule;
    const staleness = this.version - stamp.version;
    if (this.#isOver()) return { outcome: "done", staleness };
    if (stamp.incarnation !== this.#incarnation) return { outcome: "stale", staleness };
    if (this.#mean) {
      if (staleness > 0 || this.#mean.has(worker)) return { outcome: "late", staleness };
      this.#mean.add(worker, values);
      this.#updateIfComplete();
      return { outcome: "applied", staleness };
    }
    if (staleness > maxStaleness) return { outcome: "stale", staleness };
    this.#update(values, stalenessRate ? 1 / Math.max(1, staleness) : 1);
    return { outcome: "applied", staleness };
  }

  #update(gradient: Float32Array, rateFactor: number): void {
    this.#parameters.update(gradient, rateFactor);
    this.#wake();
    this.#finishIfDone();
  }

  /** Makes a synchronous update when enough workers have given gradients, or no more can. */
  #updateIfComplete(): void {
    if (!this.#mean || this.#mean.size === 0 || this.#mean.size < this.#neededReplicas()) return;
    this.#update(this.#mean.take(), 1);
  }

  /** As many as asked for, less those that are lost; at the start there is time for all to come. */
  #neededReplicas(): number {
    const { rule: { replicas = 1 }, lostSeconds } = this.#options;
    const { joined, present } = this.#register;
    const waitedMs = performance.now() - (this.#firstJoinMs ?? performance.now());
    if (joined < replicas && waitedMs < 1000 * lostSeconds) return replicas;
    return Math.min(replicas, present);
  }

  #look(): void {
    for (const { worker } of this.#register.markLost()) this.#credits.giveBack(worker);
    this.#updateIfComplete();
    this.#finishIfDone();
  }

  #finishIfDone(): void {
    const { chiefHasLeft, present } = this.#register;
    if (this.#isOver() && chiefHasLeft && present === 0) this.#finish();
  }

  #isOver(): boolean {
    return this.version >= this.#options.maxSteps;
  }

  #stamp(): Stamp {
    return { incarnation: this.#incarnation, version: this.version };
  }

  #reply(outcome: PushOutcome): PushReply {
    return { outcome, stamp: this.#stamp() };
  }

  #giveBackWhenApplied({ worker }: KnownWorker): void {
    const giveBack = () => this.#credits.giveBack(worker);
    // Whatever fails there fails for whoever reads next, too.
    this.#parameters.settled().then(giveBack, giveBack);
  }

  /** Waits for the next update, but not for long. */
  async #nextUpdate(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      timer = setTimeout(resolve, MAX_WAIT_MS);
    });
    clearTimeout(timer);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #checkValues({ worker, values }: PushRequest): void {
    if (values.length !== this.count) {
      throw new RangeError(
        `Cannot apply gradients of worker ${worker}: there must be ${this.count}, current number is ${values.length}`,
      );
    }
    if (areFinite(values)) return;
    const [name] = parted(this.#variables, values).find(([, v]) => !areFinite(v))!;
    const { name: host } = this.#register.status().find((w) => w.worker === worker)!;
    const message =
      `Cannot apply gradients of worker ${worker} (${host}): those of "${name}" are not finite`;
    this.#options.note?.(message);
    throw new RangeError(message);
  }
}

/**
 * Half a million values at the speed of memory, which `every` with its calls is far from; four sums, since each addition
 * waits for the one before.
 */
function areFinite(values: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0];
  const end = values.length - values.length % 4;
  for (let i = 0; i < end; i += 4) {
    a += 0 * values[i];
    b += 0 * values[i + 1];
    c += 0 * values[i + 2];
    d += 0 * values[i + 3];
  }
  for (let i = end; i < values.length; i++) a += 0 * values[i];
  return a + b + c + d === 0;
}

function isSame(a: Stamp, b: Stamp): boolean {
  return a.incarnation === b.incarnation && a.version === b.version;
}

/** What a function gives or throws, as a promise. */
function answer<T>(give: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve) => resolve(give()));
}
