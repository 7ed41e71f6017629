/** The training run: steps, summaries, checkpoints, and going on where a run was stopped. */
import type { Backend } from "../backends/backend.ts";
import type { SummaryValue } from "../formats/event_file.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { Model } from "../models/model.ts";
import type { CheckpointOptions, RunState } from "./checkpoint_store.ts";
import type { ExampleQueue } from "./example_queue.ts";
import { ExampleStream, type SavedState, type Streams } from "./example_stream.ts";
import { ExchangedStep, type ExchangeOptions } from "./exchanged_step.ts";
import type { ExampleSizes, FovPolicyName } from "./fov_geometry.ts";
import type { Learner } from "./learner.ts";
import type { OptimizerOptions } from "./optimizer.ts";
import { RunRecorder } from "./run_recorder.ts";
import { TrainingStep } from "./training_step.ts";

/** Everything that a run is made of. */
export interface TrainerOptions {
  readonly model: Model;
  readonly batchSize: number;
  /** Batches that examples are spread over. */
  readonly mixBatches?: number;
  /** Probability from which a voxel counts as predicted; 0.9 unless given. */
  readonly evaluationThreshold?: number;
  readonly sizes: ExampleSizes;
  readonly policy: FovPolicyName;
  /** Offsets of the policy `fixed`, in the order of this run. */
  readonly shifts: readonly Zyx[];
  readonly seedPad: number;
  /** Logit, rounded to float32. */
  readonly threshold: number;
  readonly optimizer: OptimizerOptions;
  /** Steps of the whole run, those before a resumption included. */
  readonly maxSteps: number;
  readonly summarySeconds: number;
  /** A batch of validation every so many steps. */
  readonly validationEvery: number;
  /** Drops updates whose loss or gradients are not finite, instead of giving up. */
  readonly skipNonfinite: boolean;
  /** Weight of the old value in the running mean of the variables; absent for none. */
  readonly emaDecay?: number;
  readonly checkpoints: CheckpointOptions;
  /** Where the variables are, when they are not in this process. */
  readonly exchange?: ExchangeOptions;
  /** Whether this process saves checkpoints and writes events; it does unless told otherwise. */
  readonly isChief?: boolean;
  readonly signal: AbortSignal;
  log?(line: string): void;
  progress?(step: number, loss: number): void;
  /** Told what is written to the event file. */
  summarised?(step: number, values: readonly SummaryValue[]): void;
}

/**
 * Trains until `maxSteps`, or until `signal` is aborted: then the run is saved and the signal's reason thrown.
 *
 * @param variables Where to begin: the model's variables, optimizer states, `global_step`; an exchange has its own.
 * @param resumed State that was saved with them; without it the run begins with new examples.
 * @returns steps done.
 * @throws {RangeError} when a loss is not finite; the last good checkpoint stays.
 */
export async function train(
  options: TrainerOptions,
  backend: Backend,
  variables: ReadonlyMap<string, NdArray>,
  queues: { readonly training: ExampleQueue; readonly validation?: ExampleQueue },
  resumed: RunState | null,
): Promise<number> {
  await using learner = await openLearner(options, backend, variables);
  const saved = resumed?.json as SavedState | undefined;
  const isSamePolicy = saved?.policy === options.policy;
  const run = { ...options, shifts: saved && isSamePolicy ? saved.shifts : options.shifts };
  const streams: Streams = {
    training: new ExampleStream(run, queues.training, ""),
    validation: queues.validation && new ExampleStream(run, queues.validation, "validation/"),
  };
  if (saved) await restoreStreams(streams, saved, resumed!.canvases, options, isSamePolicy);
  const { training, validation } = streams;
  using recorder = options.isChief === false ? null : await RunRecorder.open(
    { ...options, clip: options.optimizer.clip },
    learner,
    streams,
    run,
    variables,
  );
  const advice = () =>
    recorder?.advice ?? "resume the last checkpoint with a smaller --learning_rate";
  if (learner.globalStep === 0) await recorder?.save();
  let dropped = 0;
  while (learner.globalStep < options.maxSteps) {
    if (options.signal.aborted) {
      await recorder?.saveRest();
      throw options.signal.reason;
    }
    recorder?.pace.begin();
    if (validation && learner.globalStep % options.validationEvery === 0) {
      validation.loop.writeBack(await learner.predict(await validation.next()));
    }
    const batch = await training.next();
    recorder?.pace.loaded();
    const result = await learner.step(batch, async (loss, gradients) => {
      if (!Number.isFinite(loss) && !options.skipNonfinite) {
        throw new RangeError(
          `Cannot go on training at step ${learner.globalStep}: the loss must be finite, current value is ${loss} for ${training.loop.describe()}; ${advice()}`,
        );
      }
      return !options.skipNonfinite || Number.isFinite(loss) && areFinite(await gradients());
    });
    if (result.updated) {
      training.loop.writeBack(result.logits);
      dropped = 0;
    } else {
      training.loop.clear();
      dropped++;
      // Without this bound a network that has diverged would go through all data forever.
      if (dropped > 100) throw new RangeError(tooManyDropped(learner.globalStep, advice()));
    }
    await recorder?.stepped(batch, result);
    options.progress?.(learner.globalStep, result.loss);
  }
  await recorder?.finish();
  return learner.globalStep;
}

/** The network with its variables in this process, or with those of the exchange. */
function openLearner(
  { model, batchSize, optimizer, exchange }: TrainerOptions,
  backend: Backend,
  variables: ReadonlyMap<string, NdArray>,
): Promise<Learner> {
  if (exchange) return ExchangedStep.open(model, batchSize, optimizer, exchange, backend);
  const firstStep = Number(variables.get("global_step")?.data[0] ?? 0);
  return TrainingStep.open(model, batchSize, optimizer, variables, backend, firstStep);
}

async function restoreStreams(
  { training, validation }: Streams,
  saved: SavedState,
  canvases: readonly Float32Array[],
  options: TrainerOptions,
  isSamePolicy: boolean,
): Promise<void> {
  const goesOn = isSamePolicy &&
    canvases.every(({ length }) => length === volumeOf(options.sizes.seed));
  if (!goesOn) options.log?.("the moves are not those of the saved run: its examples begin anew");
  await training.restore(saved, goesOn ? canvases : []);
  if (validation && saved.validation) {
    await validation.restore(
      saved.validation,
      goesOn ? canvases.slice(saved.slots.length) : [],
    );
  }
}

function tooManyDropped(step: number, advice: string): string {
  return `Cannot go on training at step ${step}: 100 updates in a row were not finite; ${advice}`;
}

function areFinite(arrays: ReadonlyMap<string, Float32Array>): boolean {
  return [...arrays.values()].every((data) => data.every(Number.isFinite));
}
