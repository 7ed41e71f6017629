/** Owners and workers of a small network, in this process or over a real nats-server. */
import type { Backend } from "../../engine/backends/backend.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import type { ExchangeConfig } from "../../engine/cluster/exchange_config.ts";
import type { Wire } from "../../engine/cluster/exchange_frames.ts";
import { openNatsExchange } from "../../engine/cluster/nats_exchange.ts";
import {
  findNatsServer,
  type NatsServer,
  randomToken,
  startNatsServer,
} from "../../engine/cluster/nats_server.ts";
import type { OwnerConnection, RunIdentity } from "../../engine/cluster/owner_connection.ts";
import { OwnersExchange } from "../../engine/cluster/owners_exchange.ts";
import { ParameterOwner, type UpdateRule } from "../../engine/cluster/parameter_owner.ts";
import { serveOwner } from "../../engine/cluster/serve_owner.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import type { Model } from "../../engine/models/model.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { DEFAULT_OPTIMIZER, type OptimizerOptions } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { smallModel } from "./small_networks.ts";
import { temporaryFolder } from "./temporary_folder.ts";

export const MODEL: Model = smallModel([7, 7, 7], [2, 2, 2], 2, 4);
export const IDENTITY: RunIdentity = { "--learning-rate": "0.001" };

/** What a test sets of a run. */
export interface RunSetup {
  readonly owners?: number;
  readonly optimizer?: Partial<OptimizerOptions>;
  readonly rule?: UpdateRule;
  readonly maxSteps?: number;
  readonly lostSeconds?: number;
  readonly maxPayload?: number;
  readonly wire?: Wire;
  readonly model?: Model;
  readonly counts?: Record<string, number>;
}

/** A run that workers can join. */
export interface ExchangeRun extends AsyncDisposable {
  readonly owners: readonly ParameterOwner[];
  readonly initial: ReadonlyMap<string, NdArray>;
  readonly optimizer: OptimizerOptions;
  readonly notes: string[];
  /** Where it is, over NATS. */
  readonly config?: ExchangeConfig;
  /** Ends its server, and starts it again at once. */
  restartServer?(): Promise<void>;
  join(worker: number, identity?: RunIdentity): Promise<OwnersExchange>;
}

/** Places in which the same things must hold. */
export const PLACES: Readonly<
  Record<string, { needs: "nats"[]; open(setup?: RunSetup): Promise<ExchangeRun> }>
> = {
  "in one process": { needs: [], open: (setup = {}) => openRun(setup, false) },
  "over NATS": { needs: ["nats"], open: (setup = {}) => openRun(setup, true) },
};

export async function openRun(setup: RunSetup, overNats: boolean): Promise<ExchangeRun> {
  const stack = new AsyncDisposableStack();
  const model = setup.model ?? MODEL;
  const { owners: count = 1, rule = {}, maxSteps = 1000, lostSeconds = 30 } = setup;
  const optimizer = { ...DEFAULT_OPTIMIZER, ...setup.optimizer };
  const initial = initialVariables(model, new Random(4));
  const notes: string[] = [];
  const note = (line: string) => void notes.push(line);
  const { variables } = model;
  const isSynchronous = rule.replicas !== undefined;
  const server = overNats ? await startServer(setup, stack, note) : null;
  const backend: Backend = stack.use(await openWasmBackend({ threads: 1 }));
  const owners: ParameterOwner[] = [];
  for (let index = 0; index < count; index++) {
    const options = {
      ...{ index, owners: count, variables, optimizer, initial, backend, identity: IDENTITY },
      ...{ rule, maxSteps, lostSeconds, note, counts: setup.counts },
    };
    owners.push(stack.use(await ParameterOwner.open(options)));
  }
  const stop = new AbortController();
  let config: ExchangeConfig | undefined;
  if (server) {
    config = server.config;
    const load = () => Promise.resolve({ initial, counts: setup.counts ?? {} });
    const served = owners.map((owner, i) =>
      serveOwner(owner, i, server.config, stop.signal, { load, note }).catch((error) => {
        if (error !== stop.signal.reason) note(error.message);
      })
    );
    stack.defer(async () => {
      stop.abort();
      await Promise.all(served);
    });
  }
  return {
    ...{ owners, initial, optimizer, notes, config, restartServer: server?.restart },
    async join(worker, identity = IDENTITY) {
      const options = { worker, identity, variables, isSynchronous };
      if (config) {
        return stack.use(
          await openNatsExchange(config, {
            ...options,
            wire: setup.wire,
            signal: stop.signal,
            note,
          }),
        );
      }
      const connections: OwnerConnection[] = owners;
      const exchange = { ...options, name: `here:${worker}`, beatSeconds: lostSeconds / 6 };
      return stack.use(await OwnersExchange.join(connections, exchange));
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function startServer(
  setup: RunSetup,
  stack: AsyncDisposableStack,
  note: (line: string) => void,
): Promise<{ config: ExchangeConfig; restart(): Promise<void> }> {
  const folder = stack.use(await temporaryFolder());
  const token = randomToken();
  const { maxPayload = 2 ** 20, lostSeconds = 30, owners = 1 } = setup;
  const options = {
    program: await findNatsServer(),
    ...{ host: "127.0.0.1", token, maxPayload, maxPending: 2 ** 27, folder: folder.path, note },
  };
  let server: NatsServer = await startNatsServer(options);
  stack.defer(() => server[Symbol.asyncDispose]());
  const { url, port } = server;
  return {
    config: { run: "test", servers: [url], token, owners, maxPayload, lostSeconds },
    async restart() {
      await server[Symbol.asyncDispose]();
      server = await startNatsServer({ ...options, port });
    },
  };
}
