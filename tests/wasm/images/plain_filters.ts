/** The image filters as plain loops over `[z, y, x]` arrays: slow, and with nothing clever in them. */
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";

/** Shapes with axes of one voxel, shorter and longer than a Gaussian, and off all vector lengths. */
export const SHAPES: readonly Zyx[] = [
  [1, 1, 1],
  [1, 1, 19],
  [3, 1, 2],
  [2, 5, 9],
  [7, 8, 17],
  [75, 3, 4],
  [2, 75, 3],
  [9, 11, 33],
];

function strideOf(size: Zyx, axis: number): number {
  return [size[1] * size[2], size[2], 1][axis];
}

/** Position along `axis` of a C-order index. */
function positionOf(index: number, size: Zyx, axis: number): number {
  return Math.floor(index / strideOf(size, axis)) % size[axis];
}

/** Mirrors a position until it lies inside; the border voxel is its own neighbour. */
function mirrored(i: number, n: number): number {
  while (i < 0 || i >= n) i = i < 0 ? -1 - i : 2 * n - 1 - i;
  return i;
}

/** One pass along an axis: `f` gets a function from an offset to the value there; results are rounded to float32. */
function alongAxis(
  values: Float32Array,
  size: Zyx,
  axis: number,
  f: (at: (offset: number) => number) => number,
): Float32Array {
  const stride = strideOf(size, axis);
  return Float32Array.from(values, (_, index) => {
    const position = positionOf(index, size, axis);
    return f((offset) =>
      values[index + (mirrored(position + offset, size[axis]) - position) * stride]
    );
  });
}

export function plainSobel(image: Float32Array, size: Zyx, axes: readonly number[]): Float32Array {
  const sums = new Float32Array(image.length);
  for (const axis of axes) {
    let gradient = alongAxis(image, size, axis, (at) => at(1) - at(-1));
    for (const other of axes) {
      if (other === axis) continue;
      gradient = alongAxis(gradient, size, other, (at) => 2 * at(0) + (at(-1) + at(1)));
    }
    for (let i = 0; i < sums.length; i++) sums[i] += Math.fround(gradient[i] * gradient[i]);
  }
  return sums.map(Math.sqrt);
}

/** `weights` of the centre first. */
export function plainGaussian(
  image: Float32Array,
  size: Zyx,
  axes: readonly number[],
  weights: ArrayLike<number>,
): Float32Array {
  return axes.reduce((values, axis) =>
    alongAxis(values, size, axis, (at) => {
      let sum = weights[0] * at(0);
      for (let j = weights.length - 1; j > 0; j--) sum += weights[j] * (at(-j) + at(j));
      return sum;
    }), image);
}

/** Squared distance to the nearest nonzero voxel by looking at all of them; Infinity where there is none. */
export function plainSquaredDistances(
  edge: Uint8Array,
  size: Zyx,
  steps: Zyx,
  perSlice: boolean,
): number[] {
  const positions = Array.from(edge, (_, i) => [0, 1, 2].map((axis) => positionOf(i, size, axis)));
  const edges = positions.filter((_, i) => edge[i]);
  return positions.map(([z, y, x]) => {
    let nearest = Infinity;
    for (const [ez, ey, ex] of edges) {
      if (perSlice && z !== ez) continue;
      const squared = (steps[0] * (z - ez)) ** 2 + (steps[1] * (y - ey)) ** 2 +
        (steps[2] * (x - ex)) ** 2;
      if (squared < nearest) nearest = squared;
    }
    return nearest;
  });
}

/** The largest value over the neighbours that `inWindow` accepts, offsets reaching `radius` along the given axes. */
export function plainMaximum(
  values: ArrayLike<number>,
  size: Zyx,
  radius: number,
  inWindow: (dz: number, dy: number, dx: number) => boolean,
): number[] {
  return Array.from({ length: volumeOf(size) }, (_, index) => {
    const [z, y, x] = [0, 1, 2].map((axis) => positionOf(index, size, axis));
    let best = -Infinity;
    for (let a = Math.max(z - radius, 0); a <= Math.min(z + radius, size[0] - 1); a++) {
      for (let b = Math.max(y - radius, 0); b <= Math.min(y + radius, size[1] - 1); b++) {
        for (let c = Math.max(x - radius, 0); c <= Math.min(x + radius, size[2] - 1); c++) {
          if (!inWindow(a - z, b - y, c - x)) continue;
          best = Math.max(best, values[(a * size[1] + b) * size[2] + c]);
        }
      }
    }
    return best;
  });
}

/** Clears voxels with an unset face neighbour, once. */
export function plainErosion(mask: Uint8Array, size: Zyx): Uint8Array {
  return mask.map((set, index) => {
    for (let axis = 0; axis < 3; axis++) {
      const position = positionOf(index, size, axis);
      for (const side of [-1, 1]) {
        if (position + side < 0 || position + side >= size[axis]) continue;
        set &= mask[index + side * strideOf(size, axis)];
      }
    }
    return set;
  });
}
