/** The exchange over NATS, as a worker or a launcher uses it. */
import { hostname } from "node:os";
import type { Variable } from "../models/model.ts";
import type { ExchangeConfig } from "./exchange_config.ts";
import { decodeFrame, encodeFrame, type Wire } from "./exchange_frames.ts";
import { connectToServer, isUnanswered, ownerSubject } from "./nats_connection.ts";
import { NatsOwner } from "./nats_owner.ts";
import type { OwnerStatus, RunIdentity } from "./owner_connection.ts";
import { OwnersExchange } from "./owners_exchange.ts";

export { serveOwner } from "./serve_owner.ts";

/** Who takes part. */
export interface WorkerOptions {
  /** Number of the worker; the chief is 0. */
  readonly worker: number;
  readonly identity: RunIdentity;
  /** Of the whole network, in order. */
  readonly variables: readonly Variable[];
  /** Whether gradients of several workers make one update. */
  readonly isSynchronous?: boolean;
  /** Of parameters and gradients on the wire; float32 unless given. */
  readonly wire?: Wire;
  readonly signal: AbortSignal;
  note?(line: string): void;
}

/** Signs of life in the time after which a worker counts as lost. */
const BEATS = 6;
/** Time for the answer to a question about the state of a run. */
const STATUS_MS = 2_000;

/** Joins a run; waits for owners that do not answer yet. */
export async function openNatsExchange(
  config: ExchangeConfig,
  { worker, identity, variables, isSynchronous = false, wire = "float32", signal, note }:
    WorkerOptions,
): Promise<OwnersExchange> {
  const connection = await connectToServer(config, `ffn worker ${worker}`, signal);
  const owners = Array.from({ length: config.owners }, (_, owner) =>
    new NatsOwner({
      ...{ connection, config, owner, wire, signal },
      note: (line) => note?.(line),
    }));
  try {
    const name = `${hostname()}:${Deno.pid}`;
    const beatSeconds = config.lostSeconds / BEATS;
    return await OwnersExchange.join(
      owners,
      { worker, name, identity, variables, isSynchronous, beatSeconds },
      () => connection.close(),
    );
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Asks every owner how it is; null for those that do not answer. */
export async function readOwnerStatuses(config: ExchangeConfig): Promise<(OwnerStatus | null)[]> {
  const connection = await connectToServer(config, "ffn status", AbortSignal.timeout(10_000));
  try {
    const question = encodeFrame({ verb: "status" });
    return await Promise.all(Array.from({ length: config.owners }, async (_, owner) => {
      try {
        const subject = ownerSubject(config, owner);
        const answer = await connection.request(subject, question, { timeout: STATUS_MS });
        return decodeFrame(answer.data).header.status as OwnerStatus;
      } catch (error) {
        if (isUnanswered(error)) return null;
        throw error;
      }
    }));
  } finally {
    await connection.close();
  }
}
