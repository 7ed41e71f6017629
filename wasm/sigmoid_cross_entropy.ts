import { elementCount } from "../engine/formats/nd_array.ts";
import {
  sigmoidCrossEntropy as lossOp,
  sigmoidCrossEntropyGrad as gradOp,
} from "../engine/ops/sigmoid_cross_entropy.ts";
import { activationShape } from "./layout.ts";
import type { Launcher } from "./launcher.ts";
import { emitMean, partCount, SUM_BYTES } from "./parts.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** The loss, summed in parts in float64. */
export const sigmoidCrossEntropy: Launcher = {
  op: lossOp.name,
  plain: { outputs: [0] },
  launch(call, context) {
    const [{ shape }] = call.inputs;
    const parts = partCount(shape);
    const sums = context.temporary(parts * SUM_BYTES);
    context.emit({
      kernel: "sigmoid_cross_entropy",
      args: [...activationShape(shape), parts, sums, ...call.inputs.map(context.view)],
      items: parts,
    });
    emitMean(context, { parts, elements: elementCount(shape), sums, to: call.outputs[0] });
  },
};

/** Its gradient, cut by rows. */
export const sigmoidCrossEntropyGrad: Launcher = {
  op: gradOp.name,
  launch(call, context) {
    const [{ shape }] = call.inputs;
    context.emit({
      kernel: "sigmoid_cross_entropy_grad",
      args: [
        ...rowArguments(shape),
        { f32: 1 / elementCount(shape) },
        ...[...call.inputs, ...call.outputs].map(context.view),
      ],
      items: rowCount(shape),
    });
  },
};
