import type { Backend } from "../backends/backend.ts";
import type { Model } from "../models/model.ts";
import type { GradientExchange, Pulled, Pushed } from "./gradient_exchange.ts";
import { type Batch, GradientPass } from "./gradient_pass.ts";
import type { Learner, LearnerState, StepResult, UpdateCheck } from "./learner.ts";
import { type OptimizerOptions, scheduledRate } from "./optimizer.ts";
import { allocate, disposeAll, type Tensors } from "./trained_variables.ts";

/** How variables are shared. */
export interface ExchangeOptions {
  readonly exchange: GradientExchange;
  /**
   * Pulls and pushes while the next gradients are computed, which then are of variables one update older. Without effect
   * as long as there is one worker.
   */
  readonly prefetch: boolean;
}

/**
 * A network in training whose variables are held elsewhere: gradients are computed here, clipped, and given to the owners.
 */
export class ExchangedStep implements Learner {
  readonly model: Model;
  readonly #pass: GradientPass;
  readonly #backend: Backend;
  readonly #optimizer: OptimizerOptions;
  readonly #exchange: GradientExchange;
  readonly #prefetch: boolean;
  /** The network's variables. */
  readonly #variables: Tensors;
  /** What they hold. */
  #pulled: Pulled;
  #isFresh = true;
  /** Asked for during the last step. */
  #coming: Promise<Pulled> | null = null;
  #pushing: Promise<Pushed> | null = null;
  #globalStep: number;

  private constructor(
    pass: GradientPass,
    backend: Backend,
    optimizer: OptimizerOptions,
    { exchange, prefetch }: ExchangeOptions,
    pulled: Pulled,
  ) {
    this.model = pass.model;
    this.#pass = pass;
    this.#backend = backend;
    this.#optimizer = optimizer;
    this.#exchange = exchange;
    this.#prefetch = prefetch;
    this.#variables = allocate(backend, pass.model.variables.map((v) => [v.name, v]));
    this.#pulled = pulled;
    this.#globalStep = pulled.globalStep;
    this.#upload();
  }

  /** Compiles the network and pulls its variables. */
  static async open(
    model: Model,
    batchSize: number,
    optimizer: OptimizerOptions,
    options: ExchangeOptions,
    backend: Backend,
  ): Promise<ExchangedStep> {
    const pass = await GradientPass.open(model, batchSize, backend);
    const pulled = await options.exchange.pull();
    return new ExchangedStep(pass, backend, optimizer, options, pulled);
  }

  get globalStep(): number {
    return this.#globalStep;
  }

  async predict(batch: Pick<Batch, "image" | "seed">): Promise<Float32Array> {
    await this.#refresh();
    return await this.#pass.predict(batch, this.#variables);
  }

  async step(batch: Batch, check: UpdateCheck = () => true): Promise<StepResult> {
    await this.#refresh();
    const { stamps, globalStep, workers } = this.#pulled;
    const isAhead = this.#prefetch && workers > 1;
    const computing = this.#pass.run(batch, this.#variables);
    if (isAhead) this.#coming = quiet(this.#exchange.pull());
    const { loss, logits } = await computing;
    const updated = await check(loss, () => this.gradients());
    if (updated) {
      const clipped = clippedTo(this.#optimizer.clip, await this.gradients());
      await this.#pushed();
      this.#pushing = quiet(this.#exchange.push(clipped, stamps, loss));
      if (!isAhead) await this.#pushed();
    }
    this.#isFresh = false;
    return { loss, logits, updated, learningRate: scheduledRate(this.#optimizer, globalStep) };
  }

  gradients(): Promise<Map<string, Float32Array>> {
    return this.#pass.gradients();
  }

  async weights(): Promise<ReadonlyMap<string, Float32Array>> {
    await this.#refresh();
    return this.#pulled.values;
  }

  async state(): Promise<LearnerState> {
    await this.#pushed();
    return await this.#exchange.state();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What went wrong there matters no more.
    await this.#pushing?.catch(() => {});
    await this.#coming?.catch(() => {});
    await this.#pass[Symbol.asyncDispose]();
    disposeAll(this.#variables);
  }

  /** Waits for a push that is under way. */
  async #pushed(): Promise<void> {
    const push = this.#pushing;
    this.#pushing = null;
    if (push) this.#globalStep = (await push).globalStep;
  }

  /** Takes newer variables, once per step. */
  async #refresh(): Promise<void> {
    if (this.#isFresh) return;
    const coming = this.#coming ?? this.#exchange.pull();
    this.#coming = null;
    this.#pulled = await coming;
    this.#globalStep = this.#pulled.globalStep;
    this.#upload();
    this.#isFresh = true;
  }

  #upload(): void {
    for (const [name, tensor] of Object.entries(this.#variables)) {
      this.#backend.write(tensor, this.#pulled.values.get(name)!);
    }
  }
}

/** A promise that nobody may be waiting for when it fails; whoever waits later is told. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Entries cut off at ±clip, in place. */
function clippedTo(
  clip: number,
  gradients: ReadonlyMap<string, Float32Array>,
): ReadonlyMap<string, Float32Array> {
  // The nearest float32, with which the optimizer's kernel compares too.
  const limit = Math.fround(clip);
  for (const data of gradients.values()) {
    for (let i = 0; i < data.length; i++) {
      if (data[i] > limit) data[i] = limit;
      else if (data[i] < -limit) data[i] = -limit;
    }
  }
  return gradients;
}
