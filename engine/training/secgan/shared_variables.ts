/** The variables of all networks of SECGAN where owners hold them: four optimizers alike are one, and count together. */
import type { NdArray } from "../../formats/nd_array.ts";
import type { GradientExchange, Pulled } from "../gradient_exchange.ts";
import type { SecganStep } from "./secgan_step.ts";

/** `global_step` grows by one with each of the four optimizers. */
export const STEPS_PER_ITERATION = 4;

/** A step whose gradients are given to owners, and whose variables come from them. */
export class SharedVariables {
  readonly #exchange: GradientExchange;
  readonly #step: SecganStep;
  #pulled: Pulled;
  #isFresh = true;

  private constructor(exchange: GradientExchange, step: SecganStep, pulled: Pulled) {
    this.#exchange = exchange;
    this.#step = step;
    this.#pulled = pulled;
    step.load(pulled.values);
  }

  /** Takes the variables as they are now. */
  static async open(exchange: GradientExchange, step: SecganStep): Promise<SharedVariables> {
    return new SharedVariables(exchange, step, await exchange.pull());
  }

  /** Updates of the whole run. */
  get updates(): number {
    return this.#pulled.globalStep;
  }

  /** Takes newer variables, once per iteration. */
  async refresh(): Promise<void> {
    if (this.#isFresh) return;
    this.#pulled = await this.#exchange.pull();
    this.#step.load(this.#pulled.values);
    this.#isFresh = true;
  }

  /**
   * Gives the gradients of the last batch to the owners.
   *
   * @returns updates of the whole run.
   */
  async push(loss: number): Promise<number> {
    this.#isFresh = false;
    const gradients = await this.#step.readGradients();
    return (await this.#exchange.push(gradients, this.#pulled.stamps, loss)).globalStep;
  }

  /**
   * Variables and states of the optimizers by their names in a checkpoint: each optimizer has powers of its own there.
   *
   * @param optimizers How many they are.
   */
  async state(optimizers: number): Promise<{
    readonly updates: number;
    readonly variables: ReadonlyMap<string, NdArray>;
    readonly counts?: Readonly<Record<string, number>>;
  }> {
    const { variables, counts } = await this.#exchange.state();
    const all = new Map(variables);
    const updates = Number(all.get("global_step")!.data[0]);
    all.delete("global_step");
    for (const name of ["beta1_power", "beta2_power"]) {
      const power = all.get(name);
      for (let i = 1; power && i < optimizers; i++) all.set(`${name}_${i}`, power);
    }
    return { updates, variables: all, counts };
  }
}
