import type { Backend, Program, Tensor } from "../backends/backend.ts";
import { elementCount, type NdArray } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";
import type { Graph } from "../ops/graph.ts";
import { AdamPowers, type OptimizerOptions, optimizerSlots, scheduledRate } from "./optimizer.ts";
import { nextName, optimizerGraph } from "./training_graphs.ts";

/** Tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/**
 * Variables with their optimizer states on a backend, and the optimizer that changes them. They are kept twice and change
 * places with each update.
 */
export class TrainedVariables implements AsyncDisposable {
  readonly #options: OptimizerOptions;
  readonly #backend: Backend;
  readonly #powers: AdamPowers;
  readonly #program: Program;
  readonly #rate: Tensor;
  #current: Tensors;
  #next: Tensors;
  /** Updates that were made. */
  globalStep: number;

  private constructor(
    options: OptimizerOptions,
    backend: Backend,
    program: Program,
    globalStep: number,
  ) {
    this.#options = options;
    this.#backend = backend;
    this.#program = program;
    this.#powers = new AdamPowers(options);
    this.#rate = backend.allocate([1], "float32", "rate");
    const named = stateValues(program.graph);
    [this.#current, this.#next] = [allocate(backend, named), allocate(backend, named)];
    this.globalStep = globalStep;
  }

  /**
   * Compiles the optimizer and uploads what `initial` holds by name; states that are missing start as the optimizer's own
   * initial values.
   *
   * @param initial The variables, and optionally `<variable>/<state>`, `beta1_power` and `beta2_power`.
   */
  static async open(
    variables: readonly Variable[],
    options: OptimizerOptions,
    initial: ReadonlyMap<string, NdArray>,
    backend: Backend,
    globalStep: number,
  ): Promise<TrainedVariables> {
    const program = await backend.compile(optimizerGraph(variables, options));
    const trained = new TrainedVariables(options, backend, program, globalStep);
    trained.restore(initial, globalStep);
    return trained;
  }

  /** Variables and states as they are until the next update. */
  get current(): Tensors {
    return this.#current;
  }

  /** The learning rate of the coming update, without Adam's correction. */
  get learningRate(): number {
    return scheduledRate(this.#options, this.globalStep);
  }

  /**
   * Makes one update.
   *
   * @param gradients `gradients/<variable>`, and whatever else.
   * @param rateFactor The learning rate is multiplied by this.
   */
  update(gradients: Tensors, rateFactor = 1): void {
    const rate = this.learningRate * rateFactor;
    const isAdam = this.#options.name === "adam";
    this.#backend.write(
      this.#rate,
      Float32Array.of(isAdam ? this.#powers.corrected(rate) : rate),
    );
    const next = Object.entries(this.#next).map(([name, tensor]) => [nextName(name), tensor]);
    this.#backend.run(this.#program, {
      ...gradients,
      rate: this.#rate,
      ...this.#current,
      ...Object.fromEntries(next),
    });
    [this.#current, this.#next] = [this.#next, this.#current];
    this.#powers.advance();
    this.globalStep++;
  }

  /** Waits until all updates are done. */
  async settled(): Promise<void> {
    await this.#backend.read(this.#rate);
  }

  /** Everything that a checkpoint holds: variables, `global_step`, optimizer states. */
  async read(): Promise<Map<string, NdArray>> {
    const step: NdArray = { dtype: "int32", shape: [], data: Int32Array.of(this.globalStep) };
    const variables = new Map<string, NdArray>([["global_step", step]]);
    // Before anything is awaited, so that all is of one step.
    const powers = this.#options.name === "adam" ? this.#powers.variables() : [];
    for (const [name, tensor] of Object.entries(this.#current)) {
      const data = await this.#backend.read<Float32Array>(tensor);
      variables.set(name, { dtype: "float32", shape: tensor.shape, data });
    }
    for (const [name, power] of powers) variables.set(name, power);
    return variables;
  }

  /** Begins again with other values, as `open` does. */
  restore(initial: ReadonlyMap<string, NdArray>, globalStep: number): void {
    const slots = optimizerSlots(this.#options.name);
    for (const [name, tensor] of Object.entries(this.#current)) {
      const slot = slots.find((s) => name.endsWith(`/${s.name}`));
      const given = initial.get(name);
      if (!given && !slot) {
        throw new RangeError(`Cannot train: no initial value for the variable "${name}"`);
      }
      const count = elementCount(tensor.shape);
      const data = given?.data ?? new Float32Array(count).fill(slot!.initial);
      this.#backend.write(tensor, data);
    }
    const powers = ["beta1_power", "beta2_power"].map((name) => initial.get(name)?.data[0]);
    const isGiven = powers.every((power) => power !== undefined);
    if (isGiven) this.#powers.restore(Number(powers[0]), Number(powers[1]));
    this.globalStep = globalStep;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#program.dispose();
    this.#rate.dispose();
    for (const tensors of [this.#current, this.#next]) disposeAll(tensors);
    return Promise.resolve();
  }
}

/** Variables and states of an optimizer's graph: its inputs that have a successor. */
function stateValues(optimizer: Graph): [string, { shape: readonly number[] }][] {
  return [...optimizer.inputs].filter(([name]) => optimizer.outputs.has(nextName(name)));
}

/** Zero-filled float32 tensors of these shapes. */
export function allocate(
  backend: Backend,
  values: readonly (readonly [string, { readonly shape: readonly number[] }])[],
): Tensors {
  return Object.fromEntries(
    values.map(([name, { shape }]) => [name, backend.allocate(shape, "float32", name)]),
  );
}

/** Gives their memory back. */
export function disposeAll(tensors: Tensors): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}
