/**
 * Packs weights [taps, in, out] as [block][taps][floats per voxel in][width of the block]: blocks of 8 output channels, then
 * one of 4 where that is enough; what fills up is zero. Pads the bias too. Arguments: taps | in | floats per voxel in | out |
 * address of weights | of bias | of packed weights | of packed bias. Items are pairs of blocks: a cache line of weights.
 */

/** Four lanes from `address` on, of which the last few may be beyond the last channel. */
function loadLanes(address: usize, lanes: i32): v128 {
  if (lanes >= 4) return v128.load(address);
  if (lanes <= 0) return f32x4.splat(0);
  let v = v128.load32_zero(address);
  if (lanes > 1) v = v128.load_lane<f32>(address + 4, v, 1);
  if (lanes > 2) v = v128.load_lane<f32>(address + 8, v, 2);
  return v;
}

/** Output channels `first` to `first + 7` of every tap, or to `first + 3`. */
function packBlock(
  weights: usize,
  to: usize,
  taps: i32,
  channels: i32,
  pitch: i32,
  out: i32,
  first: i32,
): void {
  const left = out - first, wide = left > 4;
  let from = weights + (<usize> first << 2);
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < pitch; i++) {
      const exists = i < channels;
      v128.store(to, exists ? loadLanes(from, left) : f32x4.splat(0));
      to += 16;
      if (wide) {
        v128.store(to, exists ? loadLanes(from + 16, left - 4) : f32x4.splat(0));
        to += 16;
      }
      if (exists) from += <usize> out << 2;
    }
  }
}

/** Items are pairs of blocks. */
export function pack_conv3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const taps = load<i32>(args),
    channels = load<i32>(args, 4),
    pitch = load<i32>(args, 8),
    out = load<i32>(args, 12);
  const weights = load<usize>(args, 16), bias = load<usize>(args, 20), to = load<usize>(args, 24);
  const toBias = load<usize>(args, 28);
  const last = min(16 * end, out);
  for (let first = 16 * begin; first < last; first += 8) {
    packBlock(
      weights,
      to + (<usize> (first * taps * pitch) << 2),
      taps,
      channels,
      pitch,
      out,
      first,
    );
    const width = out - first > 4 ? 8 : 4;
    for (let o = first; o < first + width; o++) {
      store<f32>(toBias + (<usize> o << 2), o < out ? load<f32>(bias + (<usize> o << 2)) : 0);
    }
  }
}
