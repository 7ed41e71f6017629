/** A process that holds parameters of a run. */
import { join } from "node:path";
import { openBackend } from "../backends/open_backend.ts";
import { readExchangeConfig } from "../cluster/exchange_config.ts";
import { ParameterOwner } from "../cluster/parameter_owner.ts";
import { serveOwner } from "../cluster/serve_owner.ts";
import { UsageError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { loadCheckpoint, type RunState } from "../training/checkpoint_store.ts";
import type { SavedState } from "../training/example_stream.ts";
import type { OptimizerOptions } from "../training/optimizer.ts";
import { isFile } from "../volumes/checkpoint_prefix.ts";
import type { Context } from "./command.ts";
import type { ExchangeSettings } from "./exchange_settings.ts";
import type { SharedRun } from "./join_run.ts";

/** What an owner has to know of a run beside that. */
export interface OwnedRun extends SharedRun {
  readonly trainDir: string;
  readonly optimizer: OptimizerOptions;
  /** Threads of its own. */
  readonly threads?: number;
  /** By which `global_step`, and the names of checkpoints, grow with each update. */
  readonly stepsPerUpdate: number;
  /** Where the run begins, or goes on. */
  start(): Promise<Beginning>;
}

/** A checkpoint, or what a run begins with. */
interface Beginning {
  readonly variables: ReadonlyMap<string, NdArray>;
  readonly state: RunState | null;
}

/** Serves parameters until the run is done: those of the newest checkpoint, or new ones. */
export async function runOwner(
  exchange: ExchangeSettings,
  run: OwnedRun,
  context: Context,
): Promise<void> {
  const { variables, optimizer, trainDir, maxSteps, identity, stepsPerUpdate } = run;
  const { index, rule } = exchange;
  const config = await readExchangeConfig(exchange.path);
  if (index >= config.owners) {
    throw new UsageError(
      `Cannot be owner ${index}: the run has ${config.owners}, --task must be below that`,
    );
  }
  const start = await run.start();
  // Optimizers run at the speed of memory: a GPU would only add the way to it and back.
  await using backend = await openBackend({
    name: "wasm",
    threads: run.threads ?? 1,
    kernelProcess: "off",
  });
  await using owner = await ParameterOwner.open({
    ...{ index, owners: config.owners, variables, optimizer, backend, identity },
    ...{ rule, maxSteps, lostSeconds: config.lostSeconds, note: context.note },
    ...beginning(start, stepsPerUpdate),
  });
  context.note(`owner ${index} begins at step ${owner.version}`);
  await serveOwner(owner, index, config, context.signal, {
    note: context.note,
    load: async (step) => {
      const prefix = join(trainDir, `model.ckpt-${step * stepsPerUpdate}`);
      const isThere = await isFile(`${prefix}.index`);
      const from = isThere || step > 0 ? await loadCheckpoint(prefix) : start;
      return beginning(from, stepsPerUpdate);
    },
  });
  context.print(`owner ${index}: ${owner.version} updates`);
}

/** Variables to begin with, and the updates by worker that they have seen. */
function beginning({ variables, state }: Beginning, stepsPerUpdate: number) {
  const step = Number(variables.get("global_step")?.data[0] ?? 0) / stepsPerUpdate;
  // A run of one process was the chief's alone.
  const counts = (state?.json as SavedState | undefined)?.counts ?? (step > 0 ? { 0: step } : {});
  const updates: NdArray = { dtype: "int32", shape: [], data: Int32Array.of(step) };
  return { initial: new Map([...variables, ["global_step", updates]]), counts };
}
