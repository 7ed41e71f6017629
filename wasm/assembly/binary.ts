/**
 * y = f(a, b) on rows. Arguments: depth | height | width | channels | function (0 add, 1 subtract, 2 multiply) | view a |
 * view b | view y.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

const ADD: i32 = 0;
const SUBTRACT: i32 = 1;

// @ts-ignore: decorator

function apply(a: v128, b: v128, name: i32): v128 {
  if (name == ADD) return f32x4.add(a, b);
  if (name == SUBTRACT) return f32x4.sub(a, b);
  return f32x4.mul(a, b);
}

/** Items are rows. */
export function binary(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args);
  const height = load<i32>(args, 4);
  const width = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const name = load<i32>(args, 16);
  const aView = args + 20;
  const bView = aView + VIEW;
  const yView = bView + VIEW;
  const aStep = voxelStep(aView);
  const bStep = voxelStep(bView);
  const yStep = voxelStep(yView);
  const dense = <i32> aStep == channels * 4 && aStep == bStep && aStep == yStep;
  const runs = dense ? 1 : width;
  const run = dense ? width * channels : channels;
  for (let item = begin; item < end; item++) {
    let a = rowAddress(aView, item, depth, height);
    let b = rowAddress(bView, item, depth, height);
    let y = rowAddress(yView, item, depth, height);
    for (let u = 0; u < runs; u++, a += aStep, b += bStep, y += yStep) {
      let i = 0;
      for (; i + 4 <= run; i += 4) {
        const at = i << 2;
        v128.store(y + at, apply(v128.load(a + at), v128.load(b + at), name));
      }
      for (; i < run; i++) {
        const at = i << 2;
        const value = apply(v128.load32_splat(a + at), v128.load32_splat(b + at), name);
        v128.store_lane<f32>(y + at, value, 0);
      }
    }
  }
}
