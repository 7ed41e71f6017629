/** Element-wise functions of two arrays of one shape: y = f(a, b). Which one is the attribute `function`. */
import { UnsupportedError } from "../errors/errors.ts";
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, workOf } from "./op.ts";

const FUNCTIONS = {
  add: (a: number, b: number): number => a + b,
  subtract: (a: number, b: number): number => a - b,
  multiply: (a: number, b: number): number => a * b,
} as const;

/** Names that the attribute `function` of a binary call may have. */
export type BinaryFunction = keyof typeof FUNCTIONS;

/** The functions of this family. */
export const BINARY_FUNCTIONS = Object.keys(FUNCTIONS) as BinaryFunction[];

/** The function of a binary call. */
export function binaryFunction(attributes: Attributes): BinaryFunction {
  const name = attributes.function;
  if (typeof name !== "string" || !Object.hasOwn(FUNCTIONS, name)) {
    throw new RangeError(
      `Cannot apply binary function "${name}": known functions are ${BINARY_FUNCTIONS.join(", ")}`,
    );
  }
  return name as BinaryFunction;
}

/** Element-wise op of two inputs of the same shape. */
export const binary: Op = {
  name: "binary",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    const name = binaryFunction(attributes);
    if (inputs.length !== 2) {
      throw new RangeError(
        `Cannot apply "${name}": it takes 2 inputs, current number is ${inputs.length}`,
      );
    }
    const [a, b] = inputs;
    if (describeShape(a) !== describeShape(b)) {
      throw new RangeError(
        `Cannot apply "${name}": both shapes must be equal, current shapes are ${
          describeShape(a)
        } and ${describeShape(b)}`,
      );
    }
    return [a];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const apply = FUNCTIONS[binaryFunction(attributes)];
    const [a, b, y] = [reals(inputs[0]), reals(inputs[1]), reals(outputs[0])];
    for (let i = 0; i < y.length; i++) y[i] = apply(a[i], b[i]);
  },
  gradient(call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] {
    const [a, b] = call.inputs;
    const times = (other: Value) => graph.call(binary, [dy, other], { function: "multiply" })[0];
    switch (binaryFunction(call.attributes)) {
      case "add":
        return [dy, dy];
      case "multiply":
        return [times(b), times(a)];
      case "subtract":
        throw new UnsupportedError(
          'Cannot differentiate "subtract": no model that is trained has it',
        );
    }
  },
  work(call: Call) {
    return workOf(call, elementCount(call.outputs[0].shape));
  },
};

/** Appends a + b. */
export function appendAdd(graph: GraphWriter, a: Value, b: Value): Value {
  return graph.call(binary, [a, b], { function: "add" })[0];
}
