/**
 * One owner of parameters as `ffn train` runs it, for the load generator: `load_owner.ts CONFIG INDEX DELAY_MS`. It ends with
 * its standard input. `DELAY_MS` is how much longer than it needs an update takes.
 */
import type { Backend } from "../../engine/backends/backend.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { readExchangeConfig } from "../../engine/cluster/exchange_config.ts";
import { serveOwner } from "../../engine/cluster/nats_exchange.ts";
import { ParameterOwner } from "../../engine/cluster/parameter_owner.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { IDENTITY, LOAD_MODEL } from "./load_model.ts";

/** Every program takes so much longer, and nothing else goes on in the meantime. */
function slowed(backend: Backend, delayMs: number): Backend {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  return new Proxy(backend, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (name === "run" && delayMs > 0) Atomics.wait(clock, 0, 0, delayMs);
        return value.apply(target, args);
      };
    },
  });
}

const [path, index, delayMs] = Deno.args;
const config = await readExchangeConfig(path);
const stop = new AbortController();
const listen = async () => {
  for await (const _ of Deno.stdin.readable);
  stop.abort();
};
listen();
await using backend = await openWasmBackend({ threads: 1 });
const { variables } = LOAD_MODEL;
const owner = await ParameterOwner.open({
  ...{ index: Number(index), owners: config.owners, variables, identity: IDENTITY, rule: {} },
  ...{ optimizer: { ...DEFAULT_OPTIMIZER, name: "adam" }, maxSteps: Number.MAX_SAFE_INTEGER },
  initial: initialVariables(LOAD_MODEL, new Random(1)),
  backend: slowed(backend, Number(delayMs)),
  lostSeconds: config.lostSeconds,
});
await serveOwner(owner, Number(index), config, stop.signal).catch((error) => {
  if (!stop.signal.aborted) throw error;
});
Deno.exit(0);
