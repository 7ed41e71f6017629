import { UnsupportedError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Stamp } from "../training/gradient_exchange.ts";
import type { LearnerState } from "../training/learner.ts";
import type { ExchangeConfig } from "./exchange_config.ts";
import {
  decodeArrays,
  decodeFloats,
  decodeFrame,
  encodeFloats,
  encodeFrame,
  type ExchangeFrame,
  type Wire,
} from "./exchange_frames.ts";
import { partsOf, whole } from "./frame_parts.ts";
import {
  isUnanswered,
  type NatsConnection,
  onLoss,
  ownerSubject,
  partBytes,
} from "./nats_connection.ts";
import {
  type Join,
  type Joined,
  NotJoinedError,
  type OwnerConnection,
  type OwnerStatus,
  type PullReply,
  type PullRequest,
  type PushReply,
  type PushRequest,
  SupersededError,
  type WorkerId,
} from "./owner_connection.ts";

/** Longer than an owner lets a request wait. */
const ANSWER_MS = 30_000;
/** Before a request that nobody took is sent again. */
const RETRY_MS = 300;
/** An owner that does not answer for so many times `lostSeconds` does not come back. */
const GIVE_UP = 10;

/** An owner in another process. Requests are repeated until they are answered: an owner that died is started again. */
export class NatsOwner implements OwnerConnection {
  readonly #connection: NatsConnection;
  readonly #config: ExchangeConfig;
  readonly #owner: number;
  readonly #wire: Wire;
  readonly #signal: AbortSignal;
  readonly #note: (line: string) => void;
  /** Requests that are under way. */
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(options: {
    readonly connection: NatsConnection;
    readonly config: ExchangeConfig;
    /** Its number. */
    readonly owner: number;
    readonly wire: Wire;
    /** Ends all waiting. */
    readonly signal: AbortSignal;
    note(line: string): void;
  }) {
    this.#connection = options.connection;
    this.#config = options.config;
    this.#owner = options.owner;
    this.#wire = options.wire;
    this.#signal = options.signal;
    this.#note = options.note;
    onLoss(this.#connection, this.#config, this.#owner, (error) => {
      for (const reject of this.#waiting) reject(error);
    });
  }

  async join(request: Join): Promise<Joined> {
    const { header } = await this.#ask({ verb: "join", ...request });
    return { epoch: Number(header.epoch) };
  }

  async pull(request: PullRequest): Promise<PullReply> {
    const { header, content } = await this.#ask({ verb: "pull", wire: this.#wire, ...request });
    return {
      stamp: header.stamp as Stamp,
      workers: Number(header.workers),
      values: decodeFloats(content, this.#wire, Number(header.factor)),
    };
  }

  async credit(id: WorkerId): Promise<boolean> {
    const { header } = await this.#ask({ verb: "credit", ...id });
    return header.granted === true;
  }

  async push({ values, ...request }: PushRequest): Promise<PushReply> {
    const { content, factor } = encodeFloats(values, this.#wire);
    const header = { verb: "push", wire: this.#wire, factor, ...request };
    const reply = await this.#ask(header, content);
    return reply.header.reply as PushReply;
  }

  async beat(id: WorkerId): Promise<void> {
    await this.#ask({ verb: "beat", ...id });
  }

  async leave(id: WorkerId): Promise<void> {
    await this.#ask({ verb: "leave", ...id });
  }

  async state(): Promise<LearnerState> {
    const { header, content } = await this.#ask({ verb: "state" });
    return {
      variables: decodeArrays(
        content,
        header.names as string[],
        header.arrays as Pick<NdArray, "dtype" | "shape">[],
      ),
      counts: header.counts as LearnerState["counts"],
    };
  }

  async status(): Promise<OwnerStatus> {
    return (await this.#ask({ verb: "status" })).header.status as OwnerStatus;
  }

  /** Asks until there is an answer. */
  async #ask(header: Record<string, unknown>, content?: Uint8Array): Promise<ExchangeFrame> {
    const frame = encodeFrame(header, content);
    const limit = partBytes(this.#config);
    const begun = performance.now();
    const giveUpMs = GIVE_UP * 1000 * this.#config.lostSeconds;
    let isNoted = false;
    for (;;) {
      try {
        const reply = await this.#send(frame, limit);
        if (isNoted) this.#note(`owner ${this.#owner} answers again`);
        return reply;
      } catch (error) {
        if (!isUnanswered(error)) throw error;
        this.#signal.throwIfAborted();
        const silentMs = performance.now() - begun;
        if (silentMs > giveUpMs) {
          throw new Error(
            `Cannot reach owner ${this.#owner} of run "${this.#config.run}": no answer for ${
              (silentMs / 1000).toFixed(0)
            } s`,
            { cause: error },
          );
        }
        if (!isNoted && silentMs > 2000) {
          this.#note(`owner ${this.#owner} does not answer, waiting for it`);
          isNoted = true;
        }
        await this.#aborting(new Promise((resolve) => setTimeout(resolve, RETRY_MS)));
      }
    }
  }

  /** Sends a message in as many parts as it takes, and puts the answer together. */
  async #send(frame: Uint8Array, limit: number): Promise<ExchangeFrame> {
    const parts = partsOf(frame, limit);
    const id = parts.length > 1 ? crypto.randomUUID() : "";
    let answer: ExchangeFrame | null = null;
    for (const [index, part] of parts.entries()) {
      answer = await this.#request(
        parts.length === 1
          ? part
          : encodeFrame({ verb: "part", id, index, count: parts.length }, part),
      );
    }
    const { header, content } = answer!;
    if (typeof header.ticket !== "string") return answer!;
    const received = [content];
    for (let index = 1; index < Number(header.parts); index++) {
      const more = encodeFrame({ verb: "more", ticket: header.ticket, index });
      received.push((await this.#request(more)).content);
    }
    return decodeFrame(whole(received));
  }

  async #request(bytes: Uint8Array): Promise<ExchangeFrame> {
    const subject = ownerSubject(this.#config, this.#owner);
    const answer = this.#connection.request(subject, bytes, { timeout: ANSWER_MS });
    const lost = Promise.withResolvers<never>();
    this.#waiting.add(lost.reject);
    try {
      const { data } = await this.#aborting(Promise.race([answer, lost.promise]));
      const frame = decodeFrame(data);
      const error = frame.header.error as { name: string; message: string } | undefined;
      if (error) throw errorOf(error);
      return frame;
    } finally {
      this.#waiting.delete(lost.reject);
    }
  }

  /** Rejects when the signal comes. */
  async #aborting<T>(promise: Promise<T>): Promise<T> {
    const signal = this.#signal;
    signal.throwIfAborted();
    promise.catch(() => {});
    let stop = () => {};
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop);
    });
    try {
      return await Promise.race([promise, aborted]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}

function errorOf({ name, message }: { name: string; message: string }): Error {
  const classes = { NotJoinedError, SupersededError, RangeError, UnsupportedError };
  return new (classes[name as keyof typeof classes] ?? Error)(message);
}
