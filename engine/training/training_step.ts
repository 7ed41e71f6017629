import type { Backend } from "../backends/backend.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Model } from "../models/model.ts";
import { type Batch, GradientPass } from "./gradient_pass.ts";
import type { Learner, LearnerState, StepResult, UpdateCheck } from "./learner.ts";
import type { OptimizerOptions } from "./optimizer.ts";
import { TrainedVariables } from "./trained_variables.ts";

export type { Batch } from "./gradient_pass.ts";
export type { UpdateCheck } from "./learner.ts";

/** A network in training in one process: gradients and variables on one backend. */
export class TrainingStep implements Learner {
  readonly model: Model;
  readonly batchSize: number;
  readonly #pass: GradientPass;
  readonly #variables: TrainedVariables;

  private constructor(pass: GradientPass, variables: TrainedVariables) {
    this.model = pass.model;
    this.batchSize = pass.batchSize;
    this.#pass = pass;
    this.#variables = variables;
  }

  /** Compiles the step and uploads `variables`, as `TrainedVariables.open` does. */
  static async open(
    model: Model,
    batchSize: number,
    options: OptimizerOptions,
    variables: ReadonlyMap<string, NdArray>,
    backend: Backend,
    globalStep = 0,
  ): Promise<TrainingStep> {
    const pass = await GradientPass.open(model, batchSize, backend);
    const { variables: names } = model;
    return new TrainingStep(
      pass,
      await TrainedVariables.open(names, options, variables, backend, globalStep),
    );
  }

  get globalStep(): number {
    return this.#variables.globalStep;
  }

  predict(batch: Pick<Batch, "image" | "seed">): Promise<Float32Array> {
    return this.#pass.predict(batch, this.#variables.current);
  }

  async step(batch: Batch, check: UpdateCheck = () => true): Promise<StepResult> {
    const { loss, logits } = await this.#pass.run(batch, this.#variables.current);
    const { learningRate } = this.#variables;
    const updated = await check(loss, () => this.gradients());
    if (updated) this.#variables.update(this.#pass.tensors);
    return { loss, logits, updated, learningRate };
  }

  /** Waits until the last update is done. */
  settled(): Promise<void> {
    return this.#pass.settled();
  }

  gradients(): Promise<Map<string, Float32Array>> {
    return this.#pass.gradients();
  }

  async weights(): Promise<ReadonlyMap<string, Float32Array>> {
    const all = await this.variables();
    return new Map(
      this.model.variables.map(({ name }) => [name, all.get(name)!.data as Float32Array]),
    );
  }

  /** Everything that a checkpoint holds: variables, `global_step`, optimizer states. */
  variables(): Promise<Map<string, NdArray>> {
    return this.#variables.read();
  }

  async state(): Promise<LearnerState> {
    return { variables: await this.variables() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pass[Symbol.asyncDispose]();
    await this.#variables[Symbol.asyncDispose]();
  }
}
