import type { Backend, Program, Tensor } from "../backends/backend.ts";
import { elementCount, type NdArray } from "../formats/nd_array.ts";
import type { Model } from "../models/model.ts";
import type { Graph } from "../ops/graph.ts";
import { AdamPowers, type OptimizerOptions, optimizerSlots, scheduledRate } from "./optimizer.ts";
import { gradientGraph, gradientName, nextName, optimizerGraph } from "./training_graphs.ts";

/** One batch: all arrays are `[batch, z, y, x]` with the model's image, seed and prediction sizes. */
export interface Batch {
  /** Normalised. */
  readonly image: Float32Array;
  /** Logits. */
  readonly seed: Float32Array;
  /** Soft labels. */
  readonly labels: Float32Array;
  readonly weights: Float32Array;
}

/** What decides whether gradients are used. */
export type UpdateCheck = (
  loss: number,
  gradients: () => Promise<Map<string, Float32Array>>,
) => boolean | Promise<boolean>;

type Tensors = Record<string, Tensor>;

/**
 * A network in training: variables and optimizer states on a backend. Variables are kept twice and change places with each
 * update, so that a step can be dropped after its loss is known.
 */
export class TrainingStep implements AsyncDisposable {
  readonly model: Model;
  readonly batchSize: number;
  readonly #options: OptimizerOptions;
  readonly #backend: Backend;
  readonly #powers: AdamPowers;
  readonly #gradientProgram: Program;
  readonly #optimizerProgram: Program;
  readonly #forwardProgram: Program;
  /** Inputs, outputs and gradients of both programs. */
  readonly #tensors: Tensors;
  #current: Tensors;
  #next: Tensors;
  readonly #logits: Float32Array;
  /** Updates that were made. */
  globalStep: number;

  private constructor(parts: {
    model: Model;
    batchSize: number;
    options: OptimizerOptions;
    backend: Backend;
    programs: [Program, Program, Program];
    tensors: Tensors;
    current: Tensors;
    next: Tensors;
    globalStep: number;
  }) {
    const { programs } = parts;
    this.model = parts.model;
    this.batchSize = parts.batchSize;
    this.#options = parts.options;
    this.#backend = parts.backend;
    [this.#gradientProgram, this.#optimizerProgram, this.#forwardProgram] = programs;
    this.#tensors = parts.tensors;
    this.#current = parts.current;
    this.#next = parts.next;
    this.#powers = new AdamPowers(parts.options);
    this.#logits = new Float32Array(elementCount(parts.tensors.logits.shape));
    this.globalStep = parts.globalStep;
  }

  /**
   * Compiles the step and uploads what `variables` holds by name; states that are missing start as the optimizer's own
   * initial values.
   *
   * @param variables The model's variables, and optionally `<variable>/<state>`, `beta1_power` and `beta2_power`.
   */
  static async open(
    model: Model,
    batchSize: number,
    options: OptimizerOptions,
    variables: ReadonlyMap<string, NdArray>,
    backend: Backend,
    globalStep = 0,
  ): Promise<TrainingStep> {
    const forward = model.build(batchSize);
    const gradients = gradientGraph(model, batchSize);
    const optimizer = optimizerGraph(model, options);
    const programs: [Program, Program, Program] = [
      await backend.compile(gradients),
      await backend.compile(optimizer),
      await backend.compile(forward),
    ];
    const tensors = allocate(backend, [...gradients.inputs, ...gradients.outputs]);
    tensors.rate = backend.allocate([1], "float32", "rate");
    const named = stateValues(optimizer);
    const [current, next] = [allocate(backend, named), allocate(backend, named)];
    const step = new TrainingStep({
      ...{ model, batchSize, options, backend, programs, tensors, current, next, globalStep },
    });
    step.#upload(variables);
    return step;
  }

  /** Logits of a batch, as the network is now. The array is overwritten by the next call. */
  async predict({ image, seed }: Pick<Batch, "image" | "seed">): Promise<Float32Array> {
    const { image: imageTensor, seed: seedTensor, logits } = this.#tensors;
    this.#backend.write(imageTensor, image);
    this.#backend.write(seedTensor, seed);
    this.#backend.run(this.#forwardProgram, { ...this.#tensors, ...this.#current });
    return await this.#backend.read(logits, this.#logits);
  }

  /**
   * One step: loss and logits of the batch before the update, then the update where `check` allows it. `globalStep` counts
   * updates. The array of logits is overwritten by the next call.
   */
  async step(
    batch: Batch,
    check: UpdateCheck = () => true,
  ): Promise<{ loss: number; logits: Float32Array; updated: boolean; learningRate: number }> {
    for (const name of ["image", "seed", "labels", "weights"] as const) {
      this.#backend.write(this.#tensors[name], batch[name]);
    }
    this.#backend.run(this.#gradientProgram, { ...this.#tensors, ...this.#current });
    const [loss] = await this.#backend.read<Float32Array>(this.#tensors.loss);
    const logits = await this.#backend.read(this.#tensors.logits, this.#logits);
    const learningRate = scheduledRate(this.#options, this.globalStep);
    const updated = await check(loss, () => this.gradients());
    if (updated) this.#update(learningRate);
    return { loss, logits, updated, learningRate };
  }

  /** Waits until the last update is done. */
  async settled(): Promise<void> {
    await this.#backend.read(this.#tensors.loss);
  }

  /** Gradients of the last step by variable, not clipped. */
  async gradients(): Promise<Map<string, Float32Array>> {
    const gradients = new Map<string, Float32Array>();
    for (const { name } of this.model.variables) {
      gradients.set(name, await this.#backend.read(this.#tensors[gradientName(name)]));
    }
    return gradients;
  }

  /** Everything that a checkpoint holds: variables, `global_step`, optimizer states. */
  async variables(): Promise<Map<string, NdArray>> {
    const step: NdArray = { dtype: "int32", shape: [], data: Int32Array.of(this.globalStep) };
    const variables = new Map<string, NdArray>([["global_step", step]]);
    for (const [name, tensor] of Object.entries(this.#current)) {
      const data = await this.#backend.read<Float32Array>(tensor);
      variables.set(name, { dtype: "float32", shape: tensor.shape, data });
    }
    if (this.#options.name === "adam") {
      for (const [name, power] of this.#powers.variables()) variables.set(name, power);
    }
    return variables;
  }

  [Symbol.asyncDispose](): Promise<void> {
    const programs = [this.#gradientProgram, this.#optimizerProgram, this.#forwardProgram];
    for (const program of programs) program.dispose();
    for (const tensors of [this.#tensors, this.#current, this.#next]) {
      for (const tensor of Object.values(tensors)) tensor.dispose();
    }
    return Promise.resolve();
  }

  #update(learningRate: number): void {
    const isAdam = this.#options.name === "adam";
    const rate = isAdam ? this.#powers.corrected(learningRate) : learningRate;
    this.#backend.write(this.#tensors.rate, Float32Array.of(rate));
    const next = Object.entries(this.#next).map(([name, tensor]) => [nextName(name), tensor]);
    this.#backend.run(this.#optimizerProgram, {
      ...this.#tensors,
      ...this.#current,
      ...Object.fromEntries(next),
    });
    [this.#current, this.#next] = [this.#next, this.#current];
    this.#powers.advance();
    this.globalStep++;
  }

  #upload(variables: ReadonlyMap<string, NdArray>): void {
    const slots = optimizerSlots(this.#options.name);
    for (const [name, tensor] of Object.entries(this.#current)) {
      const slot = slots.find((s) => name.endsWith(`/${s.name}`));
      const given = variables.get(name);
      if (!given && !slot) {
        throw new RangeError(`Cannot train: no initial value for the variable "${name}"`);
      }
      const count = elementCount(tensor.shape);
      const data = given?.data ?? new Float32Array(count).fill(slot!.initial);
      this.#backend.write(tensor, data);
    }
    const powers = ["beta1_power", "beta2_power"].map((name) => variables.get(name)?.data[0]);
    if (powers.every((power) => power !== undefined)) {
      this.#powers.restore(Number(powers[0]), Number(powers[1]));
    }
  }
}

/** Variables and states of an optimizer's graph: its inputs that have a successor. */
function stateValues(optimizer: Graph): [string, { shape: readonly number[] }][] {
  return [...optimizer.inputs].filter(([name]) => optimizer.outputs.has(nextName(name)));
}

function allocate(
  backend: Backend,
  values: readonly (readonly [string, { readonly shape: readonly number[] }])[],
): Tensors {
  return Object.fromEntries(
    values.map(([name, { shape }]) => [name, backend.allocate(shape, "float32", name)]),
  );
}
