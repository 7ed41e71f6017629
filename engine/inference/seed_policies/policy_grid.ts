import type { Zyx } from "../../geometry/vectors.ts";
import type { CoordinateSource } from "./coordinate_policy.ts";
import type { PolicyArguments } from "./policy_arguments.ts";

function readGrid(args: PolicyArguments, offsets: readonly number[]) {
  return {
    step: args.integer("step", 16, { min: 1 }),
    offsets: args.integers("offsets", offsets, { min: 0 }),
  };
}

/** From each offset: a grid with its own step along each axis and its own first z, in (z, y, x) order. */
function grids(
  size: Zyx,
  offsets: readonly number[],
  steps: Zyx,
  firstZ: (offset: number) => number,
): Int32Array {
  const countAlong = (axis: number, start: number) =>
    Math.max(Math.ceil((size[axis] - start) / steps[axis]), 0);
  const total = offsets.reduce(
    (sum, o) => sum + countAlong(0, firstZ(o)) * countAlong(1, o) * countAlong(2, o),
    0,
  );
  const coords = new Int32Array(3 * total);
  let at = 0;
  for (const offset of offsets) {
    for (let z = firstZ(offset); z < size[0]; z += steps[0]) {
      for (let y = offset; y < size[1]; y += steps[1]) {
        for (let x = offset; x < size[2]; x += steps[2]) {
          coords[at++] = z;
          coords[at++] = y;
          coords[at++] = x;
        }
      }
    }
  }
  return coords;
}

/**
 * Points on 3-d grids, one grid after the other.
 *
 * - `step` (16): distance between grid points in voxels.
 * - `offsets` ([0, 8, 4, 12, 2, 10, 14]): start of each grid along every axis.
 */
export function policyGrid3d(args: PolicyArguments): CoordinateSource {
  const { step, offsets } = readGrid(args, [0, 8, 4, 12, 2, 10, 14]);
  return ({ size }) => grids(size, offsets, [step, step, step], (offset) => offset);
}

/**
 * Points on 2-d grids in every z slice, one grid after the other.
 *
 * - `step` (16): distance between grid points in voxels.
 * - `offsets` ([0, 8, 4, 12, 2, 6, 10, 14]): start of each grid along y and x.
 */
export function policyGrid2d(args: PolicyArguments): CoordinateSource {
  const { step, offsets } = readGrid(args, [0, 8, 4, 12, 2, 6, 10, 14]);
  return ({ size }) => grids(size, offsets, [1, step, step], () => 0);
}
