/**
 * What instance and batch normalisation share: with mean m and variance v (of the population) of a channel over a group of
 * voxels, n = (x - m) / sqrt(v + epsilon),
 *
 *   y      = n * scale[c] + bias[c]
 *   dx     = scale[c] / sqrt(v + epsilon) * (dy - mean(dy) - n * mean(dy * n))
 *   dscale = sum of dy * n,  dbias = sum of dy, over all groups
 *
 * A group is a sample (instance) or the whole batch.
 */
import type { Attributes } from "./op.ts";

type Reals = Float32Array | Float64Array;

/** How an activation `[group, voxel, channel]` is cut. */
export interface Groups {
  readonly groups: number;
  readonly channels: number;
}

/** Epsilon of a call. */
export function epsilonOf({ epsilon }: Attributes, fallback: number): number {
  const value = epsilon ?? fallback;
  if (typeof value === "number" && value > 0) return value;
  throw new RangeError(
    `Cannot normalise with epsilon ${value}: it must be a number above 0, default is ${fallback}`,
  );
}

/** Elements of channel c in group g: first, step and end. */
function eachChannel(
  length: number,
  { groups, channels }: Groups,
  use: (c: number, each: (visit: (i: number) => void) => void, count: number) => void,
): void {
  const size = length / groups;
  for (let g = 0; g < groups; g++) {
    for (let c = 0; c < channels; c++) {
      const each = (visit: (i: number) => void) => {
        for (let i = g * size + c; i < (g + 1) * size; i += channels) visit(i);
      };
      use(c, each, size / channels);
    }
  }
}

function statistics(
  x: Reals,
  each: (visit: (i: number) => void) => void,
  count: number,
  epsilon: number,
): { mean: number; inverse: number } {
  let mean = 0, variance = 0;
  each((i) => mean += x[i] / count);
  each((i) => variance += (x[i] - mean) ** 2 / count);
  return { mean, inverse: 1 / Math.sqrt(variance + epsilon) };
}

/** Fills y; without `scale` it is 1. */
export function normalise(
  { x, scale, bias, y }: { x: Reals; scale: Reals | null; bias: Reals; y: Reals },
  groups: Groups,
  epsilon: number,
): void {
  eachChannel(x.length, groups, (c, each, count) => {
    const { mean, inverse } = statistics(x, each, count, epsilon);
    each((i) => y[i] = (x[i] - mean) * inverse * (scale?.[c] ?? 1) + bias[c]);
  });
}

/** Fills the gradients; without `scale` it is 1 and has none. */
export function normaliseGrad(
  { x, dy, scale, dx, dscale, dbias }: {
    x: Reals;
    dy: Reals;
    scale: Reals | null;
    dx: Reals;
    dscale: Reals | null;
    dbias: Reals;
  },
  groups: Groups,
  epsilon: number,
): void {
  const [scaleSums, biasSums] = [dbias, dbias].map(({ length }) => new Float64Array(length));
  eachChannel(x.length, groups, (c, each, count) => {
    const { mean, inverse } = statistics(x, each, count, epsilon);
    let sum = 0, sumN = 0;
    each((i) => {
      sum += dy[i];
      sumN += dy[i] * (x[i] - mean) * inverse;
    });
    const factor = (scale?.[c] ?? 1) * inverse;
    each((i) => {
      const n = (x[i] - mean) * inverse;
      dx[i] = factor * (dy[i] - sum / count - n * sumN / count);
    });
    scaleSums[c] += sumN;
    biasSums[c] += sum;
  });
  dscale?.set(scaleSums);
  dbias.set(biasSums);
}
