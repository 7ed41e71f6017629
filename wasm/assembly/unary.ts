/**
 * y = f(x) on rows. Arguments: depth | height | width | channels | function (0 relu, 1 sigmoid) | view x | view y.
 */
import { exp4 } from "./_exp";
import { atLeast, rowAddress, VIEW, voxelStep } from "./_view";

const RELU: i32 = 0;

// @ts-ignore: decorator

function apply(x: v128, name: i32): v128 {
  if (name == RELU) return atLeast(x, f32x4.splat(0));
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
}

/** Items are rows. */
export function unary(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args);
  const height = load<i32>(args, 4);
  const width = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const name = load<i32>(args, 16);
  const xView = args + 20;
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
      for (; i + 4 <= run; i += 4) v128.store(y + (i << 2), apply(v128.load(x + (i << 2)), name));
      for (; i < run; i++) {
        const value = apply(v128.load32_splat(x + (i << 2)), name);
        v128.store_lane<f32>(y + (i << 2), value, 0);
      }
    }
  }
}
