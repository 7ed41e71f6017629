/**
 * Mean of weight * (max(l, 0) - l * t + log(1 + e^-|l|)) over rows of logits l and soft labels t, and its gradient
 * weight * (sigmoid(l) - t) / elements.
 */
import { exp4 } from "./_exp";
import { rowAddress, VIEW, voxelStep } from "./_view";

/** e^x of one number. */
function exp(x: f32): f32 {
  return f32x4.extract_lane(exp4(f32x4.splat(x)), 0);
}

/** log(1 + z) for 0 <= z <= 1, by the series of the inverse hyperbolic tangent; the terms left out are below 1e-9. */
function log1p(z: f64): f64 {
  const s = z / (2 + z), q = s * s;
  let sum: f64 = 0;
  for (let k = 17; k > 0; k -= 2) sum = sum * q + 1 / <f64> k;
  return 2 * s * sum;
}

/**
 * Sums (f64) of the rows from rows * p / parts on, for each part p. Arguments: batch | depth | height | width | channels |
 * number of parts | address of the sums | view logits | view labels | view weights. Items are parts.
 */
export function sigmoid_cross_entropy(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args, 4), height = load<i32>(args, 8), width = load<i32>(args, 12);
  const rows = load<i32>(args) * depth * height;
  const bytes = load<usize>(args, 16) << 2;
  const parts = load<i32>(args, 20);
  const lView = args + 28, tView = lView + VIEW, wView = tView + VIEW;
  const lStep = voxelStep(lView), tStep = voxelStep(tView), wStep = voxelStep(wView);
  for (let part = begin; part < end; part++) {
    let sum: f64 = 0;
    const last = rows * (part + 1) / parts;
    for (let row = rows * part / parts; row < last; row++) {
      let l = rowAddress(lView, row, depth, height);
      let t = rowAddress(tView, row, depth, height);
      let w = rowAddress(wView, row, depth, height);
      for (let u = 0; u < width; u++, l += lStep, t += tStep, w += wStep) {
        for (let c: usize = 0; c < bytes; c += 4) {
          const logit = load<f32>(l + c);
          const tail = log1p(<f64> exp(-abs<f32>(logit)));
          const entropy = <f64> max<f32>(logit, 0) - <f64> logit * <f64> load<f32>(t + c) + tail;
          sum += <f64> load<f32>(w + c) * entropy;
        }
      }
    }
    store<f64>(load<usize>(args, 24) + (<usize> part << 3), sum);
  }
}

/** The mean as f32. Arguments: number of parts | elements | address of the sums | of the mean. One item. */
export function mean_of_sums(args: usize, _begin: i32, _end: i32, _scratch: usize): void {
  const parts = load<i32>(args);
  let sum: f64 = 0;
  for (let p = 0; p < parts; p++) sum += load<f64>(load<usize>(args, 8) + (<usize> p << 3));
  store<f32>(load<usize>(args, 12), <f32> (sum / <f64> load<i32>(args, 4)));
}

/**
 * The gradient. Arguments: depth | height | width | channels | 1 / elements (f32) | view logits | view labels | view weights |
 * view of the gradient. Items are rows.
 */
export function sigmoid_cross_entropy_grad(
  args: usize,
  begin: i32,
  end: i32,
  _scratch: usize,
): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const bytes = load<usize>(args, 12) << 2;
  const factor = load<f32>(args, 16);
  const lView = args + 20, tView = lView + VIEW, wView = tView + VIEW, dView = wView + VIEW;
  const lStep = voxelStep(lView), tStep = voxelStep(tView), wStep = voxelStep(wView);
  const dStep = voxelStep(dView);
  for (let row = begin; row < end; row++) {
    let l = rowAddress(lView, row, depth, height);
    let t = rowAddress(tView, row, depth, height);
    let w = rowAddress(wView, row, depth, height);
    let d = rowAddress(dView, row, depth, height);
    for (let u = 0; u < width; u++, l += lStep, t += tStep, w += wStep, d += dStep) {
      for (let c: usize = 0; c < bytes; c += 4) {
        const prob: f32 = 1 / (1 + exp(-load<f32>(l + c)));
        store<f32>(d + c, load<f32>(w + c) * (prob - load<f32>(t + c)) * factor);
      }
    }
  }
}
