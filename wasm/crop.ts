import { crop as cropOp, embed as embedOp, marginOf } from "../engine/ops/crop.ts";
import { atFirstTap, type Launcher } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** A copy of the middle, cut by rows. */
export const crop: Launcher = {
  op: cropOp.name,
  launch(call, context) {
    const margin = marginOf(call.attributes);
    const [{ shape }] = call.outputs;
    context.emit({
      kernel: "copy_channels",
      args: [
        ...rowArguments(shape),
        atFirstTap(context.view(call.inputs[0]), [-margin, -margin, -margin]),
        context.view(call.outputs[0]),
      ],
      items: rowCount(shape),
    });
  },
};

/** A copy into the middle with zeros around it, cut by rows. */
export const embed: Launcher = {
  op: embedOp.name,
  launch(call, context) {
    const margin = marginOf(call.attributes);
    const [{ shape }] = call.outputs;
    context.emit({
      kernel: "embed",
      args: [
        ...rowArguments(shape),
        margin,
        atFirstTap(context.view(call.inputs[0]), [margin, margin, margin]),
        context.view(call.outputs[0]),
      ],
      items: rowCount(shape),
    });
  },
};
