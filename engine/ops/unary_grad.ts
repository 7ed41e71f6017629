/** Gradients of the element-wise functions, from their results: dx = dy * f'(x), any shape. */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, Host, Op, Shape } from "./op.ts";
import { describeShape, reals, workOf } from "./op.ts";

/** Slope of the leaky ReLU for x of 0 and below. */
export const LEAKY_SLOPE = 0.2;

/** f'(x) as a function of y = f(x), for each function of the unary family. */
const DERIVATIVES: Readonly<Record<string, (y: number) => number>> = {
  relu: (y) => y > 0 ? 1 : 0,
  leaky_relu: (y) => y > 0 ? 1 : LEAKY_SLOPE,
  sigmoid: (y) => y * (1 - y),
  tanh: (y) => 1 - y * y,
};

function derivative(attributes: Attributes): (y: number) => number {
  const name = attributes.function;
  if (typeof name === "string" && Object.hasOwn(DERIVATIVES, name)) return DERIVATIVES[name];
  throw new RangeError(
    `Cannot apply the gradient of unary function "${name}": known functions are ${
      Object.keys(DERIVATIVES).join(", ")
    }`,
  );
}

/** Inputs y (the result of the function) and dy of the same shape; output dx. */
export const unaryGrad: Op = {
  name: "unary_grad",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    derivative(attributes);
    const [y, dy] = inputs;
    if (describeShape(y) !== describeShape(dy)) {
      throw new RangeError(
        `Cannot apply the gradient of a unary function: both shapes must be equal, current shapes are ${
          describeShape(y)
        } and ${describeShape(dy)}`,
      );
    }
    return [y];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const slope = derivative(attributes);
    const [y, dy, dx] = [reals(inputs[0]), reals(inputs[1]), reals(outputs[0])];
    for (let i = 0; i < dx.length; i++) dx[i] = dy[i] * slope(y[i]);
  },
  work(call: Call) {
    return workOf(call, 2 * elementCount(call.outputs[0].shape));
  },
};
