/** A worker's part in a run of several processes. */
import { setTimeout } from "node:timers/promises";
import { readExchangeConfig } from "../cluster/exchange_config.ts";
import { openNatsExchange } from "../cluster/nats_exchange.ts";
import { SupersededError } from "../cluster/owner_connection.ts";
import type { ExchangeOptions } from "../training/exchanged_step.ts";
import type { Context } from "./command.ts";
import type { RunIdentity } from "../cluster/owner_connection.ts";
import type { Variable } from "../models/model.ts";
import type { ExchangeSettings } from "./exchange_settings.ts";

/** A run that was joined. */
export interface JoinedRun extends ExchangeOptions, AsyncDisposable {
  /** Updates of the run when this worker was let in. */
  readonly step: number;
  /**
   * Trains and tells the owners at the end, however it comes.
   *
   * @returns null where a newer copy of this worker has taken over.
   */
  takingPart(train: () => Promise<number>): Promise<number | null>;
}

/** What a worker has to know of a run. */
export interface SharedRun {
  /** Of everything that is trained, in order. */
  readonly variables: readonly Variable[];
  /** Updates of the whole run. */
  readonly maxSteps: number;
  readonly identity: RunIdentity;
}

/** Time to save what the owners hold, after a signal to stop. */
const FAREWELL_MS = 10_000;
const LEAVE_MS = 3_000;
const UNREF = { ref: false };
/** Between two looks at the number of updates, before it is this worker's turn to begin. */
const POLL_MS = 5_000;

/** Joins, and waits until enough updates were made for this worker to begin. */
export async function joinRun(
  settings: ExchangeSettings,
  { variables, maxSteps, identity }: SharedRun,
  { signal, note }: Context,
): Promise<JoinedRun> {
  const { index, path, prefetch, rule, startStep, wire } = settings;
  const config = await readExchangeConfig(path);
  const stop = new AbortController();
  const onSignal = async () => {
    await setTimeout(FAREWELL_MS, undefined, UNREF);
    stop.abort(signal.reason);
  };
  signal.addEventListener("abort", onSignal);
  const exchange = await openNatsExchange(config, {
    ...{ worker: index, identity, variables, wire, note },
    isSynchronous: rule.replicas !== undefined,
    signal: stop.signal,
  });
  let step = (await exchange.pull()).globalStep;
  if (step < startStep) note(`worker ${index} begins at step ${startStep}`);
  while (step < Math.min(startStep, maxSteps)) {
    await setTimeout(POLL_MS, undefined, { signal }).catch(() => {});
    signal.throwIfAborted();
    step = (await exchange.pull()).globalStep;
  }
  return {
    ...{ exchange, prefetch, step },
    async takingPart(train) {
      // Others need not wait for this worker, which does not wait for owners that are gone.
      const leave = () =>
        Promise.race([exchange.leave().catch(() => {}), setTimeout(LEAVE_MS, undefined, UNREF)]);
      try {
        const steps = await train();
        await leave();
        return steps;
      } catch (error) {
        if (error instanceof SupersededError) {
          note(error.message);
          return null;
        }
        await leave();
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      signal.removeEventListener("abort", onSignal);
      await exchange[Symbol.asyncDispose]();
    },
  };
}
