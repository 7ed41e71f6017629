import { unaryFunction } from "../engine/ops/unary.ts";
import { unaryGrad as op } from "../engine/ops/unary_grad.ts";
import type { Launcher } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Codes of `assembly/unary_grad.ts`. */
const CODES = { relu: 0, sigmoid: 1, leaky_relu: 2, tanh: 3 } as const;

/** Gradients of element-wise functions, cut by rows. */
export const unaryGrad: Launcher = {
  op: op.name,
  inPlace: (call) => call.inputs.slice(1),
  launch(call, context) {
    const [dx] = call.outputs;
    const code = CODES[unaryFunction(call.attributes)];
    context.emit({
      kernel: "unary_grad",
      args: [...rowArguments(dx.shape), code, ...call.inputs.map(context.view), context.view(dx)],
      items: rowCount(dx.shape),
    });
  },
};
