/**
 * A view of an activation `[batch, z, y, x, channel]`: five words in memory,
 *
 *   address of voxel (0, 0, 0, 0) | bytes to the next batch entry | slice | row | voxel
 *
 * Channels of a voxel are adjacent. Kernels work on rows: item r is row `r % height` of slice `r / height % depth` of
 * batch entry `r / (height * depth)`.
 */

/** Bytes of a view among the arguments of a kernel. */
export const VIEW: usize = 20;

// @ts-ignore: decorator

/** Address of the first voxel of row `item`. */
export function rowAddress(view: usize, item: i32, depth: i32, height: i32): usize {
  const slice = item / height;
  const batch = slice / depth;
  return load<usize>(view) + batch * load<i32>(view, 4) +
    (slice - batch * depth) * load<i32>(view, 8) +
    (item - slice * height) * load<i32>(view, 12);
}

// @ts-ignore: decorator

/** Bytes from one voxel of a row to the next. */
export function voxelStep(view: usize): usize {
  return load<usize>(view, 16);
}

// @ts-ignore: decorator

/** max(x, floor) per lane; a NaN in x stays. One instruction where the standard's own max is five. */
export function atLeast(x: v128, floor: v128): v128 {
  return f32x4.pmax(x, floor);
}
