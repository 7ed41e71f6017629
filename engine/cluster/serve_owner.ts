import type { NdArray } from "../formats/nd_array.ts";
import type { ExchangeConfig } from "./exchange_config.ts";
import {
  decodeFloats,
  decodeFrame,
  encodeArrays,
  encodeFloats,
  encodeFrame,
  type ExchangeFrame,
  floatsWithRoom,
  type Wire,
} from "./exchange_frames.ts";
import { FrameParts } from "./frame_parts.ts";
import {
  beginningsSubject,
  connectToServer,
  isUnanswered,
  type Msg,
  type NatsConnection,
  ownerSubject,
  partBytes,
} from "./nats_connection.ts";
import type { Join, PullRequest, PushRequest, WorkerId } from "./owner_connection.ts";
import type { ParameterOwner } from "./parameter_owner.ts";

/** What an owner process may be told. */
export interface ServeOptions {
  /** Variables and counts of the checkpoint of a step, to which another owner had to go back. */
  load?(step: number): Promise<{
    readonly initial: ReadonlyMap<string, NdArray>;
    readonly counts: Readonly<Record<string, number>>;
  }>;
  note?(line: string): void;
}

/** What an owner tells the others when it begins. */
interface Beginning {
  readonly owner: number;
  readonly id: string;
  readonly step: number;
}

/**
 * Answers for owner `index` of a run over NATS until the run is done.
 *
 * @throws the signal's reason; {Error} when another process has taken its place.
 */
export async function serveOwner(
  owner: ParameterOwner,
  index: number,
  config: ExchangeConfig,
  signal: AbortSignal,
  options: ServeOptions = {},
): Promise<void> {
  const connection = await connectToServer(config, `ffn owner ${index}`, signal);
  const server = new OwnerServer(owner, connection, config);
  const ended = new AbortController();
  try {
    const stopped = new Promise<never>((_, reject) => {
      const stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop, { signal: ended.signal });
      if (signal.aborted) stop();
    });
    const requests = connection.subscribe(ownerSubject(config, index), {
      callback: (error, message) => void (error ?? server.answer(message)),
    });
    const replaced = followBeginnings(owner, index, connection, config, options);
    // When the run is done nobody waits for it any more.
    replaced.catch(() => {});
    await Promise.race([owner.done, stopped, replaced]);
    await requests.drain();
  } finally {
    ended.abort();
    await connection.drain();
  }
}

/**
 * Tells the other owners that this one begins, and goes back to the checkpoint of another one that begins later: then that
 * one had died, and the parts of the variables must be of one state.
 */
async function followBeginnings(
  owner: ParameterOwner,
  index: number,
  connection: NatsConnection,
  config: ExchangeConfig,
  { load, note }: ServeOptions,
): Promise<never> {
  const own: Beginning = { owner: index, id: crypto.randomUUID(), step: owner.version };
  const beginnings = connection.subscribe(beginningsSubject(config));
  connection.publish(beginningsSubject(config), JSON.stringify(own));
  for await (const message of beginnings) {
    const other = message.json<Beginning>();
    if (other.id === own.id) continue;
    if (other.owner === index) {
      throw new Error(`Cannot go on as owner ${index}: another process has taken its place`);
    }
    if (other.step === owner.version || !load) continue;
    note?.(`owner ${other.owner} went back to step ${other.step}, and so does owner ${index}`);
    const { initial, counts } = await load(other.step);
    owner.restore(initial, counts);
  }
  // The connection was closed: whoever closed it knows why.
  return await new Promise<never>(() => {});
}

/** Takes requests apart and answers them. */
class OwnerServer {
  readonly #owner: ParameterOwner;
  readonly #connection: NatsConnection;
  readonly #config: ExchangeConfig;
  readonly #parts: FrameParts;
  /** Parameters of the answer whose turn it is. */
  readonly #values: Float32Array;
  /** Large answers leave one after the other, so that they do not pile up in memory. */
  #sent: Promise<void> = Promise.resolve();

  constructor(owner: ParameterOwner, connection: NatsConnection, config: ExchangeConfig) {
    this.#owner = owner;
    this.#connection = connection;
    this.#config = config;
    this.#values = floatsWithRoom(owner.count);
    this.#parts = new FrameParts(4 * owner.count + 64 * 1024, 1000 * config.lostSeconds);
  }

  async answer(message: Msg): Promise<void> {
    const respond = (bytes: Uint8Array) => void message.respond(bytes);
    try {
      await this.#perform(decodeFrame(message.data), respond);
    } catch (error) {
      // The answer was lost, not refused: whoever waits for it asks again.
      if (isUnanswered(error)) return;
      const { name, message: text } = error as Error;
      respond(encodeFrame({ error: { name, message: text } }));
    }
  }

  async #perform(
    { header, content }: ExchangeFrame,
    respond: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const owner = this.#owner;
    const id = header as unknown as WorkerId;
    const done = (answer: Record<string, unknown>) => respond(encodeFrame(answer));
    switch (header.verb) {
      case "join":
        return done({ ...await owner.join(header as unknown as Join) });
      case "credit":
        return done({ granted: await owner.credit(id) });
      case "beat":
        return done({ beat: await owner.beat(id) });
      case "leave":
        return done({ left: await owner.leave(id) });
      case "status":
        return done({ status: await owner.status() });
      case "push": {
        const values = decodeFloats(content, header.wire as Wire, Number(header.factor));
        const request = { ...header, values } as unknown as PushRequest;
        return done({ reply: await owner.push(request) });
      }
      case "pull": {
        const hasNews = await owner.hasNews(header as unknown as PullRequest);
        return this.#sendLarge(async () => {
          const { values, ...rest } = await owner.current(hasNews, this.#values);
          const { content, factor } = encodeFloats(values, header.wire as Wire);
          return encodeFrame({ ...rest, factor }, content);
        }, respond);
      }
      case "state": {
        return this.#sendLarge(async () => {
          const { variables, counts } = await owner.state();
          const { content, ...arrays } = encodeArrays(variables);
          return encodeFrame({ ...arrays, counts }, content);
        }, respond);
      }
      case "part": {
        const { id, index, count } = header as { id: string; index: number; count: number };
        const frame = this.#parts.take(id, index, count, content);
        return frame ? await this.#perform(decodeFrame(frame), respond) : done({ taken: index });
      }
      case "more": {
        const part = this.#parts.give(String(header.ticket), Number(header.index), this.#limit);
        return this.#inTurn(() => respond(encodeFrame({}, part)));
      }
      default:
        throw new RangeError(`Cannot answer "${header.verb}": it is no request to an owner`);
    }
  }

  get #limit(): number {
    return partBytes(this.#config);
  }

  /** Makes an answer when its turn comes, and sends it in parts where it is too long. */
  #sendLarge(
    encode: () => Promise<Uint8Array>,
    respond: (bytes: Uint8Array) => void,
  ): Promise<void> {
    return this.#inTurn(async () => {
      const frame = await encode();
      const limit = this.#limit;
      if (frame.length <= limit) return respond(frame);
      // The rest is asked for when others have had their turn.
      const ticket = this.#parts.keep(frame.slice());
      const parts = Math.ceil(frame.length / limit);
      const first = this.#parts.give(ticket, 0, limit);
      respond(encodeFrame({ ticket, parts }, first));
    });
  }

  /** Sends something large when what was sent before it has left. */
  #inTurn(send: () => void | Promise<void>): Promise<void> {
    const sent = this.#sent.then(async () => {
      await send();
      await this.#connection.flush();
    });
    this.#sent = sent.catch(() => {});
    return sent;
  }
}
