import { unary as op, unaryFunction } from "../engine/ops/unary.ts";
import type { Launcher } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Codes of `assembly/unary.ts`. */
const CODES = { relu: 0, sigmoid: 1, leaky_relu: 2, tanh: 3 } as const;

/** Element-wise functions of one array, cut by rows. */
export const unary: Launcher = {
  op: op.name,
  inPlace: (call) => call.inputs,
  launch(call, context) {
    const [x] = call.inputs;
    const code = CODES[unaryFunction(call.attributes)];
    context.emit({
      kernel: "unary",
      args: [...rowArguments(x.shape), code, context.view(x), context.view(call.outputs[0])],
      items: rowCount(x.shape),
    });
  },
};
