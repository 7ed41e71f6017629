/** The connection of one process to the NATS server of its run. */
import { connect, errors, type NatsConnection } from "npm:@nats-io/transport-node@3.4.0";
import type { ExchangeConfig } from "./exchange_config.ts";

export type { Msg, NatsConnection, Subscription } from "npm:@nats-io/transport-node@3.4.0";

/** Room for the header of a message. */
const HEADER_BYTES = 4096;
/** Time for a server that is just being started. */
const CONNECT_MS = 20_000;
/** Time for a server to take or refuse a token. */
const ANSWER_MS = 5_000;

/** Subject on which an owner is asked. */
export function ownerSubject({ run }: ExchangeConfig, owner: number): string {
  return `ffn.${run}.owner.${owner}`;
}

/** Subject on which owners tell all that they begin from a checkpoint. */
export function beginningsSubject({ run }: ExchangeConfig): string {
  return `ffn.${run}.beginnings`;
}

/** Longest message, without its header, that is sent in one part. */
export function partBytes({ maxPayload }: ExchangeConfig): number {
  return maxPayload - HEADER_BYTES;
}

/**
 * Connects; the connection is taken up again for as long as the process lives.
 *
 * @throws {Error} when there is no server, it does not take the token, or not messages as long as the configuration says.
 */
export async function connectToServer(
  config: ExchangeConfig,
  name: string,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const begun = performance.now();
  for (;;) {
    signal.throwIfAborted();
    for (const server of config.servers) {
      if (await isRefused(server, config.token)) throw tokenRefused(config);
    }
    try {
      const connection = await connect({
        servers: [...config.servers],
        token: config.token,
        name,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 500,
        timeout: 5000,
      });
      const { max_payload: limit } = connection.info!;
      // Looked at now, since a connection that is being taken up again knows nothing of its server.
      if (limit >= config.maxPayload) return connection;
      await connection.close();
      throw new RangeError(
        `Cannot exchange gradients over ${config.servers}: its max_payload must be at least that of the exchange configuration, ${config.maxPayload} bytes, current value is ${limit}`,
      );
    } catch (error) {
      if (error instanceof errors.AuthorizationError) throw tokenRefused(config);
      if (!(error instanceof errors.ConnectionError || error instanceof errors.TimeoutError)) {
        throw error;
      }
      if (performance.now() - begun > CONNECT_MS) {
        throw new Error(
          `Cannot exchange gradients over ${config.servers}: ${error.message}; is nats-server running there?`,
          { cause: error },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/**
 * Whether a server refuses a token. The client library listens no longer when a refusing server resets the connection, and
 * an error that nobody hears ends the process: so the token is shown by hand first. What else may be wrong is the library's
 * to say.
 */
async function isRefused(server: string, token: string): Promise<boolean> {
  try {
    const { hostname, port } = new URL(server);
    using connection = await Deno.connect({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port),
    });
    using timer = new DisposableStack();
    timer.adopt(setTimeout(() => connection.close(), ANSWER_MS), clearTimeout);
    // Verbose, so that an answer comes without a ping, which would lie unread and reset the connection.
    const hello = { auth_token: token, verbose: true, pedantic: false, lang: "deno", version: "1" };
    await connection.write(new TextEncoder().encode(`CONNECT ${JSON.stringify(hello)}\r\n`));
    const buffer = new Uint8Array(4096);
    let text = "";
    for (;;) {
      const read = await connection.read(buffer);
      if (read === null) return false;
      text += new TextDecoder("latin1").decode(buffer.subarray(0, read));
      if (/-ERR 'Authorization Violation'/i.test(text)) return true;
      if (/^\+OK/m.test(text)) return false;
    }
  } catch {
    return false;
  }
}

function tokenRefused({ servers }: ExchangeConfig): Error {
  return new Error(
    `Cannot exchange gradients over ${servers}: the server does not take the token of the exchange configuration`,
  );
}

/**
 * Tells of every moment at which what was asked of an owner may have been lost: the connection broke; it was taken up again,
 * which forgets what was sent in between; the owner died and another process begins in its place. Ends with the connection.
 */
export async function onLoss(
  connection: NatsConnection,
  config: ExchangeConfig,
  owner: number,
  lose: (error: Error) => void,
): Promise<void> {
  connection.subscribe(beginningsSubject(config), {
    callback(error, message) {
      if (error || message.json<{ owner: number }>().owner !== owner) return;
      lose(new errors.RequestError(`owner ${owner} began again`));
    },
  });
  for await (const { type } of connection.status()) {
    if (type !== "disconnect" && type !== "reconnect") continue;
    lose(new errors.RequestError("the connection to the server was interrupted"));
  }
}

/** Whether nobody answered a request, or not in time, or the answer cannot come any more. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof errors.TimeoutError || error instanceof errors.NoRespondersError ||
    error instanceof errors.RequestError;
}
