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
import { isFile } from "../volumes/checkpoint_prefix.ts";
import type { Context } from "./command.ts";
import { type ExchangeSettings, runIdentity } from "./exchange_settings.ts";
import { startOf } from "./training_start.ts";
import type { TrainValues } from "./training_config.ts";
import type { TrainingSettings } from "./training_settings.ts";

/** Serves parameters until the run is done: those of the newest checkpoint, or new ones. */
export async function runOwner(
  exchange: ExchangeSettings,
  settings: TrainingSettings,
  values: TrainValues,
  seed: number,
  context: Context,
): Promise<void> {
  const { model, optimizer, trainDir, maxSteps } = settings;
  const { index, rule } = exchange;
  const config = await readExchangeConfig(exchange.path);
  if (index >= config.owners) {
    throw new UsageError(
      `Cannot be owner ${index}: the run has ${config.owners}, --task must be below that`,
    );
  }
  const start = await startOf(settings, values, seed, context);
  // Optimizers run at the speed of memory: a GPU would only add the way to it and back.
  await using backend = await openBackend({
    name: "wasm",
    threads: values.threads as number | undefined ?? 1,
    kernelProcess: "off",
  });
  const identity = runIdentity(values);
  await using owner = await ParameterOwner.open({
    ...{ index, owners: config.owners, variables: model.variables, optimizer, backend, identity },
    ...{ rule, maxSteps, lostSeconds: config.lostSeconds, note: context.note },
    ...beginning(start),
  });
  context.note(`owner ${index} begins at step ${owner.version}`);
  await serveOwner(owner, index, config, context.signal, {
    note: context.note,
    load: async (step) => {
      const prefix = join(trainDir, `model.ckpt-${step}`);
      const isThere = await isFile(`${prefix}.index`);
      return beginning(isThere || step > 0 ? await loadCheckpoint(prefix) : start);
    },
  });
  context.print(`owner ${index}: ${owner.version} updates`);
}

/** Variables to begin with, and the updates by worker that they have seen. */
function beginning({ variables, state }: {
  readonly variables: ReadonlyMap<string, NdArray>;
  readonly state: RunState | null;
}) {
  const step = Number(variables.get("global_step")?.data[0] ?? 0);
  // A run of one process was the chief's alone.
  const counts = (state?.json as SavedState | undefined)?.counts ?? (step > 0 ? { 0: step } : {});
  return { initial: variables, counts };
}
