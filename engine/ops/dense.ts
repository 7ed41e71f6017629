/** Fully connected layer: y[b, o] = bias[o] + sum over i of x[b, i] * w[i, o], and its gradients. */
import type { Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";

function requireShapes(action: string, given: readonly Shape[], wanted: readonly Shape[]): void {
  if (given.every((shape, i) => describeShape(shape) === describeShape(wanted[i]))) return;
  throw new RangeError(
    `Cannot ${action}: shapes must be ${wanted.map(describeShape).join(", ")}, current shapes are ${
      given.map(describeShape).join(", ")
    }`,
  );
}

/** Inputs x `[batch, in]`, weights `[in, out]` and dy `[batch, out]`; outputs dx, dw and dbias `[out]`. */
export const denseGrad: Op = {
  name: "dense_grad",
  shapes([x, weights, dy]: readonly Shape[]): Shape[] {
    const action = "compute the gradients of a dense layer";
    requireRank(action, x, 2);
    requireRank(action, weights, 2);
    requireShapes(action, [weights, dy], [[x[1], weights[1]], [x[0], weights[1]]]);
    return [x, weights, [weights[1]]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[]): void {
    const [x, w, dy] = inputs.map(reals);
    const [dx, dw, dbias] = outputs.map(reals);
    const [[batch], [ci, co]] = inputs.map(({ shape }) => shape);
    for (let i = 0; i < ci; i++) {
      for (let b = 0; b < batch; b++) {
        let sum = 0;
        for (let o = 0; o < co; o++) sum += dy[b * co + o] * w[i * co + o];
        dx[b * ci + i] = sum;
      }
      for (let o = 0; o < co; o++) {
        let sum = 0;
        for (let b = 0; b < batch; b++) sum += x[b * ci + i] * dy[b * co + o];
        dw[i * co + o] = sum;
      }
    }
    for (let o = 0; o < co; o++) {
      let sum = 0;
      for (let b = 0; b < batch; b++) sum += dy[b * co + o];
      dbias[o] = sum;
    }
  },
  work(call: Call) {
    const [[batch], [ci, co]] = call.inputs.map(({ shape }) => shape);
    return workOf(call, 4 * batch * ci * co);
  },
};

/** Inputs x `[batch, in]`, weights `[in, out]` and bias `[out]`; output `[batch, out]`. */
export const dense: Op = {
  name: "dense",
  shapes([x, weights, bias]: readonly Shape[]): Shape[] {
    const action = "apply a dense layer";
    requireRank(action, x, 2);
    requireRank(action, weights, 2);
    requireShapes(action, [weights, bias], [[x[1], weights[1]], [weights[1]]]);
    return [[x[0], weights[1]]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[]): void {
    const [x, w, bias] = inputs.map(reals);
    const y = reals(outputs[0]);
    const [ci, co] = inputs[1].shape;
    for (let at = 0; at < y.length; at++) {
      let sum = bias[at % co];
      const from = Math.floor(at / co) * ci;
      for (let i = 0; i < ci; i++) sum += x[from + i] * w[i * co + at % co];
      y[at] = sum;
    }
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(denseGrad, [call.inputs[0], call.inputs[1], dy]),
  work(call: Call) {
    const [[batch], [ci, co]] = call.inputs.map(({ shape }) => shape);
    return workOf(call, 2 * batch * ci * co);
  },
};

/** Appends a fully connected layer on x `[batch, in]`; output `[batch, out]`. */
export function appendDense(graph: GraphWriter, x: Value, weights: Value, bias: Value): Value {
  return graph.call(dense, [x, weights, bias])[0];
}
