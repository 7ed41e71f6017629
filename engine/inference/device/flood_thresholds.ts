/** Constants made on the host so that the device only compares: no float64, exponential or logarithm is left to it. */
import { quantiseProbability } from "../../segmentation/quantisation.ts";
import { expit32 } from "../logit.ts";

const FLOATS = new Float32Array(1);
const BITS = new Uint32Array(FLOATS.buffer);

/** f32 value of a number in the order of f32 values, from 0 (the lowest) to 0xffffffff. */
function floatOfOrder(order: number): number {
  BITS[0] = order >= 0x80000000 ? order - 0x80000000 : ~order;
  return FLOATS[0];
}

/** Place of an f32 value in the order of f32 values. */
function orderOfFloat(value: number): number {
  FLOATS[0] = value;
  return BITS[0] >= 0x80000000 ? (~BITS[0]) >>> 0 : BITS[0] + 0x80000000;
}

/** The smallest f32 for which `reached` holds; it must hold from some value on. */
function smallestFloat(reached: (value: number) => boolean): number {
  let low = orderOfFloat(-Infinity);
  let high = orderOfFloat(Infinity);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (reached(floatOfOrder(middle))) high = middle;
    else low = middle + 1;
  }
  return floatOfOrder(low);
}

/** The least f32 that is not below `threshold`, a float64: comparing with it gives what comparing in float64 gives. */
export function leastFloatFrom(threshold: number): number {
  return smallestFloat((value) => value >= threshold);
}

/** The least logit that reaches each byte of probability from 1 to 255, `[255]`, with this host's exponential. */
export function probabilityQuantiles(): Float32Array {
  return Float32Array.from(
    { length: 255 },
    (_, i) => smallestFloat((value) => quantiseProbability(expit32(value)) > i),
  );
}

/** The least number of `voxels` whose share is above `fraction` in float64; 0xffffffff, never reached, when that is negative. */
export function countAbove(fraction: number, voxels: number): number {
  if (fraction < 0) return 0xffffffff;
  let count = Math.max(0, Math.floor(Math.min(fraction, 1) * voxels) - 1);
  while (!(count / voxels > fraction) && count <= voxels) count++;
  return count;
}
