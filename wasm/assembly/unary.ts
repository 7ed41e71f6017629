/**
 * y = f(x) on rows. Arguments: depth | height | width | channels | function (0 relu, 1 sigmoid, 2 leaky relu, 3 tanh) | view x | view y.
 */
import { exp4 } from "./_exp";
import { atLeast, rowAddress, VIEW, voxelStep } from "./_view";

const RELU: i32 = 0;
const SIGMOID: i32 = 1;
const LEAKY_RELU: i32 = 2;

/** Below this the polynomial of tanh is closer than the quotient of exponentials. */
const SMALL: f32 = 0.625;

/** tanh(x): an odd polynomial (of the Cephes library) near 0, else from e^2|x|; relative error under 3e-7. */
function tanh4(x: v128): v128 {
  const size = f32x4.abs(x), q = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(2.06390887954e-2));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(-5.37397155531e-2));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(1.33314422036e-1));
  p = f32x4.add(f32x4.mul(p, q), f32x4.splat(-3.33332819422e-1));
  const near = f32x4.add(f32x4.mul(f32x4.mul(p, q), x), x);
  const e = exp4(f32x4.add(size, size));
  const far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(e, f32x4.splat(1))));
  const sign = v128.and(x, f32x4.splat(-0.0));
  return v128.bitselect(near, v128.or(far, sign), f32x4.lt(size, f32x4.splat(SMALL)));
}

// @ts-ignore: decorator

function apply(x: v128, name: i32): v128 {
  if (name == RELU) return atLeast(x, f32x4.splat(0));
  if (name == LEAKY_RELU) return f32x4.pmax(x, f32x4.mul(x, f32x4.splat(0.2)));
  if (name == SIGMOID) {
    return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
  }
  return tanh4(x);
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
