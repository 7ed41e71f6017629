/**
 * Maxima over windows that see only what is inside, and their gradient. Arguments of both begin with: depth | height | width of
 * y | depth | height | width of x | channels | taps z | y | x | stride | padding before z | y | x.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

const X_SIZE: usize = 12;
const CHANNELS: usize = 24;
const TAPS: usize = 28;
const STRIDE: usize = 40;
const BEFORE: usize = 44;
const VIEWS: usize = 56;

/** First voxel of a window along an axis (0 z, 1 y, 2 x); may lie before the array. */
function windowStart(args: usize, axis: usize, window: i32): i32 {
  return window * load<i32>(args, STRIDE) - load<i32>(args + (axis << 2), BEFORE);
}

/** Voxel behind the last one of a window that is inside. */
function windowEnd(args: usize, axis: usize, start: i32): i32 {
  return min(start + load<i32>(args + (axis << 2), TAPS), load<i32>(args + (axis << 2), X_SIZE));
}

/** After the common arguments: view x | view y. Items are rows of y. */
export function pool3d(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, CHANNELS);
  const xView = args + VIEWS, yView = xView + VIEW;
  const sliceX = load<usize>(xView, 8), rowX = load<usize>(xView, 12), stepX = voxelStep(xView);
  const stepY = voxelStep(yView);
  for (let item = begin; item < end; item++) {
    const row = item / height, batch = row / depth;
    const firstZ = windowStart(args, 0, row - batch * depth), lastZ = windowEnd(args, 0, firstZ);
    const firstY = windowStart(args, 1, item - row * height), lastY = windowEnd(args, 1, firstY);
    const sample = load<usize>(xView) + <usize> batch * load<usize>(xView, 4);
    let y = rowAddress(yView, item, depth, height);
    for (let u = 0; u < width; u++, y += stepY) {
      const firstX = windowStart(args, 2, u), lastX = windowEnd(args, 2, firstX);
      for (let c = 0; c < channels; c += 4) {
        const whole = c + 4 <= channels;
        const lanes = whole ? 1 : channels - c;
        for (let lane = 0; lane < lanes; lane++) {
          const at = <usize> (c + lane) << 2;
          let most = f32x4.splat(-Infinity);
          for (let z = max(firstZ, 0); z < lastZ; z++) {
            for (let v = max(firstY, 0); v < lastY; v++) {
              for (let w = max(firstX, 0); w < lastX; w++) {
                const from = sample + <usize> z * sliceX + <usize> v * rowX + <usize> w * stepX +
                  at;
                most = f32x4.pmax(most, whole ? v128.load(from) : v128.load32_splat(from));
              }
            }
          }
          if (whole) v128.store(y + at, most);
          else v128.store_lane<f32>(y + at, most, 0);
        }
      }
    }
  }
}

/** Whether the value at voxel (z, v, u) is the first maximum of the window from (z0, v0, u0): larger than all before, no smaller than all after. */
function isFirstMaximum(
  args: usize,
  sample: usize,
  z0: i32,
  v0: i32,
  u0: i32,
  z: i32,
  v: i32,
  u: i32,
): bool {
  const xView = args + VIEWS;
  const sliceX = load<usize>(xView, 8), rowX = load<usize>(xView, 12), stepX = voxelStep(xView);
  const value = load<f32>(sample + <usize> z * sliceX + <usize> v * rowX + <usize> u * stepX);
  let isBefore = true;
  const lastZ = windowEnd(args, 0, z0),
    lastV = windowEnd(args, 1, v0),
    lastU = windowEnd(args, 2, u0);
  for (let a = max(z0, 0); a < lastZ; a++) {
    for (let b = max(v0, 0); b < lastV; b++) {
      for (let c = max(u0, 0); c < lastU; c++) {
        if (a == z && b == v && c == u) {
          isBefore = false;
          continue;
        }
        const other = load<f32>(sample + <usize> a * sliceX + <usize> b * rowX + <usize> c * stepX);
        if (isBefore ? other >= value : other > value) return false;
      }
    }
  }
  return true;
}

/** First window along an axis that sees a voxel; those before end in front of it. */
function firstWindow(args: usize, axis: usize, voxel: i32): i32 {
  const stride = load<i32>(args, STRIDE);
  const behind = voxel + load<i32>(args + (axis << 2), BEFORE) -
    load<i32>(args + (axis << 2), TAPS) + 1;
  return behind <= 0 ? 0 : (behind + stride - 1) / stride;
}

/** After the common arguments: view x | view dy | view dx. Items are rows of dx. */
export function pool3d_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const countZ = load<i32>(args), countY = load<i32>(args, 4), countX = load<i32>(args, 8);
  const depth = load<i32>(args, X_SIZE),
    height = load<i32>(args, X_SIZE + 4),
    width = load<i32>(args, X_SIZE + 8);
  const channels = load<i32>(args, CHANNELS);
  const xView = args + VIEWS, dyView = xView + VIEW, dxView = dyView + VIEW;
  const stepDy = voxelStep(dyView), stepDx = voxelStep(dxView);
  for (let item = begin; item < end; item++) {
    const slice = item / height, batch = slice / depth;
    const z = slice - batch * depth, v = item - slice * height;
    let dx = rowAddress(dxView, item, depth, height);
    for (let u = 0; u < width; u++, dx += stepDx) {
      for (let c: usize = 0; c < <usize> channels << 2; c += 4) {
        const sample = load<usize>(xView) + <usize> batch * load<usize>(xView, 4) + c;
        let sum: f64 = 0;
        for (let a = firstWindow(args, 0, z); a < countZ; a++) {
          const z0 = windowStart(args, 0, a);
          if (z0 > z) break;
          for (let b = firstWindow(args, 1, v); b < countY; b++) {
            const v0 = windowStart(args, 1, b);
            if (v0 > v) break;
            const dy = rowAddress(dyView, (batch * countZ + a) * countY + b, countZ, countY) + c;
            for (let d = firstWindow(args, 2, u); d < countX; d++) {
              const u0 = windowStart(args, 2, d);
              if (u0 > u) break;
              if (isFirstMaximum(args, sample, z0, v0, u0, z, v, u)) {
                sum += <f64> load<f32>(dy + <usize> d * stepDy);
              }
            }
          }
        }
        store<f32>(dx + c, <f32> sum);
      }
    }
  }
}
