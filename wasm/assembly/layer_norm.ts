/**
 * y = act((x - mean) / sqrt(var + epsilon) * scale + bias) per voxel over its channels, var = mean of squared
 * deviations (two passes: exact where E[x²] - mean² would cancel).
 *
 * Arguments: depth | height | width | channels | epsilon (f32) | floor of the result (f32: 0 for ReLU, else -inf) |
 * address of scale | address of bias | view x | view y. Scale and bias are dense `[channels]`.
 */
import { atLeast, rowAddress, VIEW, voxelStep } from "./_view";

// @ts-ignore: decorator

function sumOfLanes(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) +
    (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** Items are rows. */
export function layer_norm(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args);
  const height = load<i32>(args, 4);
  const width = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const epsilon = load<f32>(args, 16);
  const floor = v128.load32_splat(args, 20);
  const scale = load<usize>(args, 24);
  const bias = load<usize>(args, 28);
  const xView = args + 32;
  const yView = xView + VIEW;
  const xStep = voxelStep(xView);
  const yStep = voxelStep(yView);
  const whole = channels & ~3;
  for (let item = begin; item < end; item++) {
    let x = rowAddress(xView, item, depth, height);
    let y = rowAddress(yView, item, depth, height);
    for (let u = 0; u < width; u++, x += xStep, y += yStep) {
      let sums = f32x4.splat(0);
      for (let c = 0; c < whole; c += 4) sums = f32x4.add(sums, v128.load(x + (c << 2)));
      let sum = sumOfLanes(sums);
      for (let c = whole; c < channels; c++) sum += load<f32>(x + (c << 2));
      const mean = sum / <f32> channels;

      const means = f32x4.splat(mean);
      let squares = f32x4.splat(0);
      for (let c = 0; c < whole; c += 4) {
        const d = f32x4.sub(v128.load(x + (c << 2)), means);
        squares = f32x4.add(squares, f32x4.mul(d, d));
      }
      let square = sumOfLanes(squares);
      for (let c = whole; c < channels; c++) {
        const d = load<f32>(x + (c << 2)) - mean;
        square += d * d;
      }
      const inverse: f32 = 1 / sqrt<f32>(square / <f32> channels + epsilon);

      const inverses = f32x4.splat(inverse);
      for (let c = 0; c < whole; c += 4) {
        const at = c << 2;
        const n = f32x4.mul(f32x4.sub(v128.load(x + at), means), inverses);
        const value = f32x4.add(f32x4.mul(n, v128.load(scale + at)), v128.load(bias + at));
        v128.store(y + at, atLeast(value, floor));
      }
      for (let c = whole; c < channels; c++) {
        const at = c << 2;
        const n = (load<f32>(x + at) - mean) * inverse;
        const value = f32x4.splat(n * load<f32>(scale + at) + load<f32>(bias + at));
        v128.store_lane<f32>(y + at, atLeast(value, floor), 0);
      }
    }
  }
}
