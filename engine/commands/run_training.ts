import { join } from "node:path";
import type { Backend } from "../backends/backend.ts";
import { type BackendName, type KernelProcessMode, openBackend } from "../backends/open_backend.ts";
import { NotFoundError, UsageError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { checkCheckpointFits } from "../models/checkpoint_fit.ts";
import { loadNewest, readVariables, type RunState } from "../training/checkpoint_store.ts";
import { coordinateFiles, readCoordinateFile } from "../training/coordinate_files.ts";
import { BoxCoordinates, MixedCoordinates } from "../training/coordinate_sources.ts";
import { type CoordinateSource, CoordinateStream } from "../training/coordinate_stream.ts";
import { ExampleQueue } from "../training/example_queue.ts";
import { fixedShifts, gridShifts, shuffledByDistance } from "../training/fov_geometry.ts";
import { initialVariables } from "../training/initial_variables.ts";
import { Random } from "../training/random.ts";
import { train } from "../training/trainer.ts";
import { slotNames } from "../training/training_graphs.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { type Context, flagOf } from "./command.ts";
import { showProgress } from "./progress.ts";
import { type DataSettings, readSettings, type TrainingSettings } from "./training_settings.ts";
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
  await using opened = new AsyncDisposableStack();
  const queueOf = async (data: DataSettings, offset: number) => {
    const loader = await openLoader(data, settings, values, context, opened);
    const source = await coordinateSource(data, seed + offset);
    return opened.use(new ExampleQueue(loader, source, batchSize, seed + offset + 1));
  };
  const training = await queueOf(settings.training, 1);
  const validation = settings.validation ? await queueOf(settings.validation, 3) : undefined;
  const start = await startOf(settings, values, seed, context);
  const backend: Backend = opened.use(
    await openBackend({
      name: values.backend as BackendName,
      threads: values.threads as number | undefined,
      kernelProcess: values.kernelProcess as KernelProcessMode,
      onChoice: context.note,
      onRestart: context.note,
    }),
  );
  await writeFlags(trainDir, { ...values, seed });
  context.note(`training on ${backend.description}, seed ${seed}`);
  const shifts = movesOf(settings, new Random(seed));
  const maxSteps = settings.maxSteps;
  using progress = showProgress(context, "training");
  let lossMean: number | null = null;
  const number = (name: string, fallback: number) => Number(values[name] ?? fallback);
  const optional = (name: string) => values[name] === undefined ? undefined : Number(values[name]);
  const steps = await train(
    {
      ...settings,
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
      log: context.note,
      progress: (step, loss) => {
        lossMean = lossMean === null ? loss : 0.99 * lossMean + 0.01 * loss;
        progress.update({ fraction: step / maxSteps, counts: { steps: step } });
      },
    },
    backend,
    start.variables,
    { training, validation },
    start.state,
  );
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

/** Variables and state to begin with: those of the newest checkpoint, of the one named, or random ones. */
async function startOf(
  { model, optimizer, trainDir }: TrainingSettings,
  values: TrainValues,
  seed: number,
  context: Context,
): Promise<{ variables: Map<string, NdArray>; state: RunState | null }> {
  const newest = await loadNewest(trainDir);
  if (newest) {
    const { prefix, variables, state } = newest;
    checkCheckpointFits(model, prefix, variables);
    const missing = slotNames(model.variables[0].name, optimizer).some((n) => !variables.has(n));
    if (missing) {
      context.note(`"${prefix}" has no states of ${optimizer.name}: they begin anew`);
    }
    if (!state) context.note(`"${prefix}" has no state of a run: examples begin anew`);
    context.note(`going on with "${prefix}"`);
    return { variables, state };
  }
  if (values.initFromCheckpoint === undefined) {
    return { variables: initialVariables(model, new Random(seed)), state: null };
  }
  const prefix = String(values.initFromCheckpoint);
  const all = await readVariables(prefix);
  checkCheckpointFits(model, prefix, all);
  const own = model.variables.map(({ name }) => {
    const array = all.get(name);
    if (array) return [name, array] as const;
    throw new NotFoundError(`Cannot begin with "${prefix}": it has no variable "${name}"`);
  });
  return { variables: new Map(own), state: null };
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
