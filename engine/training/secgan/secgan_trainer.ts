/** The SECGAN training run: iterations, summaries, checkpoints, and going on where a run was stopped. */
import type { Backend } from "../../backends/backend.ts";
import type { NdArray } from "../../formats/nd_array.ts";
import { updateGroups } from "../../models/secgan/secgan.ts";
import { SEED_LIMIT } from "../../ops/dropout.ts";
import type { CheckpointOptions, RunState } from "../checkpoint_store.ts";
import type { GradientExchange } from "../gradient_exchange.ts";
import type { Random, RandomState } from "../random.ts";
import type { DomainSampler } from "./domain_sampler.ts";
import { FakePool } from "./fake_pool.ts";
import { drawTarget, LOSS_NAMES, lossTotals } from "./losses.ts";
import { SecganStep, type SecganStepOptions } from "./secgan_step.ts";
import { type RecordedRun, type SavedRun, SecganRecorder } from "./secgan_recorder.ts";
import { SharedVariables, STEPS_PER_ITERATION } from "./shared_variables.ts";

export { STEPS_PER_ITERATION } from "./shared_variables.ts";

/** Everything that a run is made of. */
export interface SecganTrainerOptions extends SecganStepOptions {
  /** Iterations of the whole run, those before a resumption included. */
  readonly maxIterations: number;
  /** Fakes kept per domain. */
  readonly poolSize: number;
  readonly labelNoise: number;
  readonly summarySeconds: number;
  readonly checkpoints: CheckpointOptions;
  readonly signal: AbortSignal;
  /** What the frozen network says of cubes `[batch, f, f, f]`, for pictures; null without one. */
  readonly segment: ((images: Float32Array) => Promise<Float32Array>) | null;
  /** Where the variables are, when they are not in this process. */
  readonly exchange?: GradientExchange;
  /** Whether this process saves checkpoints and writes events; it does unless told otherwise. */
  readonly isChief?: boolean;
  log?(line: string): void;
  progress?(iteration: number, totals: ReturnType<typeof lossTotals>): void;
}

/** What is saved of a run beside its variables; `canvases` hold the fakes that wait, then the pools. */
interface SavedState {
  readonly kind: "secgan";
  readonly random: RandomState;
  readonly batchSize: number;
  readonly pooled: { readonly labeled: number; readonly unlabeled: number };
  /** Updates by worker, where there are several. */
  readonly counts?: Readonly<Record<string, number>>;
}

/** The images of a run, drawn by one generator of random numbers. */
export interface SecganData {
  readonly random: Random;
  readonly labeled: DomainSampler;
  readonly unlabeled: DomainSampler;
}

/**
 * Trains until `maxIterations`, or until `signal` is aborted: then the run is saved and the signal's reason thrown.
 *
 * @param variables Where to begin: variables of the networks, optimizer states, `global_step`.
 * @param segmenter Variables of the frozen network.
 * @param resumed State that was saved with them.
 * @returns iterations done.
 * @throws {RangeError} when a loss is not finite; the last good checkpoint stays.
 */
export async function trainSecgan(
  options: SecganTrainerOptions,
  backend: Backend,
  variables: ReadonlyMap<string, NdArray>,
  segmenter: ReadonlyMap<string, NdArray>,
  data: SecganData,
  resumed: RunState | null,
): Promise<number> {
  await using step = SecganStep.open(options, variables, segmenter, backend);
  const shared = options.exchange ? await SharedVariables.open(options.exchange, step) : null;
  const firstStep = shared
    ? STEPS_PER_ITERATION * shared.updates
    : Number(variables.get("global_step")?.data[0] ?? 0);
  const pools = {
    labeled: new FakePool(options.poolSize, data.random),
    unlabeled: new FakePool(options.poolSize, data.random),
  };
  const run = new Run(options, step, shared, data, pools, firstStep);
  await run.begin(resumed);
  using recorder = options.isChief === false
    ? null
    : await SecganRecorder.open(options, step, run, firstStep);
  if (firstStep === 0) await recorder?.save();
  while (run.iterations < options.maxIterations) {
    if (options.signal.aborted) {
      await recorder?.saveRest();
      throw options.signal.reason;
    }
    recorder?.pace.begin();
    const batch = await run.nextBatch();
    recorder?.pace.loaded();
    const result = await run.iterate(batch, recorder?.newest ?? null);
    const totals = lossTotals(result.losses, options.lambdas);
    options.progress?.(run.iterations, totals);
    await recorder?.stepped(batch, result, totals.F);
  }
  await recorder?.finish();
  return run.iterations;
}

/** The images of one iteration. */
interface Images {
  readonly labeled: Float32Array;
  readonly unlabeled: Float32Array;
}

/** What changes from one iteration to the next. */
class Run implements RecordedRun {
  readonly #options: SecganTrainerOptions;
  readonly #step: SecganStep;
  readonly #shared: SharedVariables | null;
  readonly #data: SecganData;
  readonly #pools: { readonly labeled: FakePool; readonly unlabeled: FakePool };
  /** Fakes of the iteration before. */
  #fakes: Images = { labeled: new Float32Array(0), unlabeled: new Float32Array(0) };
  globalStep: number;

  constructor(
    options: SecganTrainerOptions,
    step: SecganStep,
    shared: SharedVariables | null,
    data: SecganData,
    pools: { readonly labeled: FakePool; readonly unlabeled: FakePool },
    globalStep: number,
  ) {
    this.#options = options;
    this.#step = step;
    this.#shared = shared;
    this.#data = data;
    this.#pools = pools;
    this.globalStep = globalStep;
  }

  get iterations(): number {
    return Math.floor(this.globalStep / STEPS_PER_ITERATION);
  }

  /** Goes on with what was saved, or makes the first fakes. */
  async begin(resumed: RunState | null): Promise<void> {
    const saved = resumed?.json as SavedState | undefined;
    if (saved?.kind === "secgan" && saved.batchSize === this.#options.batchSize) {
      const [labeled, unlabeled, ...entries] = resumed!.canvases;
      const size = saved.pooled.labeled;
      this.#fakes = { labeled, unlabeled };
      const { poolSize } = this.#options;
      this.#pools.labeled.restore(entries.slice(0, size).slice(0, poolSize));
      this.#pools.unlabeled.restore(entries.slice(size).slice(0, poolSize));
      this.#data.random.restore(saved.random);
      return;
    }
    if (resumed) {
      this.#options.log?.("the batch is not that of the saved run: its fakes begin anew");
    }
    const fakes = await this.#step.generate({
      ...await this.nextBatch(),
      dropoutSeed: this.#data.random.below(SEED_LIMIT),
    });
    this.#fakes = { labeled: fakes.fakeLabeled, unlabeled: fakes.fakeUnlabeled };
    for (const [name, fake] of Object.entries(this.#fakes)) {
      if ((fake as Float32Array).every(Number.isFinite)) continue;
      throw new RangeError(
        `Cannot begin training: the first generated images (${name}) must be finite; check the checkpoint and that volumes are scaled to -1 to 1`,
      );
    }
  }

  async nextBatch(): Promise<Images> {
    const { batchSize } = this.#options;
    const labeled = await this.#data.labeled.next(batchSize);
    return { labeled, unlabeled: await this.#data.unlabeled.next(batchSize) };
  }

  /** One iteration; its result is that of the networks before their update. */
  async iterate({ labeled, unlabeled }: Images, newest: string | null) {
    const { batchSize, labelNoise } = this.#options;
    const { random } = this.#data;
    await this.#shared?.refresh();
    const result = await this.#step.gradients({
      ...{ labeled, unlabeled },
      pooledLabeled: this.#pools.labeled.query(this.#fakes.labeled, batchSize),
      pooledUnlabeled: this.#pools.unlabeled.query(this.#fakes.unlabeled, batchSize),
      dropoutSeed: random.below(SEED_LIMIT),
      target: (name, elements) => drawTarget(name, elements, labelNoise, random),
    });
    const bad = LOSS_NAMES.find((name) => !Number.isFinite(result.losses[name]));
    if (bad) {
      throw new RangeError(
        `Cannot go on training at iteration ${this.iterations}: the loss "${bad}" must be finite, current value is ${
          result.losses[bad]
        }; ${advice(newest)}`,
      );
    }
    this.#fakes = { labeled: result.fakeLabeled, unlabeled: result.fakeUnlabeled };
    if (this.#shared) {
      const updates = await this.#shared.push(lossTotals(result.losses, this.#options.lambdas).F);
      this.globalStep = STEPS_PER_ITERATION * updates;
    } else {
      await this.#step.update();
      this.globalStep += STEPS_PER_ITERATION;
    }
    return result;
  }

  /**
   * Everything that a checkpoint holds, and its step.
   *
   * @throws {RangeError} where values are not finite.
   */
  async saved(newest: string | null): Promise<SavedRun> {
    const own = await this.#step.variables();
    const optimizers = updateGroups(this.#options.model).length;
    const state = await this.#shared?.state(optimizers);
    const globalStep = state ? STEPS_PER_ITERATION * state.updates : this.globalStep;
    const all = new Map([...own, ...state?.variables ?? []]);
    const bad = [...all].find(([, { data }]) => !(data as Float32Array).every(Number.isFinite));
    if (bad) {
      throw new RangeError(
        `Cannot save iteration ${globalStep / STEPS_PER_ITERATION}: every value of "${
          bad[0]
        }" must be finite; ${advice(newest)}`,
      );
    }
    const step: NdArray = {
      ...{ dtype: "int64", shape: [], data: BigInt64Array.of(BigInt(globalStep)) } as const,
    };
    return {
      globalStep,
      variables: new Map([["global_step", step], ...all]),
      state: this.#state(state?.counts),
    };
  }

  #state(counts?: Readonly<Record<string, number>>): RunState {
    const entries = [this.#pools.labeled.entries(), this.#pools.unlabeled.entries()];
    const json: SavedState = {
      kind: "secgan",
      random: this.#data.random.state(),
      batchSize: this.#options.batchSize,
      pooled: { labeled: entries[0].length, unlabeled: entries[1].length },
      ...counts && { counts },
    };
    return { json, canvases: [this.#fakes.labeled, this.#fakes.unlabeled, ...entries.flat()] };
  }
}

function advice(newest: string | null): string {
  if (!newest) return "begin again with a smaller --learning_rate";
  return `the last checkpoint "${newest}" is good, resume it with a smaller --learning_rate`;
}
