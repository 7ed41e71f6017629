/** The exchange over NATS: both ends of the wire. */
import type { Variable } from "../models/model.ts";
import type { GradientExchange } from "../training/gradient_exchange.ts";
import type { ExchangeConfig } from "./exchange_config.ts";
import type { OwnerStatus, RunIdentity } from "./owner_connection.ts";
import type { ParameterOwner } from "./parameter_owner.ts";

/** Who takes part. */
export interface WorkerOptions {
  /** Number of the worker; the chief is 0. */
  readonly worker: number;
  readonly identity: RunIdentity;
  /** Of the whole network, in order. */
  readonly variables: readonly Variable[];
  /** Of parameters and gradients on the wire. */
  readonly wire?: "float32" | "float16";
  readonly signal: AbortSignal;
  note?(line: string): void;
}

/**
 * Answers for `owner` as number `index` of the run until the run is done, or the signal comes.
 *
 * A process does this by `ffn train FLAGS --exchange FILE --job_name ps --task INDEX`; a worker process is
 * `ffn train FLAGS --exchange FILE --job_name worker --task RANK`, the chief has rank 0. Both end with 0 when the run is done.
 */
export declare function serveOwner(
  owner: ParameterOwner,
  index: number,
  config: ExchangeConfig,
  signal: AbortSignal,
): Promise<void>;

/** Joins a run; waits for owners that do not answer yet. */
export declare function openNatsExchange(
  config: ExchangeConfig,
  options: WorkerOptions,
): Promise<GradientExchange>;

/** Asks every owner how it is; null for those that do not answer. */
export declare function readOwnerStatuses(
  config: ExchangeConfig,
): Promise<(OwnerStatus | null)[]>;
