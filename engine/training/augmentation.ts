/** Random changes of examples: the same for image, labels and weights. Axes are 0, 1, 2 for z, y, x. */
import type { Zyx } from "../geometry/vectors.ts";
import type { Random } from "./random.ts";

/** One draw: output axis a takes input axis `order[a]`, and is reversed where `flipped[a]`. */
export interface Orientation {
  readonly order: readonly [number, number, number];
  readonly flipped: readonly [boolean, boolean, boolean];
}

/** Ranges of changes of the image alone; a factor or shift is drawn evenly from each. */
export interface ImageAdjustments {
  /** Contrast: distance from the mean of each section is multiplied by this. */
  readonly contrastRange?: readonly [number, number];
  /** Brightness: added to values, of which 0 to 255 count as 0 to 1. */
  readonly brightnessRange?: readonly [number, number];
}

/** @throws {RangeError} when an axis is no axis, or stands in the list twice. */
export function checkAxes(flag: string, axes: readonly number[]): void {
  const isSet = new Set(axes).size === axes.length;
  if (isSet && axes.every((axis) => axis === 0 || axis === 1 || axis === 2)) return;
  throw new RangeError(
    `Cannot use ${flag} ${axes.join(",")}: it must be different axes of 0 (z), 1 (y) and 2 (x)`,
  );
}

/** @throws {RangeError} when axes of different sizes would change places. */
export function checkPermutable(axes: readonly number[], size: Zyx): void {
  if (axes.every((axis) => size[axis] === size[axes[0]])) return;
  throw new RangeError(
    `Cannot use permutable_axes ${
      axes.join(",")
    }: axes that change places must have one size, current size zyx is ${size}`,
  );
}

/** Draws an orientation: any order of the permutable axes, each reflectable axis reversed half of the times. */
export function drawOrientation(
  permutable: readonly number[],
  reflectable: readonly number[],
  random: Random,
): Orientation {
  const order: [number, number, number] = [0, 1, 2];
  const shuffled = random.shuffle([...permutable]);
  permutable.forEach((axis, i) => order[axis] = shuffled[i]);
  const flipped: [boolean, boolean, boolean] = [false, false, false];
  for (const axis of reflectable) flipped[axis] = random.uniform() > 0.5;
  return { order, flipped };
}

/** `data` `[z, y, x]` of `size` in another orientation: first the axes change places, then some are reversed. */
export function oriented(
  data: Float32Array,
  size: Zyx,
  { order, flipped }: Orientation,
): Float32Array {
  const strides = [size[1] * size[2], size[2], 1];
  const extents = order.map((axis) => size[axis]);
  const steps = order.map((axis, a) => flipped[a] ? -strides[axis] : strides[axis]);
  const first = order.reduce(
    (sum, axis, a) => sum + (flipped[a] ? (size[axis] - 1) * strides[axis] : 0),
    0,
  );
  const result = new Float32Array(data.length);
  let at = 0;
  for (let z = 0; z < extents[0]; z++) {
    for (let y = 0; y < extents[1]; y++) {
      let from = first + z * steps[0] + y * steps[1];
      for (let x = 0; x < extents[2]; x++, from += steps[2]) result[at++] = data[from];
    }
  }
  return result;
}

/**
 * Multiplies, in place, the distance of values `[z, y, x]` from the mean of their section. Images of bytes are changed on
 * the scale 0 to 1 and come back as whole numbers 0 to 255, others are neither scaled nor clamped.
 */
export function adjustContrast(
  data: Float32Array,
  size: Zyx,
  factor: number,
  bytes: boolean,
): void {
  const plane = size[1] * size[2];
  for (let first = 0; first < data.length; first += plane) {
    const section = data.subarray(first, first + plane);
    let sum = 0;
    for (let i = 0; i < plane; i++) sum += section[i];
    const mean = sum / plane;
    for (let i = 0; i < plane; i++) {
      section[i] = rounded((section[i] - mean) * factor + mean, bytes);
    }
  }
}

/** Adds to values, in place; `shift` is on the scale 0 to 1 for images of bytes. */
export function adjustBrightness(data: Float32Array, shift: number, bytes: boolean): void {
  const added = bytes ? 255 * shift : shift;
  for (let i = 0; i < data.length; i++) data[i] = rounded(data[i] + added, bytes);
}

/** The reference converts v / 255 back to a byte as trunc(255.5 v). */
function rounded(value: number, bytes: boolean): number {
  if (!bytes) return value;
  return Math.min(Math.max(Math.trunc(value / 255 * 255.5), 0), 255);
}
