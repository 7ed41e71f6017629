import type { Zyx } from "../../geometry/vectors.ts";
import { Mt19937 } from "./mt19937.ts";

/** Writes the values of plane z of a volume, `[y, x]`. */
export type FillPlane = (z: number, plane: Float64Array) => void;

const SEED = 42;
const AMPLITUDE = 1e-4;

/**
 * Adds to each voxel a little noise that makes its value unique, so that plateaus have one peak. It is drawn in C order
 * from a generator that starts anew with each call (and each slice with `perSlice`): it depends on nothing but the
 * shape. The planes of the result must be asked for once each, ascending.
 */
export function withNoise(fill: FillPlane, perSlice = false): FillPlane {
  let generator = new Mt19937(SEED);
  return (z, plane) => {
    if (perSlice) generator = new Mt19937(SEED);
    fill(z, plane);
    for (let i = 0; i < plane.length; i++) plane[i] += AMPLITUDE * generator.random();
  };
}

/** Largest value of a volume that is given plane by plane. */
export function largestOf(fill: FillPlane, size: Zyx): number {
  const plane = new Float64Array(size[1] * size[2]);
  let largest = -Infinity;
  for (let z = 0; z < size[0]; z++) {
    fill(z, plane);
    for (const value of plane) if (value > largest) largest = value;
  }
  return largest;
}
