/** The training run: steps, summaries, checkpoints, and going on where a run was stopped. */
import type { SummaryValue } from "../formats/event_file.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Backend } from "../backends/backend.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { Model } from "../models/model.ts";
import { type CheckpointOptions, CheckpointStore, type RunState } from "./checkpoint_store.ts";
import { EvalTracker, type TrackerTotals } from "./eval_tracker.ts";
import { EventWriter, histograms } from "./event_writer.ts";
import type { Example } from "./example_loader.ts";
import type { ExampleQueue, QueueState } from "./example_queue.ts";
import type { ExampleSizes, FovPolicyName } from "./fov_geometry.ts";
import { FovLoop, type SlotState } from "./fov_loop.ts";
import type { OptimizerOptions } from "./optimizer.ts";
import { Pace } from "./pace.ts";
import { type Batch, TrainingStep } from "./training_step.ts";

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
  readonly signal: AbortSignal;
  log?(line: string): void;
  progress?(step: number, loss: number): void;
}

/** What is saved of a run beside its variables. */
interface SavedState {
  readonly queue: QueueState;
  readonly slots: readonly Omit<SlotState, "canvas">[];
  readonly totals: TrackerTotals;
  readonly shifts: readonly Zyx[];
  readonly policy: FovPolicyName;
  readonly validation?: Pick<SavedState, "queue" | "slots" | "totals">;
}

/** Examples with the slots that move over them and the tracker that sees the results. */
class Stream {
  readonly queue: ExampleQueue;
  readonly loop: FovLoop;
  readonly tracker: EvalTracker;

  constructor(options: TrainerOptions, queue: ExampleQueue, prefix: string) {
    this.queue = queue;
    this.tracker = new EvalTracker(options.sizes, prefix, options.evaluationThreshold);
    this.loop = new FovLoop(options, {
      next: () => queue.next(),
      load: (draw) => queue.loader.load(draw),
      finished: ({ labels, weights }: Example, canvas: Float32Array) =>
        this.tracker.add(labels, canvas, weights),
      moved: (move) => this.tracker.move(move),
    });
  }

  async next(): Promise<Batch> {
    const batch = await this.loop.next();
    this.tracker.fieldsOfView(batch.weights);
    return batch;
  }

  state(): { json: Pick<SavedState, "queue" | "slots" | "totals">; canvases: Float32Array[] } {
    const slots = this.loop.state();
    return {
      json: {
        queue: this.queue.state(),
        slots: slots.map(({ index, draw, policy }) => ({ index, draw, policy })),
        totals: this.tracker.totals,
      },
      canvases: slots.map(({ canvas }) => canvas),
    };
  }

  async restore(
    { queue, slots, totals }: Pick<SavedState, "queue" | "slots" | "totals">,
    canvases: readonly Float32Array[],
  ): Promise<void> {
    this.queue.restore(queue);
    this.tracker.restore(totals);
    const slotsThere = canvases.length === 0 ? [] : slots;
    await this.loop.restore(slotsThere.map((slot, i) => ({ ...slot, canvas: canvases[i] })));
  }
}

/**
 * Trains until `maxSteps`, or until `signal` is aborted: then the run is saved and the signal's reason thrown.
 *
 * @param variables Where to begin: the model's variables, optimizer states, `global_step`.
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
  const { model, batchSize, optimizer, checkpoints } = options;
  const firstStep = Number(variables.get("global_step")?.data[0] ?? 0);
  await using step = await TrainingStep.open(
    ...[model, batchSize, optimizer, variables, backend, firstStep] as const,
  );
  const saved = resumed?.json as SavedState | undefined;
  const isSamePolicy = saved?.policy === options.policy;
  const run = { ...options, shifts: saved && isSamePolicy ? saved.shifts : options.shifts };
  const training = new Stream(run, queues.training, "");
  const validation = queues.validation && new Stream(run, queues.validation, "validation/");
  if (saved) {
    const canvases = resumed!.canvases;
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
  using events = await EventWriter.open(checkpoints.folder);
  await events.write({ step: firstStep, sessionLog: { status: "start" } });
  const store = await CheckpointStore.open(checkpoints, firstStep);
  let ema = options.emaDecay === undefined ? null : emaOf(variables);
  let lastBatch: Batch | null = null;
  const advice = () =>
    `the last checkpoint${
      store.newest ? ` "${store.newest}"` : ""
    } is good, resume it with a smaller --learning_rate`;
  const save = async () => {
    // A bad update shows in the next loss only: without this look ahead it would be saved before.
    if (lastBatch && !(await step.predict(lastBatch)).every(Number.isFinite)) {
      throw new RangeError(
        `Cannot save step ${step.globalStep}: the network no longer gives finite values, for ${training.loop.describe()}; ${advice()}`,
      );
    }
    const states = [training.state(), ...validation ? [validation.state()] : []];
    const json: SavedState = {
      ...states[0].json,
      shifts: run.shifts,
      policy: run.policy,
      validation: states[1]?.json,
    };
    const canvases = states.flatMap((state) => state.canvases);
    const all = await step.variables();
    // Shaders may take NaN for 0 in a ReLU, so that a network with such variables still gives finite values.
    const bad = [...all].find(([, { data }]) => !(data as Float32Array).every(Number.isFinite));
    if (bad) {
      throw new RangeError(
        `Cannot save step ${step.globalStep}: every value of "${bad[0]}" must be finite; ${
          store.newest ? advice() : "begin with another checkpoint"
        }`,
      );
    }
    for (const [name, data] of ema ?? []) {
      all.set(`${name}/ExponentialMovingAverage`, { ...all.get(name)!, data });
    }
    const prefix = await store.save(step.globalStep, all, { json, canvases });
    const sessionLog = { status: "checkpoint", checkpointPath: prefix } as const;
    await events.write({ step: step.globalStep, sessionLog });
    options.log?.(`saved ${prefix}`);
  };
  if (firstStep === 0) await save();
  const pace = new Pace();
  let dropped = 0;
  while (step.globalStep < options.maxSteps) {
    if (options.signal.aborted) {
      if (store.lastStep !== step.globalStep) await save();
      throw options.signal.reason;
    }
    pace.begin();
    if (validation && step.globalStep % options.validationEvery === 0) {
      validation.loop.writeBack(await step.predict(await validation.next()));
    }
    const batch = await training.next();
    pace.loaded();
    const { loss, logits, updated, learningRate } = await step.step(
      batch,
      async (loss, gradients) => {
        if (!Number.isFinite(loss) && !options.skipNonfinite) {
          throw new RangeError(
            `Cannot go on training at step ${step.globalStep}: the loss must be finite, current value is ${loss} for ${training.loop.describe()}; ${advice()}`,
          );
        }
        return !options.skipNonfinite || Number.isFinite(loss) && areFinite(await gradients());
      },
    );
    lastBatch = batch;
    if (updated) training.loop.writeBack(logits);
    else {
      training.loop.clear();
      dropped++;
      // Without this bound a network that has diverged would go through all data forever.
      if (dropped > 100) throw new RangeError(tooManyDropped(step.globalStep, advice()));
    }
    if (updated) dropped = 0;
    if (ema) ema = await advanced(ema, options.emaDecay!, step);
    pace.stepped(loss);
    options.progress?.(step.globalStep, loss);
    const rate = pace.stepsPerSecond(step.globalStep);
    if (rate !== null) {
      await events.write({
        step: step.globalStep,
        summary: [{ tag: "global_step/sec", scalar: rate }],
      });
    }
    if (pace.seconds >= options.summarySeconds || step.globalStep >= options.maxSteps) {
      const summary: SummaryValue[] = [
        { tag: "pixel_loss", scalar: loss },
        { tag: "optimizer_loss", scalar: loss },
        { tag: "learning_rate", scalar: learningRate },
        { tag: "skipped_coordinates", scalar: queues.training.skipped },
        ...pace.summaries(),
        ...histograms(await networkVariables(step), ""),
        ...histograms(await step.gradients(), "gradients/", optimizer.clip),
        ...training.tracker.summaries(),
        ...validation?.tracker.summaries() ?? [],
      ];
      await events.write({ step: step.globalStep, summary });
      logScalars(options, step.globalStep, training.tracker, validation?.tracker);
      training.tracker.reset();
      validation?.tracker.reset();
    }
    if (store.isDue(step.globalStep)) await save();
  }
  if (store.lastStep !== step.globalStep) await save();
  await events.write({ step: step.globalStep, sessionLog: { status: "stop" } });
  return step.globalStep;
}

function tooManyDropped(step: number, advice: string): string {
  return `Cannot go on training at step ${step}: 100 updates in a row were not finite; ${advice}`;
}

function areFinite(arrays: ReadonlyMap<string, Float32Array>): boolean {
  return [...arrays.values()].every((data) => data.every(Number.isFinite));
}

async function networkVariables(step: TrainingStep): Promise<Map<string, Float32Array>> {
  const all = await step.variables();
  return new Map(
    step.model.variables.map(({ name }) => [name, all.get(name)!.data as Float32Array]),
  );
}

/** Running means that a checkpoint holds, or none yet. */
function emaOf(variables: ReadonlyMap<string, NdArray>): Map<string, Float32Array> {
  const suffix = "/ExponentialMovingAverage";
  return new Map(
    [...variables].filter(([name]) => name.endsWith(suffix)).map(([name, { data }]) => [
      name.slice(0, -suffix.length),
      data as Float32Array,
    ]),
  );
}

/** The first mean is the variable itself. */
async function advanced(
  ema: ReadonlyMap<string, Float32Array>,
  decay: number,
  step: TrainingStep,
): Promise<Map<string, Float32Array>> {
  const current = await networkVariables(step);
  return new Map([...current].map(([name, data]) => {
    const old = ema.get(name);
    return [name, old ? data.map((v, i) => decay * old[i] + (1 - decay) * v) : data];
  }));
}

/** One line with the scores that tell how training goes; all others are in the event file. */
function logScalars(
  options: TrainerOptions,
  step: number,
  ...trackers: (EvalTracker | undefined)[]
) {
  const parts = trackers.flatMap((tracker) => {
    const scores = [...tracker?.scalars() ?? []].flatMap(([tag, value]) => {
      const name = /(?:^|\/)(?:eval|moves\/all)\/(patch_loss|precision|recall|f1|correct)$/.exec(
        tag,
      );
      return name
        ? [`${name[1] === "correct" ? "moves correct" : name[1]} ${value.toFixed(3)}`]
        : [];
    });
    return scores.length > 0 ? [scores.join(", ")] : [];
  });
  if (parts.length > 0) options.log?.(`step ${step}: ${parts.join("; validation: ")}`);
}
