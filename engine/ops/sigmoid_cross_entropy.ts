/**
 * The loss of a training step: the mean over all elements (not over the sum of the weights) of
 *
 *   weight * (max(l, 0) - l * t + log(1 + e^-|l|))       for a logit l and a soft label t,
 *
 * and its gradient weight * (sigmoid(l) - t) / elements.
 */
import { elementCount } from "../formats/nd_array.ts";
import type { Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, workOf } from "./op.ts";

function checkShapes(inputs: readonly Shape[]): void {
  const [logits, ...others] = inputs;
  if (others.length === 2 && others.every((s) => describeShape(s) === describeShape(logits))) {
    return;
  }
  throw new RangeError(
    `Cannot compute the loss: logits, labels and weights must have one shape, current shapes are ${
      inputs.map(describeShape).join(", ")
    }`,
  );
}

/** Inputs logits, labels and weights of one shape; output dlogits. */
export const sigmoidCrossEntropyGrad: Op = {
  name: "sigmoid_cross_entropy_grad",
  shapes(inputs: readonly Shape[]): Shape[] {
    checkShapes(inputs);
    return [inputs[0]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[]): void {
    const [logits, labels, weights] = inputs.map(reals);
    const dlogits = reals(outputs[0]);
    for (let i = 0; i < dlogits.length; i++) {
      const prob = 1 / (1 + Math.exp(-logits[i]));
      dlogits[i] = weights[i] * (prob - labels[i]) / dlogits.length;
    }
  },
  work(call: Call) {
    return workOf(call, 8 * elementCount(call.outputs[0].shape));
  },
};

/** Inputs logits, labels and weights of one shape; output the mean `[1]`. */
export const sigmoidCrossEntropy: Op = {
  name: "sigmoid_cross_entropy",
  shapes(inputs: readonly Shape[]): Shape[] {
    checkShapes(inputs);
    return [[1]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[]): void {
    const [logits, labels, weights] = inputs.map(reals);
    let sum = 0;
    for (let i = 0; i < logits.length; i++) {
      const l = logits[i];
      const entropy = Math.max(l, 0) - l * labels[i] + Math.log1p(Math.exp(-Math.abs(l)));
      sum += weights[i] * entropy;
    }
    reals(outputs[0])[0] = sum / logits.length;
  },
  /** The loss is where every gradient starts, so that what comes from above is 1. */
  gradient(call: Call, _outputGrads: readonly Value[], graph: GraphWriter): (Value | null)[] {
    return [graph.call(sigmoidCrossEntropyGrad, call.inputs)[0], null, null];
  },
  work(call: Call) {
    return workOf(call, 10 * elementCount(call.inputs[0].shape));
  },
};
