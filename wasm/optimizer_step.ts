import { elementCount } from "../engine/formats/nd_array.ts";
import { optimizerConstants, optimizerStep as op } from "../engine/ops/optimizer_step.ts";
import type { Launcher } from "./launcher.ts";

/** Codes of `assembly/optimizer_step.ts`. */
const CODES = { sgd: 0, momentum: 1, adagrad: 2, adam: 3, rmsprop: 4 } as const;
/** Elements of an item, as in the assembly. */
const BLOCK = 1024;

/** Optimizer steps, cut by blocks of elements. */
export const optimizerStep: Launcher = {
  op: op.name,
  plain: { inputs: [0, 1, 2, 3, 4], outputs: [0, 1, 2] },
  launch(call, context) {
    const { name, clip, momentum, beta1, beta2, decay, epsilon } = optimizerConstants(
      call.attributes,
    );
    const [variable, gradient, rate, first, second] = call.inputs;
    const [next, nextFirst, nextSecond] = call.outputs;
    const count = elementCount(variable.shape);
    // A rule without a state gets the address of the variable in its place and does not look there.
    const from = [rate, variable, gradient, first ?? variable, second ?? variable];
    const to = [next, nextFirst ?? next, nextSecond ?? next];
    context.emit({
      kernel: "optimizer_step",
      args: [
        count,
        CODES[name],
        ...[clip, momentum, beta1, beta2, decay, epsilon].map((f32) => ({ f32 })),
        ...[...from, ...to].map(context.place),
      ],
      items: Math.ceil(count / BLOCK),
    });
  },
};
