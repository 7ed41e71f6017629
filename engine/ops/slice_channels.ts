/** Some channels of an array: the gradient of a concatenation hands each input its own. */
import type { Attributes, Call, Host, Op, Shape } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";

/** First channel and number of channels of a call. */
export function channelRange(attributes: Attributes): { first: number; count: number } {
  const { first, count } = attributes;
  const isRange = Number.isSafeInteger(first) && Number.isSafeInteger(count) &&
    Number(first) >= 0 && Number(count) >= 1;
  if (isRange) return { first: Number(first), count: Number(count) };
  throw new RangeError(
    `Cannot slice channels: first must be 0 or more and count 1 or more, current are ${first} and ${count}`,
  );
}

/** Input x `[batch, z, y, x, channel]`, attributes `first` and `count`; output `[batch, z, y, x, count]`. */
export const sliceChannels: Op = {
  name: "slice_channels",
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[] {
    const [x] = inputs;
    requireRank("slice channels", x, 5);
    const { first, count } = channelRange(attributes);
    if (first + count > x[4]) {
      throw new RangeError(
        `Cannot slice channels ${first} to ${first + count - 1} of ${describeShape(x)}: it has ${
          x[4]
        }`,
      );
    }
    return [[...x.slice(0, 4), count]];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, y] = [reals(inputs[0]), reals(outputs[0])];
    const { first, count } = channelRange(attributes);
    const channels = inputs[0].shape[4];
    for (let i = 0; i < y.length; i++) {
      y[i] = x[Math.floor(i / count) * channels + first + i % count];
    }
  },
  work(call: Call) {
    return workOf(call, 0);
  },
};
