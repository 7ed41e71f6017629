/** y = scale * x + shift on rows. Arguments: depth | height | width | channels | scale (f32) | shift (f32) | view x | view y. */
import { rowAddress, VIEW, voxelStep } from "./_view";

/** Items are rows. */
export function affine(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const scale = load<f32>(args, 16), shift = load<f32>(args, 20);
  const scales = f32x4.splat(scale), shifts = f32x4.splat(shift);
  const xView = args + 24, yView = xView + VIEW;
  const xStep = voxelStep(xView), yStep = voxelStep(yView);
  for (let item = begin; item < end; item++) {
    let x = rowAddress(xView, item, depth, height);
    let y = rowAddress(yView, item, depth, height);
    for (let u = 0; u < width; u++, x += xStep, y += yStep) {
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = <usize> c << 2;
        v128.store(y + at, f32x4.add(f32x4.mul(v128.load(x + at), scales), shifts));
      }
      for (; c < channels; c++) {
        const at = <usize> c << 2;
        store<f32>(y + at, load<f32>(x + at) * scale + shift);
      }
    }
  }
}
