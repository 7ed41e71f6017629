/** A worker's exchange with all owners of a run, whether they are in this process or elsewhere. */
import type { NdArray } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";
import type { GradientExchange, Pulled, Pushed, Stamp } from "../training/gradient_exchange.ts";
import type { LearnerState } from "../training/learner.ts";
import { MAX_IN_FLIGHT } from "./exchange_config.ts";
import {
  NotJoinedError,
  type OwnerConnection,
  type PullReply,
  type PushReply,
  type RunIdentity,
  type WorkerId,
} from "./owner_connection.ts";
import { floatsWithRoom } from "./exchange_frames.ts";
import { joined, parted, totalElements, variablesOf } from "./owner_shards.ts";

/** Who takes part. */
export interface OwnersExchangeOptions {
  /** Number of the worker; the chief is 0. */
  readonly worker: number;
  /** Host and process, for reports. */
  readonly name: string;
  readonly identity: RunIdentity;
  /** Of the whole network, in order. */
  readonly variables: readonly Variable[];
  /** Whether gradients of several workers make one update, so that a pull has to wait for it. */
  readonly isSynchronous: boolean;
  /** Time between two signs of life. */
  readonly beatSeconds: number;
}

/** Talks to each owner about its part of the variables. */
export class OwnersExchange implements GradientExchange {
  readonly #owners: readonly OwnerConnection[];
  readonly #parts: readonly (readonly Variable[])[];
  /** Gradients for each owner, one push after the other. */
  readonly #gradients: readonly Float32Array<ArrayBuffer>[];
  readonly #options: OwnersExchangeOptions;
  readonly #id: WorkerId;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #close: () => Promise<void>;
  #sequence = 0;
  /** State of each owner that the last push was for. */
  #pushedAt: readonly (Stamp | null)[];
  #workers = 1;

  private constructor(
    owners: readonly OwnerConnection[],
    options: OwnersExchangeOptions,
    epoch: number,
    close: () => Promise<void>,
  ) {
    this.#owners = owners;
    this.#options = options;
    this.#id = { worker: options.worker, epoch };
    this.#close = close;
    this.#parts = owners.map((_, i) => variablesOf(options.variables, owners.length, i));
    this.#gradients = this.#parts.map((part) => floatsWithRoom(totalElements(part)));
    this.#pushedAt = owners.map(() => null);
    this.#timer = setInterval(() => this.#beat(), 1000 * options.beatSeconds);
  }

  /**
   * Joins a run.
   *
   * @param close Called when the exchange is closed, for what the connections are made of.
   */
  static async join(
    owners: readonly OwnerConnection[],
    options: OwnersExchangeOptions,
    close: () => Promise<void> = () => Promise.resolve(),
  ): Promise<OwnersExchange> {
    const { worker, name, identity } = options;
    // The first owner decides about the epoch, by which copies of a worker are told apart everywhere.
    const { epoch } = await owners[0].join({ worker, name, identity, epoch: null });
    await Promise.all(owners.slice(1).map((o) => o.join({ worker, name, identity, epoch })));
    return new OwnersExchange(owners, options, epoch, close);
  }

  /** Which copy of the worker this is. */
  get epoch(): number {
    return this.#id.epoch;
  }

  async pull(): Promise<Pulled> {
    const { isSynchronous } = this.#options;
    const replies = await Promise.all(
      this.#owners.map((owner, i) =>
        this.#asking(owner, async () => {
          const after = isSynchronous ? this.#pushedAt[i] : null;
          for (;;) {
            const reply = await owner.pull({ ...this.#id, after });
            if (reply.values.length > 0) return reply;
          }
        })
      ),
    );
    this.#workers = replies[0].workers;
    const values = replies.flatMap((reply, i) => parted(this.#parts[i], reply.values));
    return {
      values: new Map(values),
      stamps: replies.map(({ stamp }) => stamp),
      ...progressOf(replies),
      workers: this.#workers,
    };
  }

  async push(
    gradients: ReadonlyMap<string, Float32Array>,
    stamps: readonly Stamp[],
    loss: number,
  ): Promise<Pushed> {
    const sequence = ++this.#sequence;
    const replies = await Promise.all(
      this.#owners.map((owner, i) =>
        this.#asking(owner, async () => {
          while (this.#workers > MAX_IN_FLIGHT && !await owner.credit(this.#id));
          const values = joined(this.#parts[i], (n) => gradients.get(n)!, this.#gradients[i]);
          return await owner.push({ ...this.#id, sequence, stamp: stamps[i], loss, values });
        })
      ),
    );
    this.#pushedAt = replies.map(({ outcome }, i) => outcome === "applied" ? stamps[i] : null);
    return { outcome: replies[0].outcome, ...progressOf(replies) };
  }

  async state(): Promise<LearnerState> {
    const states = await Promise.all(this.#owners.map((owner) => owner.state()));
    const all = new Map<string, NdArray>(states.flatMap(({ variables }) => [...variables]));
    // The first owner's count is that of the run; what else every owner has goes with it.
    for (const [name, array] of states[0].variables) all.set(name, array);
    return { variables: all, counts: states[0].counts };
  }

  async leave(): Promise<void> {
    await Promise.all(this.#owners.map((owner) => owner.leave(this.#id)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#close();
  }

  /** Asks an owner; joins again first where it does not know this worker, as after it was replaced. */
  async #asking<T>(owner: OwnerConnection, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof NotJoinedError)) throw error;
    }
    const { worker, name, identity } = this.#options;
    await owner.join({ worker, name, identity, epoch: this.#id.epoch });
    return await ask();
  }

  #beat(): void {
    // What keeps an owner from hearing it keeps it from answering the next pull too, which tells.
    for (const owner of this.#owners) owner.beat(this.#id).catch(() => {});
  }
}

/** Updates of the whole run, which the first owner counts. */
function progressOf([first]: readonly (PullReply | PushReply)[]): { globalStep: number } {
  return { globalStep: first.stamp.version };
}
