/** Element-wise functions of one array: y = f(x), any shape. Which one is the attribute `function`. */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { reals, workOf } from "./op.ts";
import { LEAKY_SLOPE, unaryGrad } from "./unary_grad.ts";

const FUNCTIONS = {
  relu: { apply: (x: number): number => x < 0 ? 0 : x, flops: 1 },
  leaky_relu: { apply: (x: number): number => x < 0 ? LEAKY_SLOPE * x : x, flops: 2 },
  /** 1 / (1 + e^-x) */
  sigmoid: { apply: (x: number): number => 1 / (1 + Math.exp(-x)), flops: 4 },
  tanh: { apply: Math.tanh, flops: 6 },
} as const;

/** Names that the attribute `function` of a unary call may have. */
export type UnaryFunction = keyof typeof FUNCTIONS;

/** The functions of this family. */
export const UNARY_FUNCTIONS = Object.keys(FUNCTIONS) as UnaryFunction[];

/** The function of a unary call. */
export function unaryFunction(attributes: Attributes): UnaryFunction {
  const name = attributes.function;
  if (typeof name !== "string" || !Object.hasOwn(FUNCTIONS, name)) {
    throw new RangeError(
      `Cannot apply unary function "${name}": known functions are ${UNARY_FUNCTIONS.join(", ")}`,
    );
  }
  return name as UnaryFunction;
}

/** Element-wise op of one input. */
export const unary: Op = {
  name: "unary",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    unaryFunction(attributes);
    if (inputs.length !== 1) {
      throw new RangeError(
        `Cannot apply a unary function: it takes 1 input, current number is ${inputs.length}`,
      );
    }
    return [inputs[0]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const { apply } = FUNCTIONS[unaryFunction(attributes)];
    const [x, y] = [reals(inputs[0]), reals(outputs[0])];
    for (let i = 0; i < y.length; i++) y[i] = apply(x[i]);
  },
  gradient(call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] {
    return graph.call(unaryGrad, [call.outputs[0], dy], call.attributes);
  },
  work(call: Call) {
    const { flops } = FUNCTIONS[unaryFunction(call.attributes)];
    return workOf(call, flops * elementCount(call.outputs[0].shape));
  },
};

/** Appends max(x, 0). */
export function appendRelu(graph: GraphWriter, x: Value): Value {
  return graph.call(unary, [x], { function: "relu" })[0];
}

/** Appends x where it is positive, else 0.2 x. */
export function appendLeakyRelu(graph: GraphWriter, x: Value): Value {
  return graph.call(unary, [x], { function: "leaky_relu" })[0];
}

/** Appends tanh(x). */
export function appendTanh(graph: GraphWriter, x: Value): Value {
  return graph.call(unary, [x], { function: "tanh" })[0];
}
