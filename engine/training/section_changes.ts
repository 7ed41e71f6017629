/**
 * Changes of single sections, `[y, x]`, as microscopes and alignments make them. Nothing here is random: the numbers were
 * drawn by `section_augmentation.ts`.
 */
import { reflect } from "../../wasm/images/gaussian_filter.ts";

/** Size of a section. */
export type PlaneSize = readonly [height: number, width: number];

/** Where in the old section the value of a pixel comes from. */
export type PlaneSource = (y: number, x: number) => readonly [y: number, x: number];

/** A section whose pixel is the old one at `source`, between pixels bilinear; beyond its sides it continues mirrored. */
export function resampled(
  plane: Float32Array,
  [height, width]: PlaneSize,
  source: PlaneSource,
): Float32Array {
  const result = new Float32Array(plane.length);
  const at = (y: number, x: number) => plane[reflect(y, height) * width + reflect(x, width)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [sy, sx] = source(y, x);
      const [y0, x0] = [Math.floor(sy), Math.floor(sx)];
      const [fy, fx] = [sy - y0, sx - x0];
      const upper = (1 - fx) * at(y0, x0) + fx * at(y0, x0 + 1);
      const lower = (1 - fx) * at(y0 + 1, x0) + fx * at(y0 + 1, x0 + 1);
      result[y * width + x] = (1 - fy) * upper + fy * lower;
    }
  }
  return result;
}

/** Displacements at control points, `[row, column]`; the first and last of each axis lie on the sides of the section. */
export interface ControlGrid {
  readonly rows: number;
  readonly columns: number;
  readonly y: Float64Array;
  readonly x: Float64Array;
}

/** Displaces every pixel by what a cubic surface through the control points says. */
export function elasticSource(grid: ControlGrid, [height, width]: PlaneSize): PlaneSource {
  const { rows, columns } = grid;
  // A single row or column spans no area, and outside of the points nothing moves.
  if (rows < 2 || columns < 2) return (y, x) => [y, x];
  return (y, x) => {
    const [v, u] = [y / height * (rows - 1), x / width * (columns - 1)];
    return [
      y + cubicValue(grid.y, rows, columns, v, u),
      x + cubicValue(grid.x, rows, columns, v, u),
    ];
  };
}

/** Catmull-Rom interpolation of a grid `[row, column]`; its sides are repeated beyond it. */
function cubicValue(
  values: Float64Array,
  rows: number,
  columns: number,
  v: number,
  u: number,
): number {
  const clamp = (i: number, n: number) => Math.min(Math.max(i, 0), n - 1);
  const [v0, u0] = [Math.floor(v), Math.floor(u)];
  const along = (row: number) => {
    const [a, b, c, d] = [-1, 0, 1, 2].map((i) =>
      values[clamp(row, rows) * columns + clamp(u0 + i, columns)]
    );
    return cubic(a, b, c, d, u - u0);
  };
  return cubic(along(v0 - 1), along(v0), along(v0 + 1), along(v0 + 2), v - v0);
}

/** The cubic through b and c whose slopes there are those from a to c and from b to d. */
function cubic(a: number, b: number, c: number, d: number, t: number): number {
  return b +
    0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/** Angles in radians. */
export interface AffineChange {
  readonly rotation: number;
  readonly shear: number;
  readonly scaleY: number;
  readonly scaleX: number;
}

/** An affine map about the first pixel. */
export function affineSource({ rotation, shear, scaleY, scaleX }: AffineChange): PlaneSource {
  const [xx, xy] = [scaleX * Math.cos(rotation), -scaleY * Math.sin(rotation + shear)];
  const [yx, yy] = [scaleX * Math.sin(rotation), scaleY * Math.cos(rotation + shear)];
  return (y, x) => [yx * x + yy * y, xx * x + xy * y];
}

/** A section moved by whole pixels; what leaves on one side comes back on the other. */
export function rolled(
  plane: Float32Array,
  [height, width]: PlaneSize,
  [dy, dx]: readonly [number, number],
): Float32Array {
  const result = new Float32Array(plane.length);
  const wrap = (i: number, n: number) => ((i % n) + n) % n;
  for (let y = 0; y < height; y++) {
    const row = wrap(y - dy, height) * width;
    for (let x = 0; x < width; x++) result[y * width + x] = plane[row + wrap(x - dx, width)];
  }
  return result;
}

/** Gaussian blur, cut off at four sigma; beyond its sides the section continues mirrored. */
export function blurred(plane: Float32Array, size: PlaneSize, sigma: number): Float32Array {
  const radius = Math.floor(4 * sigma + 0.5);
  if (radius === 0) return plane.slice();
  const weights = Float64Array.from(
    { length: radius + 1 },
    (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)),
  );
  const sum = 2 * weights.reduce((a, b) => a + b) - weights[0];
  weights.forEach((w, i) => weights[i] = w / sum);
  const [height, width] = size;
  const pass = (from: Float32Array, axis: 0 | 1) =>
    from.map((_, i) => {
      const [y, x] = [Math.floor(i / width), i % width];
      let total = 0;
      for (let d = -radius; d <= radius; d++) {
        const index = axis === 0
          ? reflect(y + d, height) * width + x
          : y * width + reflect(x + d, width);
        total += weights[Math.abs(d)] * from[index];
      }
      return total;
    });
  return pass(pass(plane, 0), 1);
}

/** Which part of a section is replaced: all of it, or quadrants about a corner. */
export type SectionPart = "all" | {
  readonly y: number;
  readonly x: number;
  /** Upper left, upper right, lower left, lower right. */
  readonly quadrants: readonly boolean[];
};

/** Takes a part of a section from `replacement`, in place. */
export function replacePart(
  plane: Float32Array,
  [, width]: PlaneSize,
  part: SectionPart,
  replacement: (i: number) => number,
): void {
  plane.forEach((_, i) => {
    if (part !== "all") {
      const isLower = Math.floor(i / width) >= part.y, isRight = i % width >= part.x;
      if (!part.quadrants[2 * Number(isLower) + Number(isRight)]) return;
    }
    plane[i] = replacement(i);
  });
}

/** Contrast, brightness and gamma of grey values 0 to 255. */
export interface GreyChange {
  readonly contrast: number;
  readonly brightness: number;
  readonly gamma: number;
}

/** Changes grey values, in place: `clip(v / 255 · contrast + brightness)^gamma · 255`. */
export function perturbGrey(data: Float32Array, { contrast, brightness, gamma }: GreyChange): void {
  data.forEach((v, i) => {
    data[i] = 255 * Math.min(Math.max(v / 255 * contrast + brightness, 0), 1) ** gamma;
  });
}
