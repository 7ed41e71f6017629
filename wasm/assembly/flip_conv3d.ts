/**
 * Weights of the convolution that gives the gradient of another one's input: taps in reverse order, channels swapped, and a
 * bias of zeros.
 *
 * Arguments: taps | channels in | out | address of weights [taps, in, out] | of flipped weights [taps, out, in] | of the bias
 * [in]. Items are taps.
 */

/** Items are taps. */
export function flip_conv3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const taps = load<i32>(args), channelsIn = load<i32>(args, 4), channelsOut = load<i32>(args, 8);
  const weights = load<usize>(args, 12), flipped = load<usize>(args, 16);
  const pairs = channelsIn * channelsOut;
  if (begin == 0) memory.fill(load<usize>(args, 20), 0, <usize> channelsIn << 2);
  for (let tap = begin; tap < end; tap++) {
    const from = weights + (<usize> (tap * pairs) << 2);
    const to = flipped + (<usize> ((taps - 1 - tap) * pairs) << 2);
    for (let i = 0; i < channelsIn; i++) {
      for (let o = 0; o < channelsOut; o++) {
        const value = load<f32>(from + (<usize> (i * channelsOut + o) << 2));
        store<f32>(to + (<usize> (o * channelsIn + i) << 2), value);
      }
    }
  }
}
