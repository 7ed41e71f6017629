import {
  dropout as op,
  dropoutAttributes,
  keepThreshold,
  streamKey,
} from "../engine/ops/dropout.ts";
import type { Launcher } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Elements that a hash keeps, cut by rows. */
export const dropout: Launcher = {
  op: op.name,
  plain: { inputs: [1] },
  inPlace: (call) => call.inputs.slice(0, 1),
  launch(call, context) {
    const [x, seed] = call.inputs;
    const { keep, stream } = dropoutAttributes(call.attributes);
    context.emit({
      kernel: "dropout",
      args: [
        ...rowArguments(x.shape),
        keepThreshold(keep),
        { f32: 1 / keep },
        streamKey(stream),
        context.place(seed),
        context.view(x),
        context.view(call.outputs[0]),
      ],
      items: rowCount(x.shape),
    });
  },
};
