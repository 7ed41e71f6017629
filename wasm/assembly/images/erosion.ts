// asc: --importMemory
/**
 * Binary erosion of one plane with the cross of a voxel and its six face neighbours; u8 of 0 and 1. What lies outside
 * the volume counts as set: a missing neighbour is replaced by the voxel itself.
 *
 * Rows are worked off 16 voxels at a time and may write up to 15 past their end: rows are written in ascending order,
 * and the host leaves 64 bytes before and after each buffer.
 */

/** `previous` and `next` are the neighbouring planes, `current` itself at a face of the volume. */
export function erode_plane(
  previous: usize,
  current: usize,
  next: usize,
  output: usize,
  height: i32,
  width: i32,
): void {
  const w = <usize> width;
  for (let y = 0; y < height; y++) {
    const row = <usize> y * w;
    const above = y > 0 ? row - w : row;
    const below = y < height - 1 ? row + w : row;
    for (let x: usize = 0; x < w; x += 16) {
      const at = row + x;
      const z = v128.and(v128.load(previous + at), v128.load(next + at));
      const vertical = v128.and(v128.load(current + above + x), v128.load(current + below + x));
      const sides = v128.and(v128.load(current + at - 1), v128.load(current + at + 1));
      const own = v128.and(v128.load(current + at), z);
      v128.store(output + at, v128.and(v128.and(own, vertical), sides));
    }
    for (let side = 0; side < 2; side++) {
      const x: usize = side == 0 ? 0 : w - 1;
      const at = row + x;
      const left: usize = x > 0 ? at - 1 : at;
      const right: usize = x < w - 1 ? at + 1 : at;
      const neighbours = load<u8>(previous + at) & load<u8>(next + at) &
        load<u8>(current + above + x) & load<u8>(current + below + x) &
        load<u8>(current + left) & load<u8>(current + right);
      store<u8>(output + at, load<u8>(current + at) & neighbours);
    }
  }
}
