import { binary as op, binaryFunction } from "../engine/ops/binary.ts";
import type { Launcher } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Codes of `assembly/binary.ts`. */
const CODES = { add: 0, subtract: 1, multiply: 2 } as const;

/** Element-wise functions of two arrays, cut by rows. */
export const binary: Launcher = {
  op: op.name,
  inPlace: (call) => call.inputs,
  launch(call, context) {
    const [y] = call.outputs;
    const code = CODES[binaryFunction(call.attributes)];
    context.emit({
      kernel: "binary",
      args: [...rowArguments(y.shape), code, ...call.inputs.map(context.view), context.view(y)],
      items: rowCount(y.shape),
    });
  },
};
