/** Optimizers by their names: rules, states, learning rates. Rules and names of states are those of TensorFlow 1. */
import type { NdArray } from "../formats/nd_array.ts";
import { OPTIMIZER_STATES, type OptimizerName } from "../ops/optimizer_step.ts";
import type { Attributes } from "../ops/op.ts";

/** How variables are changed. */
export interface OptimizerOptions {
  readonly name: OptimizerName;
  readonly learningRate: number;
  /** Every entry of a gradient is clipped to ±clip first; Infinity for none. */
  readonly clip: number;
  readonly momentum: number;
  readonly adamBeta1: number;
  readonly adamBeta2: number;
  readonly rmspropDecay: number;
  readonly epsilon: number;
  /** With `decaySteps`: the rate is multiplied by this each time as many steps are done. */
  readonly decayFactor?: number;
  readonly decaySteps?: number;
}

/** The reference's defaults. */
export const DEFAULT_OPTIMIZER: OptimizerOptions = {
  name: "sgd",
  learningRate: 0.001,
  clip: 0.7,
  momentum: 0.9,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  rmspropDecay: 0.9,
  epsilon: 1e-8,
};

/** Names that `--optimizer` takes. */
export const OPTIMIZER_NAMES = Object.keys(OPTIMIZER_STATES) as OptimizerName[];

/** A state of every variable, stored under `<variable>/<name>`. */
export interface OptimizerSlot {
  readonly name: string;
  readonly initial: number;
}

const SLOTS: Readonly<Record<OptimizerName, readonly OptimizerSlot[]>> = {
  sgd: [],
  momentum: [{ name: "Momentum", initial: 0 }],
  adagrad: [{ name: "Adagrad", initial: 0.1 }],
  adam: [{ name: "Adam", initial: 0 }, { name: "Adam_1", initial: 0 }],
  rmsprop: [{ name: "RMSProp", initial: 1 }, { name: "RMSProp_1", initial: 0 }],
};

/** States of an optimizer, in the order in which `optimizer_step` takes them. */
export function optimizerSlots(name: OptimizerName): readonly OptimizerSlot[] {
  return SLOTS[name];
}

/** Attributes of `optimizer_step`. */
export function stepAttributes(options: OptimizerOptions): Attributes {
  return {
    function: options.name,
    clip: options.clip,
    momentum: options.momentum,
    beta1: options.adamBeta1,
    beta2: options.adamBeta2,
    decay: options.rmspropDecay,
    epsilon: options.epsilon,
  };
}

/** The learning rate after `step` steps, without Adam's correction. */
export function scheduledRate(options: OptimizerOptions, step: number): number {
  const { learningRate, decayFactor, decaySteps } = options;
  if (decayFactor === undefined || decaySteps === undefined) return learningRate;
  return learningRate * decayFactor ** Math.floor(step / decaySteps);
}

/**
 * Adam's bias correction. It depends on powers of the betas, which TensorFlow keeps as float32 variables of their own and
 * multiplies after every step.
 */
export class AdamPowers {
  #beta1Power: number;
  #beta2Power: number;
  readonly #beta1: number;
  readonly #beta2: number;

  constructor({ adamBeta1, adamBeta2 }: OptimizerOptions) {
    this.#beta1 = Math.fround(adamBeta1);
    this.#beta2 = Math.fround(adamBeta2);
    this.#beta1Power = this.#beta1;
    this.#beta2Power = this.#beta2;
  }

  /** The rate of the coming step. */
  corrected(rate: number): number {
    return rate * Math.sqrt(1 - this.#beta2Power) / (1 - this.#beta1Power);
  }

  /** Counts a step. */
  advance(): void {
    this.#beta1Power = Math.fround(this.#beta1Power * this.#beta1);
    this.#beta2Power = Math.fround(this.#beta2Power * this.#beta2);
  }

  /** `beta1_power` and `beta2_power`, scalars. */
  variables(): Map<string, NdArray> {
    const scalar = (value: number): NdArray => ({
      dtype: "float32",
      shape: [],
      data: Float32Array.of(value),
    });
    return new Map([
      ["beta1_power", scalar(this.#beta1Power)],
      ["beta2_power", scalar(this.#beta2Power)],
    ]);
  }

  restore(beta1Power: number, beta2Power: number): void {
    this.#beta1Power = beta1Power;
    this.#beta2Power = beta2Power;
  }
}
