/**
 * Sums over all voxels, such as the gradients of weights: rows are cut into a fixed number of parts, whatever the number
 * of threads, and the sums of the parts are added in order. So the result is the same on any machine.
 */
import type { Shape, Value } from "../engine/ops/op.ts";
import type { LaunchContext, Place } from "./launcher.ts";
import { rowCount } from "./rows.ts";

/** More threads than this have nothing to do; each part costs memory and time for its own sums. */
const MAX_PARTS = 16;
/** Elements that one item of `sum_parts` takes, as in the assembly. */
const BLOCK = 1024;

/** Bytes of a float64 sum. */
export const SUM_BYTES = 8;

/** Parts that a number of rows is cut into. */
export function partsOf(rows: number): number {
  return Math.min(MAX_PARTS, rows);
}

/** Parts that the rows of `[batch, z, y, x, channel]` are cut into. */
export function partCount(shape: Shape): number {
  return partsOf(rowCount(shape));
}

/** Appends the sum of `parts` arrays of `floats` elements that lie `stride` bytes apart. */
export function emitSum(
  context: LaunchContext,
  { parts, stride, from, to, floats }: {
    parts: number;
    stride: number;
    from: Place;
    to: Place;
    floats: number;
  },
): void {
  context.emit({
    kernel: "sum_parts",
    args: [parts, stride, floats, from, to],
    items: Math.ceil(floats / BLOCK),
  });
}

/** Appends the sum of `parts` float64 numbers divided by `elements`, which becomes the only element of `to`. */
export function emitMean(
  context: LaunchContext,
  { parts, elements, sums, to }: { parts: number; elements: number; sums: Place; to: Value },
): void {
  context.emit({
    kernel: "mean_of_sums",
    args: [parts, elements, sums, context.place(to)],
    items: 1,
  });
}
