/**
 * Packs weights [taps, in, out] as [block][taps][floats per voxel in][width of the block]: blocks of 8 output channels, then
 * one of 4 where that is enough; what fills up is zero. Pads the bias too. Arguments: taps | in | floats per voxel in | out |
 * address of weights | of bias | of packed weights | of packed bias. Items are some rows [out] of the packed weights: where there
 * are many channels, a core has to have the pages near that it reads from and writes to.
 */

/** Rows of an item, as in `wasm/conv3d.ts`. */
const ROWS: i32 = 32;

/** Four lanes from `address` on, of which the last few may be beyond the last channel. */
function loadLanes(address: usize, lanes: i32): v128 {
  if (lanes >= 4) return v128.load(address);
  if (lanes <= 0) return f32x4.splat(0);
  let v = v128.load32_zero(address);
  if (lanes > 1) v = v128.load_lane<f32>(address + 4, v, 1);
  if (lanes > 2) v = v128.load_lane<f32>(address + 8, v, 2);
  return v;
}

/** Output channels `first` to `first + 7`, or to `first + 3`, of the rows `row` to `last - 1`. */
function packRows(args: usize, first: i32, row: i32, last: i32): void {
  const channels = load<i32>(args, 4), pitch = load<i32>(args, 8), out = load<i32>(args, 12);
  const left = out - first, wide = left > 4;
  const inputs = load<i32>(args) * pitch, step = <usize> out << 2;
  const tap = row / pitch;
  let i = row - tap * pitch;
  let from = load<usize>(args, 16) + <usize> (tap * channels + min(i, channels)) * step +
    (<usize> first << 2);
  let to = load<usize>(args, 24) + (<usize> (first * inputs + row * (wide ? 8 : 4)) << 2);
  for (; row < last; row++) {
    const exists = i < channels;
    v128.store(to, exists ? loadLanes(from, left) : f32x4.splat(0));
    to += 16;
    if (wide) {
      v128.store(to, exists ? loadLanes(from + 16, left - 4) : f32x4.splat(0));
      to += 16;
    }
    if (exists) from += step;
    if (++i == pitch) i = 0;
  }
}

/** Items are rows; the first also pads the bias. */
export function pack_conv3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const rows = load<i32>(args) * load<i32>(args, 8), out = load<i32>(args, 12);
  for (let item = begin; item < end; item++) {
    const row = item * ROWS, last = min(row + ROWS, rows);
    for (let first = 0; first < out; first += 8) packRows(args, first, row, last);
  }
  if (begin > 0) return;
  const bias = load<usize>(args, 20), toBias = load<usize>(args, 28);
  for (let o = 0; o < (out + 3 & ~3); o++) {
    store<f32>(toBias + (<usize> o << 2), o < out ? load<f32>(bias + (<usize> o << 2)) : 0);
  }
}
