import { join } from "node:path";
import type { Backend } from "../backends/backend.ts";
import { type BackendName, type KernelProcessMode, openBackend } from "../backends/open_backend.ts";
import { UsageError } from "../errors/errors.ts";
import { coordinateFiles, readCoordinateFile } from "../training/coordinate_files.ts";
import { BoxCoordinates, MixedCoordinates } from "../training/coordinate_sources.ts";
import { type CoordinateSource, CoordinateStream } from "../training/coordinate_stream.ts";
import type { ExampleLoader } from "../training/example_loader.ts";
import { ExampleQueue } from "../training/example_queue.ts";
import { fixedShifts, gridShifts, shuffledByDistance } from "../training/fov_geometry.ts";
import { Random } from "../training/random.ts";
import { train } from "../training/trainer.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { type Context, flagOf } from "./command.ts";
import { exchangeSettings, replacedFlags, runIdentity } from "./exchange_settings.ts";
import { joinRun } from "./join_run.ts";
import { LiveTraining } from "./live_training.ts";
import { showProgress } from "./progress.ts";
import { runOwner } from "./run_owner.ts";
import { startLive } from "./start_live.ts";
import { type DataSettings, readSettings, type TrainingSettings } from "./training_settings.ts";
import { startOf } from "./training_start.ts";
import { type TrainValues, withConfig } from "./training_config.ts";
import { openLoader } from "./training_volumes.ts";

/** Runs `ffn train`: checks everything, then begins a run or goes on with the one in `train_dir`. */
export async function runTraining(given: TrainValues, context: Context): Promise<void> {
  const values = await withConfig(given);
  const settings = readSettings(values);
  const { batchSize, trainDir } = settings;
  if (values.numEpochsPerDecay !== undefined) {
    context.note("--num-epochs-per-decay has no effect; use --decay-steps");
  }
  const seed = Number(values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]);
  const exchange = exchangeSettings(values);
  if (exchange) { for (const line of replacedFlags(values)) context.note(line); }
  const sharedRun = {
    ...{ variables: settings.model.variables, optimizer: settings.optimizer, trainDir },
    ...{ maxSteps: settings.maxSteps, identity: runIdentity(values), stepsPerUpdate: 1 },
    threads: values.threads as number | undefined,
    start: () => startOf(settings, values, seed, context),
  };
  if (exchange?.isOwner) return await runOwner(exchange, sharedRun, context);
  // Of several processes one saves, summarises and validates.
  const isChief = !exchange || exchange.index === 0;
  await using opened = new AsyncDisposableStack();
  const live = values.live === undefined || !isChief
    ? null
    : new LiveTraining(`Training ${trainDir}`, settings.maxSteps);
  if (live) opened.use(startLive(Number(values.live), live, context));
  const loaderOf = (data: DataSettings) => openLoader(data, settings, values, context, opened);
  const loader = await loaderOf(settings.training);
  const validationLoader = settings.validation && isChief
    ? await loaderOf(settings.validation)
    : null;
  const shared = exchange && opened.use(await joinRun(exchange, sharedRun, context));
  // Each worker, and a later copy of one, sees the examples in an order of its own.
  const examplesSeed = isChief ? seed : seed + 1_000_003 * exchange!.index + shared!.step;
  const queueOf = async (data: DataSettings, loader: ExampleLoader, offset: number) => {
    const source = await coordinateSource(data, examplesSeed + offset);
    return opened.use(new ExampleQueue(loader, source, batchSize, examplesSeed + offset + 1));
  };
  const training = await queueOf(settings.training, loader, 1);
  const validation = validationLoader
    ? await queueOf(settings.validation!, validationLoader, 3)
    : undefined;
  const start = isChief
    ? await startOf(settings, values, seed, context)
    : { variables: new Map(), state: null };
  const backend: Backend = opened.use(
    await openBackend({
      name: values.backend as BackendName,
      threads: values.threads as number | undefined,
      kernelProcess: values.kernelProcess as KernelProcessMode,
      onChoice: context.note,
      onRestart: context.note,
    }),
  );
  if (isChief) await writeFlags(trainDir, { ...values, seed });
  context.note(`training on ${backend.description}, seed ${seed}`);
  live?.say(`Training on ${backend.description}`);
  const shifts = movesOf(settings, new Random(seed));
  const maxSteps = settings.maxSteps;
  using progress = showProgress(context, "training");
  let lossMean: number | null = null;
  const number = (name: string, fallback: number) => Number(values[name] ?? fallback);
  const optional = (name: string) => values[name] === undefined ? undefined : Number(values[name]);
  const run = () =>
    train(
      {
        ...settings,
        isChief,
        exchange: shared ?? undefined,
        shifts,
        summarySeconds: number("summaryRateSecs", 120),
        validationEvery: number("validationEvery", 1),
        skipNonfinite: values.skipNonfiniteUpdates === true,
        emaDecay: optional("emaDecay"),
        checkpoints: {
          folder: trainDir,
          everySeconds: number("checkpointEverySecs", 300),
          everySteps: optional("checkpointEverySteps"),
          maxToKeep: number("maxCheckpointsToKeep", 5),
          keepEveryHours: number("keepCheckpointEveryHours", 0.25),
          touchMeta: values.touchMeta === true,
        },
        signal: context.signal,
        log: (line) => {
          context.note(line);
          live?.log(line);
        },
        summarised: (step, summary) => live?.summarised(step, summary),
        progress: (step, loss) => {
          live?.stepped(step, loss);
          lossMean = lossMean === null ? loss : 0.99 * lossMean + 0.01 * loss;
          progress.update({ fraction: step / maxSteps, counts: { steps: step } });
        },
      },
      backend,
      start.variables,
      { training, validation },
      start.state,
    );
  const steps = shared ? await shared.takingPart(run) : await run();
  if (steps === null) return;
  const mean = lossMean === null ? "" : `, mean loss ${(lossMean as number).toFixed(4)}`;
  context.print(`${steps} steps in ${trainDir}${mean}`);
  if (training.skipped > 0) {
    context.note(`${training.skipped} coordinates were left out: their patch leaves the volume`);
  }
}

/** Offsets of the policies `fixed…`; those of newer upstream go several moves far, the nearest first. */
function movesOf({ model, policy, fovMoves, shuffleMoves }: TrainingSettings, random: Random) {
  if (policy.startsWith("fixed_offsets")) {
    const shifts = gridShifts(model.deltas, fovMoves);
    return shuffleMoves ? shuffledByDistance(shifts, random) : shifts;
  }
  const shifts = fixedShifts(model.deltas);
  return shuffleMoves ? random.shuffle(shifts) : shifts;
}

/** Coordinates of all patterns, mixed by their weights, or of boxes. */
async function coordinateSource(
  { coordinates, weights }: DataSettings,
  seed: number,
): Promise<CoordinateSource> {
  if (typeof coordinates !== "string") return new BoxCoordinates(coordinates, seed);
  const patterns = await coordinateFiles(coordinates);
  if (weights && weights.length !== patterns.length) {
    throw new UsageError(
      `Cannot use --train-coords-weights: there must be one for each of the ${patterns.length} patterns of --train-coords, current number is ${weights.length}`,
    );
  }
  const sources = patterns.map((files, i) => ({
    source: new CoordinateStream(files, readCoordinateFile, seed + 1000 * i),
    weight: weights?.[i] ?? 1,
  }));
  return new MixedCoordinates(sources, seed);
}

/** `--name=value` lines, so that a run can be repeated. */
async function writeFlags(folder: string, values: TrainValues): Promise<void> {
  const lines = Object.entries(values).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    const flag = flagOf(name).replaceAll("-", "_").replace("__", "--");
    return [value === true ? flag : `${flag}=${value}`];
  });
  const path = join(folder, `flags.${Math.floor(Date.now() / 1000)}`);
  await writeFileAtomically(path, new TextEncoder().encode(`${lines.join("\n")}\n`));
}
