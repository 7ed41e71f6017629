/**
 * dx = dy * f'(x) on rows, from y = f(x). Arguments: depth | height | width | channels | function (0 relu, 1 sigmoid, 2 leaky relu, 3 tanh) | view y |
 * view dy | view dx.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

const RELU: i32 = 0;
const SIGMOID: i32 = 1;
const LEAKY_RELU: i32 = 2;

// @ts-ignore: decorator

function apply(y: v128, dy: v128, name: i32): v128 {
  if (name == RELU) return v128.and(dy, f32x4.gt(y, f32x4.splat(0)));
  const one = f32x4.splat(1);
  if (name == SIGMOID) return f32x4.mul(dy, f32x4.mul(y, f32x4.sub(one, y)));
  if (name == LEAKY_RELU) {
    const slope = v128.bitselect(one, f32x4.splat(0.2), f32x4.gt(y, f32x4.splat(0)));
    return f32x4.mul(dy, slope);
  }
  return f32x4.mul(dy, f32x4.sub(one, f32x4.mul(y, y)));
}

/** Items are rows. */
export function unary_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const name = load<i32>(args, 16);
  const yView = args + 20, dyView = yView + VIEW, dxView = dyView + VIEW;
  const yStep = voxelStep(yView), dyStep = voxelStep(dyView), dxStep = voxelStep(dxView);
  const dense = <i32> yStep == channels * 4 && yStep == dyStep && yStep == dxStep;
  const runs = dense ? 1 : width;
  const run = dense ? width * channels : channels;
  for (let item = begin; item < end; item++) {
    let y = rowAddress(yView, item, depth, height);
    let dy = rowAddress(dyView, item, depth, height);
    let dx = rowAddress(dxView, item, depth, height);
    for (let u = 0; u < runs; u++, y += yStep, dy += dyStep, dx += dxStep) {
      let i = 0;
      for (; i + 4 <= run; i += 4) {
        const at = i << 2;
        v128.store(dx + at, apply(v128.load(y + at), v128.load(dy + at), name));
      }
      for (; i < run; i++) {
        const at = i << 2;
        const value = apply(v128.load32_splat(y + at), v128.load32_splat(dy + at), name);
        v128.store_lane<f32>(dx + at, value, 0);
      }
    }
  }
}
