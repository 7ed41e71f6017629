import { concatChannels as op } from "../engine/ops/concat_channels.ts";
import { FLOAT_BYTES } from "./layout.ts";
import { type Launcher, offsetBy, type Step, type View } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Copies the channels of `from` into the channels of `to` from `firstChannel` on; rows are independent. */
export function copyStep(from: View, to: View, firstChannel = 0): Step {
  const { shape } = from.layout;
  const part = { ...to, place: offsetBy(to.place, firstChannel * FLOAT_BYTES) };
  return {
    kernel: "copy_channels",
    args: [...rowArguments(shape), from, part],
    items: rowCount(shape),
  };
}

/** One copy per input. */
export const concatChannels: Launcher = {
  op: op.name,
  launch(call, context) {
    let firstChannel = 0;
    for (const input of call.inputs) {
      context.emit(copyStep(context.view(input), context.view(call.outputs[0]), firstChannel));
      firstChannel += input.shape[4];
    }
  },
};
