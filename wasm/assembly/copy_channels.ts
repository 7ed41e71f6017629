/**
 * Copies the channels of every voxel from one view to another: between dense arrays and those with a halo, and into a
 * part of the channels of a wider one. Arguments: depth | height | width | channels | view x | view y.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

/** Items are rows. */
export function copy_channels(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args);
  const height = load<i32>(args, 4);
  const width = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const xView = args + 16;
  const yView = xView + VIEW;
  const xStep = voxelStep(xView);
  const yStep = voxelStep(yView);
  const dense = <i32> xStep == channels * 4 && xStep == yStep;
  const runs = dense ? 1 : width;
  const run = dense ? width * channels : channels;
  for (let item = begin; item < end; item++) {
    let x = rowAddress(xView, item, depth, height);
    let y = rowAddress(yView, item, depth, height);
    for (let u = 0; u < runs; u++, x += xStep, y += yStep) {
      let i = 0;
      for (; i + 4 <= run; i += 4) v128.store(y + (i << 2), v128.load(x + (i << 2)));
      for (; i < run; i++) store<f32>(y + (i << 2), load<f32>(x + (i << 2)));
    }
  }
}
