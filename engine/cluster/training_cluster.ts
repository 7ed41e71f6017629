/** Everything that a distributed training run consists of beside the training: a server, owners and workers, watched from one process. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  type ExchangeConfig,
  MAX_IN_FLIGHT,
  readExchangeConfig,
  writeExchangeConfig,
} from "./exchange_config.ts";
import { readOwnerStatuses } from "./nats_exchange.ts";
import { type NatsServer, type NatsServerOptions, startNatsServer } from "./nats_server.ts";
import type { OwnerStatus } from "./owner_connection.ts";
import {
  superviseWorkers,
  type SupervisionOptions,
  type WorkerProcess,
} from "./worker_processes.ts";

/** What a run is started with. */
export interface TrainingCluster {
  /** Folder for the server's files and the document that all processes read. */
  readonly folder: string;
  readonly server: Pick<NatsServerOptions, "program" | "host" | "port">;
  readonly exchange: Omit<ExchangeConfig, "servers">;
  /** Of all gradients of the network together. */
  readonly gradientBytes: number;
  /** Processes that hold parameters; they serve until the workers have ended. */
  readonly owners: readonly WorkerProcess[];
  /** The first has the chief: without it nothing would be saved, so that the run ends when it gives up. */
  readonly workers: readonly WorkerProcess[];
  readonly signal: AbortSignal;
  print(line: string): void;
  note(line: string): void;
  /** Told how the owners are, every two seconds or so; null for those that did not answer. */
  onStatus(owners: readonly (OwnerStatus | null)[]): void;
}

const LOOK_MS = 2_000;
/** A process that lived for so long and then dies is started again without being counted. */
const LONG_LIFE_MS = 30_000;
/** Time that workers have to see that the run is done, once the owners have. */
const FAREWELL_MS = 30_000;
const MAX_SERVER_STARTS = 20;

/** Path of the document that says where the processes of a run meet. */
export function exchangePath(folder: string): string {
  return join(folder, "exchange.json");
}

/** Whether owners of a run of this folder answer. */
export async function isRunning(folder: string): Promise<boolean> {
  const config = await readExchangeConfig(exchangePath(folder)).catch(() => null);
  if (config === null) return false;
  const owners = await readOwnerStatuses(config).catch(() => []);
  return owners.some((owner) => owner !== null);
}

/**
 * Runs everything until the training is done. What dies is started again: the server on its old port, an owner from the last
 * checkpoint, a worker as a late one.
 *
 * When the signal comes the workers are asked to stop first, so that the chief saves what the owners hold.
 *
 * @throws {Error} when an owner or the chief could not be kept alive. The signal's reason.
 */
export async function runTrainingCluster(cluster: TrainingCluster): Promise<void> {
  const { folder, exchange, signal, note } = cluster;
  signal.throwIfAborted();
  await using server = await keepServer(cluster);
  await writeExchangeConfig(exchangePath(folder), { ...exchange, servers: [server.url] });
  const config = await readExchangeConfig(exchangePath(folder));
  using failure = disposableController();
  using ownersStop = disposableController();
  using farewell = disposableController();
  const look = watch(config, cluster.onStatus);
  const watched = (more: Pick<SupervisionOptions, "signal" | "onGiveUp">): SupervisionOptions => ({
    ...{ print: cluster.print, note, longLifeMs: LONG_LIFE_MS },
    ...more,
  });
  const fail = (name: string) =>
    failure.abort(new Error(`Cannot go on training: ${name} gave up, its errors stand above`));
  const owners = superviseWorkers(
    cluster.owners,
    watched({ signal: ownersStop.signal, onGiveUp: fail }),
  ).then((gaveUp) => {
    if (gaveUp.length > 0) return;
    // They ended by themselves: the run is done.
    return setTimeout(FAREWELL_MS, undefined, { signal: farewell.signal })
      .then(() => farewell.abort(DONE), () => {});
  }, () => {});
  try {
    const chief = cluster.workers[0].name;
    await superviseWorkers(
      cluster.workers,
      watched({
        signal: AbortSignal.any([signal, failure.signal, farewell.signal, server.failed]),
        onGiveUp: (name) => name === chief ? fail(name) : undefined,
      }),
    );
    if (failure.signal.aborted) throw failure.signal.reason;
  } catch (error) {
    if (error !== DONE) throw error;
  } finally {
    farewell.abort(DONE);
    ownersStop.abort(DONE);
    await owners;
    await look.end();
    // Nobody meets there any more: who looks later need not wait for a server that has ended.
    await Deno.remove(exchangePath(folder)).catch(() => {});
  }
}

const DONE = new DOMException("The run is done", "AbortError");

/** Aborted when it goes out of scope, so that nobody waits for it. */
function disposableController(): AbortController & Disposable {
  const controller = new AbortController();
  return Object.assign(controller, { [Symbol.dispose]: () => controller.abort(DONE) });
}

/** A server that is started again where it died. */
async function keepServer(cluster: TrainingCluster) {
  const { folder, note, exchange, gradientBytes } = cluster;
  const options: NatsServerOptions = {
    ...cluster.server,
    ...{ folder, token: exchange.token, maxPayload: exchange.maxPayload, note },
    // To an owner, and as much again for what is being written.
    maxPending: 2 * MAX_IN_FLIGHT * Math.max(gradientBytes, exchange.maxPayload),
  };
  let server: NatsServer = await startNatsServer(options);
  const { url, port } = server;
  note(`nats-server ${server.version} on ${url}`);
  const failed = new AbortController();
  let stopping = false;
  const keep = async () => {
    for (let starts = 1; !stopping; starts++) {
      const code = await server.ended;
      if (stopping) return;
      note(`nats-server ended with exit code ${code}; it is started again`);
      try {
        if (starts >= MAX_SERVER_STARTS) throw new Error(`Cannot keep nats-server alive`);
        server = await startNatsServer({ ...options, port });
      } catch (error) {
        return failed.abort(error);
      }
    }
  };
  const kept = keep();
  return {
    url,
    failed: failed.signal,
    async [Symbol.asyncDispose]() {
      stopping = true;
      await server[Symbol.asyncDispose]();
      await kept;
    },
  };
}

/** Asks the owners how they are, again and again until `end()`, and once more then. */
function watch(
  config: ExchangeConfig,
  take: (owners: readonly (OwnerStatus | null)[]) => void,
): { end(): Promise<void> } {
  const stop = new AbortController();
  const loop = async () => {
    while (!stop.signal.aborted) {
      await setTimeout(LOOK_MS, undefined, { signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted) return;
      const owners = await readOwnerStatuses(config).catch(() => null);
      if (owners?.some((owner) => owner !== null)) take(owners);
    }
  };
  const looking = loop();
  return {
    async end() {
      stop.abort();
      await looking;
    },
  };
}
