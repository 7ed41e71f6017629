/** A training run that is no more than a graph with a loss: some of its values are trained, the others are given. */
import type { Backend, Tensor } from "../backends/backend.ts";
import type { SummaryValue } from "../formats/event_file.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Graph } from "../ops/graph.ts";
import { type CheckpointOptions, CheckpointStore, type RunState } from "./checkpoint_store.ts";
import { EventWriter } from "./event_writer.ts";
import type { OptimizerOptions } from "./optimizer.ts";
import { Pace } from "./pace.ts";
import type { Random, RandomState } from "./random.ts";
import { allocate, disposeAll, TrainedVariables } from "./trained_variables.ts";
import { gradientName } from "./training_graphs.ts";

/** Everything that a run is made of. */
export interface LossTrainerOptions {
  /** Says what a saved run is, so that no other goes on with it. */
  readonly kind: string;
  /** Outputs `loss` `[1]` and `gradients/<variable>` of what is trained, and what `tags` name. */
  readonly graph: Graph;
  /** Values of the graph, inputs or parameters, that do not change; by name. */
  readonly fixed: ReadonlyMap<string, ArrayLike<number>>;
  /** Values of the other inputs for the next step. */
  next(): Promise<Readonly<Record<string, Float32Array>>>;
  /** Whatever `next` draws from; it is saved with the run. */
  readonly random: Random;
  readonly optimizer: OptimizerOptions;
  /** Steps of the whole run, those before a resumption included. */
  readonly maxSteps: number;
  readonly summarySeconds: number;
  /** Tags of scalars by the outputs `[1]` that hold them. */
  readonly tags: Readonly<Record<string, string>>;
  /** Pictures of the last step. */
  pictures?(read: (name: string) => Promise<Float32Array>): Promise<SummaryValue[]>;
  readonly checkpoints: CheckpointOptions;
  readonly signal: AbortSignal;
  log?(line: string): void;
  progress?(step: number, loss: number): void;
}

/** What is saved of a run beside its variables. */
interface SavedState {
  readonly kind: string;
  readonly random: RandomState;
}

/**
 * Trains until `maxSteps`, or until `signal` is aborted: then the run is saved and the signal's reason thrown.
 *
 * @param variables Where to begin: what is trained, optimizer states, `global_step`.
 * @returns what a checkpoint holds, at the end.
 * @throws {RangeError} when a loss is not finite; the last good checkpoint stays.
 */
export async function trainLoss(
  options: LossTrainerOptions,
  backend: Backend,
  variables: ReadonlyMap<string, NdArray>,
  resumed: RunState | null,
): Promise<ReadonlyMap<string, NdArray>> {
  const { random, signal, maxSteps } = options;
  const firstStep = Number(variables.get("global_step")?.data[0] ?? 0);
  const saved = resumed?.json as SavedState | undefined;
  if (saved && saved.kind !== options.kind) {
    throw new RangeError(
      `Cannot go on in "${options.checkpoints.folder}": it holds a run of ${saved.kind}, this is ${options.kind}; choose another --train_dir`,
    );
  }
  if (saved) random.restore(saved.random);
  await using step = await Step.open(options, backend, variables, firstStep);
  using events = await EventWriter.open(options.checkpoints.folder);
  await events.write({ step: firstStep, sessionLog: { status: "start" } });
  const store = await CheckpointStore.open(options.checkpoints, firstStep);
  const advice = () =>
    store.newest
      ? `the last checkpoint "${store.newest}" is good, resume it with a smaller --learning_rate`
      : "begin again with a smaller --learning_rate";
  const save = async () => {
    const all = await step.trained.read();
    const bad = [...all].find(([, { data }]) => !(data as Float32Array).every(Number.isFinite));
    if (bad) {
      throw new RangeError(
        `Cannot save step ${step.trained.globalStep}: every value of "${
          bad[0]
        }" must be finite; ${advice()}`,
      );
    }
    const json: SavedState = { kind: options.kind, random: random.state() };
    const { globalStep } = step.trained;
    const prefix = await store.save(globalStep, all, { json, canvases: [] });
    const sessionLog = { status: "checkpoint", checkpointPath: prefix } as const;
    await events.write({ step: globalStep, sessionLog });
    options.log?.(`saved ${prefix}`);
  };
  if (firstStep === 0) await save();
  const pace = new Pace(firstStep);
  while (step.trained.globalStep < maxSteps) {
    if (signal.aborted) {
      if (store.lastStep !== step.trained.globalStep) await save();
      throw signal.reason;
    }
    pace.begin();
    const inputs = await options.next();
    pace.loaded();
    const loss = await step.run(inputs);
    if (!Number.isFinite(loss)) {
      throw new RangeError(
        `Cannot go on training at step ${step.trained.globalStep}: the loss must be finite, current value is ${loss}; ${advice()}`,
      );
    }
    const { globalStep } = step.trained;
    pace.stepped(loss);
    options.progress?.(globalStep, loss);
    if (pace.seconds >= options.summarySeconds || globalStep >= maxSteps) {
      const scalars: SummaryValue[] = [];
      for (const [output, tag] of Object.entries(options.tags)) {
        scalars.push({ tag, scalar: (await step.read(output))[0] });
      }
      const pictures = await options.pictures?.((name) => step.read(name)) ?? [];
      const summary = [...scalars, ...pace.summaries(), ...pictures];
      await events.write({ step: globalStep, summary });
    }
    if (store.isDue(globalStep)) await save();
  }
  if (store.lastStep !== step.trained.globalStep) await save();
  await events.write({ step: step.trained.globalStep, sessionLog: { status: "stop" } });
  return await step.trained.read();
}

/** The graph and the optimizer on a backend. */
class Step implements AsyncDisposable {
  readonly trained: TrainedVariables;
  readonly #backend: Backend;
  readonly #program: Awaited<ReturnType<Backend["compile"]>>;
  readonly #tensors: Readonly<Record<string, Tensor>>;

  private constructor(
    backend: Backend,
    trained: TrainedVariables,
    program: Awaited<ReturnType<Backend["compile"]>>,
    tensors: Readonly<Record<string, Tensor>>,
  ) {
    this.trained = trained;
    this.#backend = backend;
    this.#program = program;
    this.#tensors = tensors;
  }

  static async open(
    { graph, fixed, optimizer }: LossTrainerOptions,
    backend: Backend,
    variables: ReadonlyMap<string, NdArray>,
    firstStep: number,
  ): Promise<Step> {
    const values = [...graph.inputs, ...graph.parameters];
    const wanted = values.filter(([name]) => graph.outputs.has(gradientName(name)));
    const named = wanted.map(([name, { shape }]) => ({ name, shape }));
    const trained = await TrainedVariables.open(named, optimizer, variables, backend, firstStep);
    const isTrained = new Set(wanted.map(([name]) => name));
    const own = [...values.filter(([name]) => !isTrained.has(name)), ...graph.outputs];
    const tensors = allocate(backend, own);
    for (const [name, data] of fixed) {
      if (tensors[name]) backend.write(tensors[name], Float32Array.from(data));
    }
    return new Step(backend, trained, await backend.compile(graph), tensors);
  }

  /** One step; the loss is that before the update. */
  async run(inputs: Readonly<Record<string, Float32Array>>): Promise<number> {
    for (const [name, data] of Object.entries(inputs)) {
      this.#backend.write(this.#tensors[name], data);
    }
    this.#backend.run(this.#program, { ...this.#tensors, ...this.trained.current });
    const [loss] = await this.read("loss");
    if (Number.isFinite(loss)) this.trained.update(this.#tensors);
    return loss;
  }

  /** An input or output of the last step. */
  read(name: string): Promise<Float32Array> {
    return this.#backend.read<Float32Array>(this.#tensors[name] ?? this.trained.current[name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#program.dispose();
    disposeAll(this.#tensors);
    await this.trained[Symbol.asyncDispose]();
  }
}
