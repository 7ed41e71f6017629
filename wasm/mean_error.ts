import { elementCount } from "../engine/formats/nd_array.ts";
import {
  errorAttributes,
  meanError as lossOp,
  meanErrorGrad as gradOp,
} from "../engine/ops/mean_error.ts";
import { activationShape } from "./layout.ts";
import type { Launcher } from "./launcher.ts";
import { emitMean, partCount, SUM_BYTES } from "./parts.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Codes of `assembly/mean_error.ts`. */
const CODES = { absolute: 0, squared: 1 } as const;

/** The loss, summed in parts in float64. */
export const meanError: Launcher = {
  op: lossOp.name,
  plain: { outputs: [0] },
  launch(call, context) {
    const [{ shape }] = call.inputs;
    const { name, weight } = errorAttributes(call.attributes);
    const parts = partCount(shape);
    const sums = context.temporary(parts * SUM_BYTES);
    context.emit({
      kernel: "mean_error",
      args: [
        ...activationShape(shape),
        CODES[name],
        { f32: weight },
        parts,
        sums,
        ...call.inputs.map(context.view),
      ],
      items: parts,
    });
    emitMean(context, { parts, elements: elementCount(shape), sums, to: call.outputs[0] });
  },
};

/** Its gradient, cut by rows. */
export const meanErrorGrad: Launcher = {
  op: gradOp.name,
  launch(call, context) {
    const [{ shape }] = call.inputs;
    const { name, weight } = errorAttributes(call.attributes);
    const slope = name === "absolute" ? 1 : 2;
    context.emit({
      kernel: "mean_error_grad",
      args: [
        ...rowArguments(shape),
        CODES[name],
        { f32: slope * weight / elementCount(shape) },
        ...[...call.inputs, ...call.outputs].map(context.view),
      ],
      items: rowCount(shape),
    });
  },
};
