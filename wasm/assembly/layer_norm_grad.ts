/**
 * Gradients of layer normalisation, in parts: part p takes the rows from rows * p / parts on and sums its own dscale and
 * dbias. With n = (x - mean) * inverse and g = dy * scale: dx = (g - mean(g) - n * mean(g n)) * inverse.
 *
 * Arguments: batch | depth | height | width | channels | epsilon (f32) | number of parts | bytes from one part to the next |
 * address of the parts, each dscale and dbias | address of scale | view x | view dy | view dx. Items are parts.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

/** Items are parts. */
export function layer_norm_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args, 4), height = load<i32>(args, 8), width = load<i32>(args, 12);
  const rows = load<i32>(args) * depth * height;
  const channels = load<i32>(args, 16);
  const epsilon = load<f32>(args, 20);
  const parts = load<i32>(args, 24), stride = load<usize>(args, 28);
  const scale = load<usize>(args, 36);
  const xView = args + 40, dyView = xView + VIEW, dxView = dyView + VIEW;
  const xStep = voxelStep(xView), dyStep = voxelStep(dyView), dxStep = voxelStep(dxView);
  const count = <f32> channels;
  const bytes = <usize> channels << 2;
  for (let part = begin; part < end; part++) {
    const dscale = load<usize>(args, 32) + <usize> part * stride;
    const dbias = dscale + bytes;
    memory.fill(dscale, 0, stride);
    const last = rows * (part + 1) / parts;
    for (let row = rows * part / parts; row < last; row++) {
      let x = rowAddress(xView, row, depth, height);
      let dy = rowAddress(dyView, row, depth, height);
      let dx = rowAddress(dxView, row, depth, height);
      for (let u = 0; u < width; u++, x += xStep, dy += dyStep, dx += dxStep) {
        let sum: f32 = 0, square: f32 = 0, sumG: f32 = 0, sumGN: f32 = 0;
        for (let c: usize = 0; c < bytes; c += 4) sum += load<f32>(x + c);
        const mean = sum / count;
        for (let c: usize = 0; c < bytes; c += 4) {
          const d = load<f32>(x + c) - mean;
          square += d * d;
        }
        const inverse: f32 = 1 / sqrt<f32>(square / count + epsilon);
        for (let c: usize = 0; c < bytes; c += 4) {
          const n = (load<f32>(x + c) - mean) * inverse, d = load<f32>(dy + c);
          const g = d * load<f32>(scale + c);
          sumG += g;
          sumGN += g * n;
          store<f32>(dscale + c, load<f32>(dscale + c) + d * n);
          store<f32>(dbias + c, load<f32>(dbias + c) + d);
        }
        const meanG = sumG / count, meanGN = sumGN / count;
        for (let c: usize = 0; c < bytes; c += 4) {
          const n = (load<f32>(x + c) - mean) * inverse;
          const g = load<f32>(dy + c) * load<f32>(scale + c);
          store<f32>(dx + c, (g - meanG - n * meanGN) * inverse);
        }
      }
    }
  }
}
