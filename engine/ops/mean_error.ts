/**
 * How far two arrays are apart, a loss: weight * mean over all elements of
 *
 *   |a - b|     for the attribute `function` "absolute", or
 *   (a - b)²    for "squared",
 *
 * and its gradient by a, weight * sign(a - b) / elements (0 where they are equal) or weight * 2 * (a - b) / elements.
 */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, workOf } from "./op.ts";

/** Names that the attribute `function` may have. */
export const ERROR_FUNCTIONS = ["absolute", "squared"] as const;

/** One of `ERROR_FUNCTIONS`. */
export type ErrorFunction = (typeof ERROR_FUNCTIONS)[number];

/** Attributes of a call; `weight` is 1 where it is left out. */
export function errorAttributes(
  attributes: Attributes,
): { readonly name: ErrorFunction; readonly weight: number } {
  const { function: name, weight = 1 } = attributes;
  if (!ERROR_FUNCTIONS.includes(name as ErrorFunction)) {
    throw new RangeError(
      `Cannot compute the mean error "${name}": known functions are ${ERROR_FUNCTIONS.join(", ")}`,
    );
  }
  if (typeof weight !== "number" || !Number.isFinite(weight)) {
    throw new RangeError(
      `Cannot compute a mean error: weight must be a finite number, current value is ${weight}`,
    );
  }
  return { name: name as ErrorFunction, weight };
}

function checkShapes([a, b]: readonly Shape[], attributes: Attributes): void {
  errorAttributes(attributes);
  if (describeShape(a) === describeShape(b)) return;
  throw new RangeError(
    `Cannot compute a mean error: both shapes must be equal, current shapes are ${
      describeShape(a)
    } and ${describeShape(b)}`,
  );
}

/** Inputs a and b of one shape; output the gradient of the loss by a. */
export const meanErrorGrad: Op = {
  name: "mean_error_grad",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    checkShapes(inputs, attributes);
    return [inputs[0]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const { name, weight } = errorAttributes(attributes);
    const [a, b, da] = [...inputs, ...outputs].map(reals);
    for (let i = 0; i < da.length; i++) {
      const slope = name === "absolute" ? Math.sign(a[i] - b[i]) : 2 * (a[i] - b[i]);
      da[i] = weight * slope / da.length;
    }
  },
  work: (call: Call) => workOf(call, 3 * elementCount(call.outputs[0].shape)),
};

/** Inputs a and b of one shape, attributes `function` and `weight`; output the weighted mean `[1]`. */
export const meanError: Op = {
  name: "mean_error",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    checkShapes(inputs, attributes);
    return [[1]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const { name, weight } = errorAttributes(attributes);
    const [a, b] = inputs.map(reals);
    let sum = 0;
    for (let i = 0; i < a.length; i++) {
      sum += name === "absolute" ? Math.abs(a[i] - b[i]) : (a[i] - b[i]) ** 2;
    }
    reals(outputs[0])[0] = weight * sum / a.length;
  },
  /** A loss, or a term of a sum of losses, is where gradients start, so that what comes from above is 1. */
  gradient(
    call: Call,
    _outputGrads: readonly Value[],
    graph: GraphWriter,
    needs: readonly boolean[],
  ): (Value | null)[] {
    const [a, b] = call.inputs;
    const by = (x: Value, y: Value) => graph.call(meanErrorGrad, [x, y], call.attributes)[0];
    return [needs[0] ? by(a, b) : null, needs[1] ? by(b, a) : null];
  },
  work: (call: Call) => workOf(call, 3 * elementCount(call.inputs[0].shape)),
};

/** Appends weight * mean |a - b| or weight * mean (a - b)², of shape `[1]`; terms are added with `appendAdd`. */
export function appendMeanError(
  graph: GraphWriter,
  name: ErrorFunction,
  [a, b]: readonly [Value, Value],
  weight: number = 1,
): Value {
  return graph.call(meanError, [a, b], { function: name, weight })[0];
}
