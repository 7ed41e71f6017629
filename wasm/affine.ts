import { affine as op, affineConstants } from "../engine/ops/affine.ts";
import type { Launcher } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** A linear map of every element, cut by rows. */
export const affine: Launcher = {
  op: op.name,
  inPlace: (call) => call.inputs,
  launch(call, context) {
    const [{ shape }] = call.inputs;
    const { scale, shift } = affineConstants(call.attributes);
    context.emit({
      kernel: "affine",
      args: [
        ...rowArguments(shape),
        { f32: scale },
        { f32: shift },
        ...[...call.inputs, ...call.outputs].map(context.view),
      ],
      items: rowCount(shape),
    });
  },
};
