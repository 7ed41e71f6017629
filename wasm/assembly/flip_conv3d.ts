/**
 * Weights of a convolution that gives a part of the gradient of another one's input: every stride-th tap, in reverse order,
 * channels swapped, and a bias of zeros.
 *
 * Arguments: taps z | y | x of the other convolution | its stride | first tap z | y | x | taps kept z | y | x | channels in |
 * out | address of weights [taps, in, out] | of flipped weights [taps kept, out, in] | of the bias [in].
 */

/** Items are the taps that are kept; the first also clears the bias. */
export function flip_conv3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const ky = load<i32>(args, 4), kx = load<i32>(args, 8), stride = load<i32>(args, 12);
  const firstZ = load<i32>(args, 16), firstY = load<i32>(args, 20), firstX = load<i32>(args, 24);
  const keptZ = load<i32>(args, 28), keptY = load<i32>(args, 32), keptX = load<i32>(args, 36);
  const channelsIn = load<i32>(args, 40), channelsOut = load<i32>(args, 44);
  const weights = load<usize>(args, 48), flipped = load<usize>(args, 52);
  const pairs = channelsIn * channelsOut;
  if (begin == 0) memory.fill(load<usize>(args, 56), 0, <usize> channelsIn << 2);
  if (keptZ * keptY * keptX == 0) return;
  for (let item = begin; item < end; item++) {
    const row = item / keptX, slice = row / keptY;
    const z = firstZ + stride * (keptZ - 1 - slice);
    const y = firstY + stride * (keptY - 1 - (row - slice * keptY));
    const x = firstX + stride * (keptX - 1 - (item - row * keptX));
    const from = weights + (<usize> (((z * ky + y) * kx + x) * pairs) << 2);
    const to = flipped + (<usize> (item * pairs) << 2);
    for (let i = 0; i < channelsIn; i++) {
      for (let o = 0; o < channelsOut; o++) {
        const value = load<f32>(from + (<usize> (i * channelsOut + o) << 2));
        store<f32>(to + (<usize> (o * channelsIn + i) << 2), value);
      }
    }
  }
}
