import type { Backend, Program, Tensor } from "../../backends/backend.ts";
import { elementCount, type NdArray } from "../../formats/nd_array.ts";
import type { Variable } from "../../models/model.ts";
import { GraphBuilder } from "../../ops/graph.ts";
import type { Shape } from "../../ops/op.ts";
import { optimizerStep } from "../../ops/optimizer_step.ts";
import { AdamPowers, type OptimizerOptions, optimizerSlots, stepAttributes } from "../optimizer.ts";

/** Tensors by the names of the variables. */
export type Tensors = Record<string, Tensor>;

/** Arrays by their names in a checkpoint: a map, or what makes each when it is asked for. */
export type GivenArrays = Pick<ReadonlyMap<string, NdArray>, "get">;

/** States of a larger optimizer are kept outside the 4 GiB of a wasm memory, which activations need. */
const RESIDENT_BYTES = 2 ** 28;

/** Whether states that take so many bytes have a place of their own outside a backend. */
function areKeptOnHost(backend: Pick<Backend, "name">, stateBytes: number): boolean {
  return backend.name !== "webgpu" && stateBytes > RESIDENT_BYTES;
}

/** Bytes that the optimizers of variables of these shapes take on a backend, with what they compute into. */
export function optimizerBytes(
  backend: Pick<Backend, "name">,
  shapes: readonly Shape[],
  { name }: OptimizerOptions,
): number {
  const slots = optimizerSlots(name).length;
  const all = 4 * shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
  const distinct = [...new Map(shapes.map((shape) => [shape.join(), shape])).values()];
  const spares = 4 * distinct.reduce((sum, shape) => sum + elementCount(shape), 0);
  return areKeptOnHost(backend, slots * all)
    ? (1 + 2 * slots) * spares
    : slots * all + (1 + slots) * spares;
}

/** What several optimizers share: programs by shape, and tensors into which a variable's successor is computed. */
export class OptimizerPrograms {
  readonly backend: Backend;
  readonly options: OptimizerOptions;
  readonly rate: Tensor;
  readonly #programs = new Map<string, Program>();
  readonly #spares = new Map<string, Tensor[]>();

  constructor(backend: Backend, options: OptimizerOptions) {
    this.backend = backend;
    this.options = options;
    this.rate = backend.allocate([1], "float32", "rate");
  }

  /** The step of one variable: inputs `variable`, `gradient`, `rate`, `state0`, …; outputs `next/variable`, `next/state0`, …. */
  async of(shape: Shape): Promise<Program> {
    const key = shape.join();
    const found = this.#programs.get(key);
    if (found) return found;
    const graph = new GraphBuilder();
    const [variable, gradient] = ["variable", "gradient"].map((name) => graph.input(name, shape));
    const rate = graph.input("rate", [1]);
    const states = optimizerSlots(this.options.name).map((_, i) => graph.input(`state${i}`, shape));
    const inputs = [variable, gradient, rate, ...states];
    const next = graph.call(optimizerStep, inputs, stepAttributes(this.options));
    next.forEach((value, i) => graph.output(`next/${[variable, ...states][i].name}`, value));
    const program = await this.backend.compile(graph.build());
    this.#programs.set(key, program);
    return program;
  }

  take(shape: Shape): Tensor {
    return this.#spares.get(shape.join())?.pop() ??
      this.backend.allocate(shape, "float32", "next value of a variable");
  }

  giveBack(tensor: Tensor): void {
    const key = tensor.shape.join();
    this.#spares.set(key, [...this.#spares.get(key) ?? [], tensor]);
  }

  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
    for (const tensor of [...this.#spares.values()].flat()) tensor.dispose();
    this.rate.dispose();
  }
}

/** States of a variable: on the backend, or on the host. */
type States = readonly (Tensor | Float32Array)[];

/** An optimizer of its own for the variables of one network, or of networks that are updated together. */
export class NetworkOptimizer {
  readonly #shared: OptimizerPrograms;
  readonly #powers: AdamPowers;
  /** Appended to the names of Adam's powers: each optimizer of a run has its own. */
  readonly #powerSuffix: string;
  readonly #states = new Map<string, States>();
  readonly #shapes: ReadonlyMap<string, Shape>;

  /**
   * @param given Where to begin: `<variable>/<state>` and Adam's powers; what is missing starts with the optimizer's own
   * initial values.
   * @param onHost Keeps the states outside the backend.
   */
  constructor(
    shared: OptimizerPrograms,
    variables: readonly Variable[],
    given: GivenArrays,
    powerSuffix: string,
    onHost: boolean,
  ) {
    this.#shared = shared;
    this.#powerSuffix = powerSuffix;
    this.#powers = new AdamPowers(shared.options);
    this.#shapes = new Map(variables.map(({ name, shape }) => [name, shape]));
    const slots = optimizerSlots(shared.options.name);
    for (const { name, shape } of variables) {
      const states = slots.map((slot) => {
        const data = given.get(`${name}/${slot.name}`)?.data as Float32Array | undefined ??
          new Float32Array(elementCount(shape)).fill(slot.initial);
        if (onHost) return data.slice();
        const tensor = shared.backend.allocate(shape, "float32", `${name}/${slot.name}`);
        shared.backend.write(tensor, data);
        return tensor;
      });
      this.#states.set(name, states);
    }
    const powers = this.#powerNames().map((name) => given.get(name)?.data[0]);
    if (powers.every((power) => power !== undefined)) {
      this.#powers.restore(Number(powers[0]), Number(powers[1]));
    }
  }

  /** Whether the states of so many numbers have a place of their own outside a backend. */
  static keepsStatesOnHost(backend: Backend, elements: number, options: OptimizerOptions): boolean {
    return areKeptOnHost(backend, 4 * elements * optimizerSlots(options.name).length);
  }

  /** Changes every variable by its gradient; the tensors in `current` are replaced. */
  async update(
    current: Tensors,
    gradients: (name: string) => Tensor,
    learningRate: number,
  ): Promise<void> {
    const { backend, options, rate } = this.#shared;
    const isAdam = options.name === "adam";
    const value = isAdam ? this.#powers.corrected(learningRate) : learningRate;
    backend.write(rate, Float32Array.of(value));
    for (const name of this.#states.keys()) {
      await this.#updateOne(name, current, gradients(name));
    }
    this.#powers.advance();
  }

  /** States and powers by their names in a checkpoint. */
  async variables(): Promise<Map<string, NdArray>> {
    const { backend, options } = this.#shared;
    const slots = optimizerSlots(options.name);
    const variables = new Map<string, NdArray>();
    for (const [name, states] of this.#states) {
      for (const [i, state] of states.entries()) {
        const onHost = state instanceof Float32Array;
        const data = onHost ? state : await backend.read<Float32Array>(state);
        const shape = this.#shapes.get(name)!;
        variables.set(`${name}/${slots[i].name}`, { dtype: "float32", shape, data });
      }
    }
    if (options.name === "adam") {
      const powers = [...this.#powers.variables().values()];
      this.#powerNames().forEach((name, i) => variables.set(name, powers[i]));
    }
    return variables;
  }

  async #updateOne(name: string, current: Tensors, gradient: Tensor): Promise<void> {
    const { backend, rate } = this.#shared;
    const shape = this.#shapes.get(name)!;
    const program = await this.#shared.of(shape);
    const states = this.#states.get(name)!;
    const before = states.map((state) => {
      if (!(state instanceof Float32Array)) return state;
      const tensor = this.#shared.take(shape);
      backend.write(tensor, state);
      return tensor;
    });
    const variable = current[name];
    const after = [variable, ...states].map(() => this.#shared.take(shape));
    const [next, ...nextStates] = after;
    const bindings: Tensors = { variable, gradient, rate, "next/variable": next };
    before.forEach((tensor, i) => bindings[`state${i}`] = tensor);
    nextStates.forEach((tensor, i) => bindings[`next/state${i}`] = tensor);
    backend.run(program, bindings);
    current[name] = next;
    for (const tensor of [variable, ...before]) this.#shared.giveBack(tensor);
    const kept = await Promise.all(states.map(async (state, i) => {
      if (!(state instanceof Float32Array)) return nextStates[i];
      await backend.read(nextStates[i], state);
      this.#shared.giveBack(nextStates[i]);
      return state;
    }));
    this.#states.set(name, kept);
  }

  #powerNames(): [string, string] {
    return [`beta1_power${this.#powerSuffix}`, `beta2_power${this.#powerSuffix}`];
  }

  dispose(): void {
    for (const state of [...this.#states.values()].flat()) {
      if (!(state instanceof Float32Array)) state.dispose();
    }
  }
}
