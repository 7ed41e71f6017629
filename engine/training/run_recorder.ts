/** What a run leaves in its folder: checkpoints and events. In a run of several workers the chief does this. */
import type { SummaryValue } from "../formats/event_file.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { type CheckpointOptions, CheckpointStore } from "./checkpoint_store.ts";
import type { EvalTracker } from "./eval_tracker.ts";
import { EventWriter, histograms } from "./event_writer.ts";
import { runState, type SavedState, type Streams } from "./example_stream.ts";
import type { Batch } from "./gradient_pass.ts";
import type { Learner, StepResult } from "./learner.ts";
import { Pace } from "./pace.ts";
import { RunningMeans } from "./running_means.ts";

/** What is recorded, and how often. */
export interface RecorderOptions {
  readonly checkpoints: CheckpointOptions;
  readonly summarySeconds: number;
  readonly maxSteps: number;
  /** Entries of gradients are shown clipped to this. */
  readonly clip: number;
  /** Weight of the old value in the running mean of the variables; absent for none. */
  readonly emaDecay?: number;
  log?(line: string): void;
  /** Told what is written to the event file. */
  summarised?(step: number, values: readonly SummaryValue[]): void;
}

/** Records one run. */
export class RunRecorder implements Disposable {
  readonly pace: Pace;
  readonly #options: RecorderOptions;
  readonly #learner: Learner;
  readonly #streams: Streams;
  readonly #moves: Pick<SavedState, "shifts" | "policy">;
  readonly #store: CheckpointStore;
  readonly #events: EventWriter;
  readonly #means: RunningMeans | null;
  #lastStep: number;
  #lastBatch: Batch | null = null;

  private constructor(
    options: RecorderOptions,
    learner: Learner,
    streams: Streams,
    moves: Pick<SavedState, "shifts" | "policy">,
    initial: ReadonlyMap<string, NdArray>,
    store: CheckpointStore,
    events: EventWriter,
  ) {
    this.#options = options;
    this.#learner = learner;
    this.#streams = streams;
    this.#moves = moves;
    this.#store = store;
    this.#events = events;
    this.#means = options.emaDecay === undefined
      ? null
      : new RunningMeans(options.emaDecay, initial);
    this.#lastStep = learner.globalStep;
    this.pace = new Pace(learner.globalStep);
  }

  /** @param initial Variables that the run began with, for running means among them. */
  static async open(
    options: RecorderOptions,
    learner: Learner,
    streams: Streams,
    moves: Pick<SavedState, "shifts" | "policy">,
    initial: ReadonlyMap<string, NdArray>,
  ): Promise<RunRecorder> {
    const events = await EventWriter.open(options.checkpoints.folder);
    await events.write({ step: learner.globalStep, sessionLog: { status: "start" } });
    const store = await CheckpointStore.open(options.checkpoints, learner.globalStep);
    return new RunRecorder(options, learner, streams, moves, initial, store, events);
  }

  /** What to do where numbers are no longer finite. */
  get advice(): string {
    const { newest } = this.#store;
    return `the last checkpoint${
      newest ? ` "${newest}"` : ""
    } is good, resume it with a smaller --learning_rate`;
  }

  /** Notes a step; writes summaries and a checkpoint where it is time. */
  async stepped(batch: Batch, { loss, learningRate }: StepResult): Promise<void> {
    const learner = this.#learner;
    this.#lastBatch = batch;
    this.#means?.advance(await learner.weights());
    this.pace.stepped(loss);
    const step = learner.globalStep;
    // Owners of the variables went back to a checkpoint: what was written about later steps does not count.
    if (step < this.#lastStep) await this.#events.write({ step, sessionLog: { status: "start" } });
    this.#lastStep = step;
    const rate = this.pace.stepsPerSecond(step);
    if (rate !== null) {
      await this.#events.write({ step, summary: [{ tag: "global_step/sec", scalar: rate }] });
    }
    const { summarySeconds, maxSteps } = this.#options;
    if (this.pace.seconds >= summarySeconds || step >= maxSteps) {
      await this.#summarise(loss, learningRate);
    }
    if (this.#store.isDue(step)) await this.save();
  }

  /** Saves what was not saved yet, and notes the end of the run. */
  async finish(): Promise<void> {
    await this.saveRest();
    await this.#events.write({ step: this.#learner.globalStep, sessionLog: { status: "stop" } });
  }

  /** Saves unless the last checkpoint is of this step. */
  async saveRest(): Promise<void> {
    if (this.#store.lastStep !== this.#learner.globalStep) await this.save();
  }

  /**
   * Saves a checkpoint.
   *
   * @throws {RangeError} when the network has become useless; the last good checkpoint stays.
   */
  async save(): Promise<void> {
    const learner = this.#learner;
    // A bad update shows in the next loss only: without this look ahead it would be saved before.
    const batch = this.#lastBatch;
    if (batch && !(await learner.predict(batch)).every(Number.isFinite)) {
      throw new RangeError(
        `Cannot save step ${learner.globalStep}: the network no longer gives finite values, for ${this.#streams.training.loop.describe()}; ${this.advice}`,
      );
    }
    const { variables, counts } = await learner.state();
    const step = Number(variables.get("global_step")!.data[0]);
    // Shaders may take NaN for 0 in a ReLU, so that a network with such variables still gives finite values.
    const bad = [...variables].find(([, { data }]) =>
      !(data as Float32Array).every(Number.isFinite)
    );
    if (bad) {
      throw new RangeError(
        `Cannot save step ${step}: every value of "${bad[0]}" must be finite; ${
          this.#store.newest ? this.advice : "begin with another checkpoint"
        }`,
      );
    }
    const all = new Map([...variables, ...this.#means?.of(variables) ?? []]);
    const state = runState(this.#streams, { ...this.#moves, counts });
    const prefix = await this.#store.save(step, all, state);
    const sessionLog = { status: "checkpoint", checkpointPath: prefix } as const;
    await this.#events.write({ step, sessionLog });
    this.#options.log?.(`saved ${prefix}`);
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }

  async #summarise(loss: number, learningRate: number): Promise<void> {
    const { training, validation } = this.#streams;
    const learner = this.#learner;
    const summary: SummaryValue[] = [
      { tag: "pixel_loss", scalar: loss },
      { tag: "optimizer_loss", scalar: loss },
      { tag: "learning_rate", scalar: learningRate },
      { tag: "skipped_coordinates", scalar: training.queue.skipped },
      ...this.pace.summaries(),
      ...histograms(await learner.weights(), ""),
      ...histograms(await learner.gradients(), "gradients/", this.#options.clip),
      ...training.tracker.summaries(),
      ...validation?.tracker.summaries() ?? [],
    ];
    await this.#events.write({ step: learner.globalStep, summary });
    this.#options.summarised?.(learner.globalStep, summary);
    const line = scoreLine(training.tracker, validation?.tracker);
    if (line !== "") this.#options.log?.(`step ${learner.globalStep}: ${line}`);
    training.tracker.reset();
    validation?.tracker.reset();
  }
}

/** The scores that tell how training goes; all others are in the event file. */
function scoreLine(...trackers: (EvalTracker | undefined)[]): string {
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
  return parts.join("; validation: ");
}
