/** Sums of |a - b| or (a - b)² over rows, and their gradient by a. */
import { rowAddress, VIEW, voxelStep } from "./_view";

const ABSOLUTE: i32 = 0;

/**
 * Sums (f64), times a weight, of the rows from rows * p / parts on, for each part p. Arguments: batch | depth | height | width |
 * channels | function (0 absolute, 1 squared) | weight (f32) | number of parts | address of the sums | view a | view b. Items are
 * parts.
 */
export function mean_error(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args, 4), height = load<i32>(args, 8), width = load<i32>(args, 12);
  const rows = load<i32>(args) * depth * height;
  const bytes = load<usize>(args, 16) << 2;
  const name = load<i32>(args, 20);
  const weight = <f64> load<f32>(args, 24);
  const parts = load<i32>(args, 28);
  const aView = args + 36, bView = aView + VIEW;
  const aStep = voxelStep(aView), bStep = voxelStep(bView);
  for (let part = begin; part < end; part++) {
    let sum: f64 = 0;
    const last = rows * (part + 1) / parts;
    for (let row = rows * part / parts; row < last; row++) {
      let a = rowAddress(aView, row, depth, height);
      let b = rowAddress(bView, row, depth, height);
      for (let u = 0; u < width; u++, a += aStep, b += bStep) {
        for (let c: usize = 0; c < bytes; c += 4) {
          const difference = <f64> load<f32>(a + c) - <f64> load<f32>(b + c);
          sum += name == ABSOLUTE ? abs<f64>(difference) : difference * difference;
        }
      }
    }
    store<f64>(load<usize>(args, 32) + (<usize> part << 3), weight * sum);
  }
}

/**
 * factor * sign(a - b), or factor * (a - b). Arguments: depth | height | width | channels | function | factor (f32) | view a | view
 * b | view of the gradient. Items are rows.
 */
export function mean_error_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const bytes = load<usize>(args, 12) << 2;
  const name = load<i32>(args, 16);
  const factor = load<f32>(args, 20);
  const aView = args + 24, bView = aView + VIEW, dView = bView + VIEW;
  const aStep = voxelStep(aView), bStep = voxelStep(bView), dStep = voxelStep(dView);
  for (let row = begin; row < end; row++) {
    let a = rowAddress(aView, row, depth, height);
    let b = rowAddress(bView, row, depth, height);
    let d = rowAddress(dView, row, depth, height);
    for (let u = 0; u < width; u++, a += aStep, b += bStep, d += dStep) {
      for (let c: usize = 0; c < bytes; c += 4) {
        const difference = load<f32>(a + c) - load<f32>(b + c);
        const sign: f32 = difference > 0 ? 1 : difference < 0 ? -1 : 0;
        store<f32>(d + c, factor * (name == ABSOLUTE ? sign : difference));
      }
    }
  }
}
