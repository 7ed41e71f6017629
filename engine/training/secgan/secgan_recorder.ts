/** What a run of SECGAN leaves in its folder: checkpoints and events. In a run of several workers the chief does this. */
import type { NdArray } from "../../formats/nd_array.ts";
import type { SecganModel } from "../../models/secgan/secgan.ts";
import { type CheckpointOptions, CheckpointStore, type RunState } from "../checkpoint_store.ts";
import { EventWriter, histograms } from "../event_writer.ts";
import { Pace } from "../pace.ts";
import type { SecganResult, SecganStep } from "./secgan_step.ts";
import { STEPS_PER_ITERATION } from "./shared_variables.ts";
import { secganPanels, secganScalars } from "./summaries.ts";

/** What is recorded, and how often. */
export interface SecganRecorderOptions {
  readonly model: SecganModel;
  readonly maxIterations: number;
  readonly summarySeconds: number;
  readonly checkpoints: CheckpointOptions;
  /** What the frozen network says of cubes `[batch, f, f, f]`, for pictures; null without one. */
  readonly segment: ((images: Float32Array) => Promise<Float32Array>) | null;
  log?(line: string): void;
}

/** What a checkpoint holds. */
export interface SavedRun {
  readonly globalStep: number;
  readonly variables: ReadonlyMap<string, NdArray>;
  readonly state: RunState;
}

/** The run that is recorded. */
export interface RecordedRun {
  readonly globalStep: number;
  readonly iterations: number;
  /** @param newest The last checkpoint, for advice. */
  saved(newest: string | null): Promise<SavedRun>;
}

/** Records one run. */
export class SecganRecorder implements Disposable {
  readonly pace: Pace;
  readonly #options: SecganRecorderOptions;
  readonly #step: SecganStep;
  readonly #run: RecordedRun;
  readonly #store: CheckpointStore;
  readonly #events: EventWriter;
  #lastStep: number;

  private constructor(
    options: SecganRecorderOptions,
    step: SecganStep,
    run: RecordedRun,
    store: CheckpointStore,
    events: EventWriter,
  ) {
    this.#options = options;
    this.#step = step;
    this.#run = run;
    this.#store = store;
    this.#events = events;
    this.#lastStep = run.globalStep;
    this.pace = new Pace(run.iterations);
  }

  static async open(
    options: SecganRecorderOptions,
    step: SecganStep,
    run: RecordedRun,
    firstStep: number,
  ): Promise<SecganRecorder> {
    const events = await EventWriter.open(options.checkpoints.folder);
    await events.write({ step: firstStep, sessionLog: { status: "start" } });
    const store = await CheckpointStore.open(options.checkpoints, firstStep);
    return new SecganRecorder(options, step, run, store, events);
  }

  /** Path prefix of the newest checkpoint, null before the first. */
  get newest(): string | null {
    return this.#store.newest;
  }

  /** Notes an iteration; writes summaries and a checkpoint where it is time. */
  async stepped(
    batch: { readonly labeled: Float32Array; readonly unlabeled: Float32Array },
    result: SecganResult,
    loss: number,
  ): Promise<void> {
    const { globalStep: step, iterations } = this.#run;
    const { maxIterations, summarySeconds, model: { geometry, segmenter } } = this.#options;
    this.pace.stepped(loss);
    // Owners of the variables went back to a checkpoint: what was written about later steps does not count.
    if (step < this.#lastStep) await this.#events.write({ step, sessionLog: { status: "start" } });
    this.#lastStep = step;
    const rate = this.pace.stepsPerSecond(iterations);
    if (rate !== null) {
      const summary = [{ tag: "global_step/sec", scalar: STEPS_PER_ITERATION * rate }];
      await this.#events.write({ step, summary });
    }
    if (this.pace.seconds >= summarySeconds || iterations >= maxIterations) {
      const summary = [
        ...secganScalars(batch, result, geometry, segmenter !== null),
        ...this.pace.summaries(),
        ...histograms(await this.#step.readGradients(), "gradients/"),
        ...await secganPanels(batch, result, geometry, this.#options.segment),
      ];
      await this.#events.write({ step, summary });
      this.#options.log?.(describe(iterations, result.losses));
    }
    if (this.#store.isDue(step)) await this.save();
  }

  /** Saves a checkpoint. */
  async save(): Promise<void> {
    const { globalStep: step, variables, state } = await this.#run.saved(this.newest);
    const prefix = await this.#store.save(step, variables, state);
    const sessionLog = { status: "checkpoint", checkpointPath: prefix } as const;
    await this.#events.write({ step, sessionLog });
    this.#options.log?.(`saved ${prefix}`);
  }

  /** Saves unless the last checkpoint is of this step. */
  async saveRest(): Promise<void> {
    if (this.#store.lastStep !== this.#run.globalStep) await this.save();
  }

  /** Saves what was not saved yet, and notes the end of the run. */
  async finish(): Promise<void> {
    await this.saveRest();
    await this.#events.write({ step: this.#run.globalStep, sessionLog: { status: "stop" } });
  }

  [Symbol.dispose](): void {
    this.#events[Symbol.dispose]();
  }
}

function describe(iteration: number, losses: Readonly<Record<string, number>>): string {
  const parts = Object.entries(losses).map(([name, value]) => `${name} ${value.toFixed(3)}`);
  return `iteration ${iteration}: ${parts.join(", ")}`;
}
