/** Kernels that work row by row: their common arguments and number of items. */
import type { Shape } from "../engine/ops/op.ts";
import { activationShape } from "./layout.ts";

/** Depth, height, width and channels of `[batch, z, y, x, channel]`. */
export function rowArguments(shape: Shape): number[] {
  return activationShape(shape).slice(1);
}

/** Rows of voxels in `[batch, z, y, x, channel]`. */
export function rowCount(shape: Shape): number {
  const [batch, depth, height] = activationShape(shape);
  return batch * depth * height;
}
