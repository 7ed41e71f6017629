import { channelRange, sliceChannels as op } from "../engine/ops/slice_channels.ts";
import { FLOAT_BYTES } from "./layout.ts";
import { type Launcher, offsetBy } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** A copy of some channels, cut by rows. */
export const sliceChannels: Launcher = {
  op: op.name,
  launch(call, context) {
    const { first } = channelRange(call.attributes);
    const from = context.view(call.inputs[0]);
    const [{ shape }] = call.outputs;
    context.emit({
      kernel: "copy_channels",
      args: [
        ...rowArguments(shape),
        { ...from, place: offsetBy(from.place, first * FLOAT_BYTES) },
        context.view(call.outputs[0]),
      ],
      items: rowCount(shape),
    });
  },
};
