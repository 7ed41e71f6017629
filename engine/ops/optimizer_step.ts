/**
 * One step of an optimizer on one variable, element-wise, with g the gradient clipped to ±clip. The rules and the names
 * of their states are those of TensorFlow 1:
 *
 *   sgd       w -= rate * g
 *   momentum  a = momentum * a + g;  w -= rate * a
 *   adagrad   a += g²;  w -= rate * g / sqrt(a)
 *   adam      m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g²;  w -= rate * m / (sqrt(v) + epsilon)
 *   rmsprop   s = decay * s + (1 - decay) * g²;  a = momentum * a + rate * g / sqrt(s + epsilon);  w -= a
 *
 * Adam's rate comes with its bias correction in it.
 */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, Host, Op, Shape } from "./op.ts";
import { describeShape, reals, workOf } from "./op.ts";

/** Number of states of each rule. */
export const OPTIMIZER_STATES = { sgd: 0, momentum: 1, adagrad: 1, adam: 2, rmsprop: 2 } as const;

/** Names that the attribute `function` of a step may have. */
export type OptimizerName = keyof typeof OPTIMIZER_STATES;

/** What a step is told besides its arrays. */
export interface OptimizerConstants {
  readonly name: OptimizerName;
  /** Infinity for none. */
  readonly clip: number;
  readonly momentum: number;
  /** Adam's beta1. */
  readonly beta1: number;
  /** Adam's beta2. */
  readonly beta2: number;
  /** RMSProp's decay. */
  readonly decay: number;
  readonly epsilon: number;
}

/** Constants of a call, with those that its rule does not use left at 0. */
export function optimizerConstants(attributes: Attributes): OptimizerConstants {
  const name = attributes.function;
  if (typeof name !== "string" || !Object.hasOwn(OPTIMIZER_STATES, name)) {
    throw new RangeError(
      `Cannot step with optimizer "${name}": known are ${Object.keys(OPTIMIZER_STATES).join(", ")}`,
    );
  }
  const number = (key: string, fallback: number): number => {
    const value = attributes[key] ?? fallback;
    if (typeof value === "number" && value >= 0) return value;
    throw new RangeError(
      `Cannot step with ${key} ${value}: it must be a number of 0 or more`,
    );
  };
  return {
    name: name as OptimizerName,
    clip: number("clip", Infinity),
    momentum: number("momentum", 0),
    beta1: number("beta1", 0),
    beta2: number("beta2", 0),
    decay: number("decay", 0),
    epsilon: number("epsilon", 0),
  };
}

type Element = { w: number; a: number; b: number };

/** Changes one element in place; `a` and `b` are its states. */
function step(e: Element, g: number, rate: number, c: OptimizerConstants): void {
  switch (c.name) {
    case "sgd":
      e.w -= rate * g;
      break;
    case "momentum":
      e.a = c.momentum * e.a + g;
      e.w -= rate * e.a;
      break;
    case "adagrad":
      e.a += g * g;
      e.w -= rate * g / Math.sqrt(e.a);
      break;
    case "adam":
      e.a = c.beta1 * e.a + (1 - c.beta1) * g;
      e.b = c.beta2 * e.b + (1 - c.beta2) * g * g;
      e.w -= rate * e.a / (Math.sqrt(e.b) + c.epsilon);
      break;
    case "rmsprop":
      e.a = c.decay * e.a + (1 - c.decay) * g * g;
      e.b = c.momentum * e.b + rate * g / Math.sqrt(e.a + c.epsilon);
      e.w -= e.b;
      break;
  }
}

/** Inputs variable, gradient, rate `[1]`, states; outputs the next variable and states. All but the rate have one shape. */
export const optimizerStep: Op = {
  name: "optimizer_step",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    const states = OPTIMIZER_STATES[optimizerConstants(attributes).name];
    const [variable, gradient, rate, ...others] = inputs;
    const equal = [gradient, ...others].every((s) => describeShape(s) === describeShape(variable));
    if (others.length !== states || !equal || describeShape(rate) !== "[1]") {
      throw new RangeError(
        `Cannot step with optimizer "${attributes.function}": it takes variable, gradient, rate [1] and ${states} states of the variable's shape, current shapes are ${
          inputs.map(describeShape).join(", ")
        }`,
      );
    }
    return [variable, ...others];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const constants = optimizerConstants(attributes);
    const [w, g, [rate], a, b] = inputs.map(reals);
    const [nextW, nextA, nextB] = outputs.map(reals);
    const e: Element = { w: 0, a: 0, b: 0 };
    for (let i = 0; i < w.length; i++) {
      e.w = w[i];
      e.a = a?.[i] ?? 0;
      e.b = b?.[i] ?? 0;
      step(e, Math.min(Math.max(g[i], -constants.clip), constants.clip), rate, constants);
      nextW[i] = e.w;
      if (nextA) nextA[i] = e.a;
      if (nextB) nextB[i] = e.b;
    }
  },
  work(call: Call) {
    return workOf(call, 8 * elementCount(call.outputs[0].shape));
  },
};
