/** The connection of one process to the NATS server of its run. */
import { connect, errors, type NatsConnection } from "npm:@nats-io/transport-node@3.4.0";
import { type ExchangeConfig, MIN_PAYLOAD } from "./exchange_config.ts";

export type { Msg, NatsConnection, Subscription } from "npm:@nats-io/transport-node@3.4.0";

/** Room for the header of a message. */
const HEADER_BYTES = 4096;
/** Time for a server that is just being started. */
const CONNECT_MS = 20_000;

/** Subject on which an owner is asked. */
export function ownerSubject({ run }: ExchangeConfig, owner: number): string {
  return `ffn.${run}.owner.${owner}`;
}

/** Subject on which owners tell each other that they begin from a checkpoint. */
export function beginningsSubject({ run }: ExchangeConfig): string {
  return `ffn.${run}.beginnings`;
}

/** Longest message, with its header, that is sent in one part. */
export function partBytes(connection: NatsConnection, { maxPayload }: ExchangeConfig): number {
  return Math.min(maxPayload, connection.info!.max_payload) - HEADER_BYTES;
}

/**
 * Connects; the connection is taken up again for as long as the process lives.
 *
 * @throws {Error} when there is no server, it does not take the token, or it takes short messages only.
 */
export async function connectToServer(
  config: ExchangeConfig,
  name: string,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const begun = performance.now();
  for (;;) {
    signal.throwIfAborted();
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
      if (limit >= MIN_PAYLOAD) return connection;
      await connection.close();
      throw new RangeError(
        `Cannot exchange gradients over ${config.servers}: its max_payload must be at least ${MIN_PAYLOAD} bytes, current value is ${limit}`,
      );
    } catch (error) {
      if (error instanceof errors.AuthorizationError) {
        throw new Error(
          `Cannot exchange gradients over ${config.servers}: the server does not take the token of the exchange configuration`,
          { cause: error },
        );
      }
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

/** Whether nobody answered a request, or not in time. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof errors.TimeoutError || error instanceof errors.NoRespondersError ||
    error instanceof errors.RequestError;
}
