/**
 * Copies an activation into the middle of a wider one whose other voxels become zero. Arguments: depth | height | width |
 * channels of y | margin | view x (of where its voxel (-margin, -margin, -margin) would be) | view y.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

/** Items are rows of y. */
export function embed(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const bytes = load<usize>(args, 12) << 2;
  const margin = load<i32>(args, 16);
  const xView = args + 20, yView = xView + VIEW;
  const xStep = voxelStep(xView), yStep = voxelStep(yView);
  for (let item = begin; item < end; item++) {
    const row = item % height, slice = item / height % depth;
    const inside = min(row, height - 1 - row) >= margin && min(slice, depth - 1 - slice) >= margin;
    let x = rowAddress(xView, item, depth, height);
    let y = rowAddress(yView, item, depth, height);
    for (let u = 0; u < width; u++, x += xStep, y += yStep) {
      if (inside && min(u, width - 1 - u) >= margin) memory.copy(y, x, bytes);
      else memory.fill(y, 0, bytes);
    }
  }
}
