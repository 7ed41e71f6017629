/** Instance and batch normalisation and their gradients: statistics in parts, then rows (`assembly/channel_norm.ts`). */
import { elementCount } from "../engine/formats/nd_array.ts";
import {
  batchEpsilon,
  batchNorm as batchOp,
  batchNormGrad as batchGradOp,
} from "../engine/ops/batch_norm.ts";
import {
  instanceEpsilon,
  instanceNorm as instanceOp,
  instanceNormGrad as instanceGradOp,
} from "../engine/ops/instance_norm.ts";
import type { Value } from "../engine/ops/op.ts";
import { FLOAT_BYTES } from "./layout.ts";
import { type LaunchContext, type Launcher, offsetBy, type Place } from "./launcher.ts";
import { partsOf, SUM_BYTES } from "./parts.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Stands for a scale that is 1, or a gradient that nobody wants. */
const ABSENT = 0;

/** How x `[batch, z, y, x, channel]` is cut into groups and these into parts. */
function extentOf({ shape }: Value, groups: number) {
  const rows = rowCount(shape) / groups;
  const channels = shape[4];
  return { rows, channels, parts: partsOf(rows), voxels: elementCount(shape) / groups / channels };
}

/** Bytes of the two sums per channel of every part of every group that statistics and gradients need. */
export function sumBytes(x: Value, groups: number): number {
  const { channels, parts } = extentOf(x, groups);
  return groups * parts * 2 * channels * SUM_BYTES;
}

/**
 * Appends the mean and, from an epsilon of 0 on, the inverse standard deviation of the channels of every group, which come to lie
 * at `to`, `step` bytes from one group to the next.
 *
 * @param at.sums Memory of `sumBytes` for the meantime.
 */
export function emitStatistics(
  context: LaunchContext,
  x: Value,
  at: { groups: number; epsilon: number; sums: Place; to: Place; step: number },
): void {
  const { groups, epsilon, sums, to, step } = at;
  const { rows, channels, parts, voxels } = extentOf(x, groups);
  const [depth, height] = rowArguments(x.shape);
  const view = context.view(x);
  context.emit({
    kernel: "channel_sums",
    args: [...rowArguments(x.shape), rows, parts, sums, view],
    items: groups * parts,
  });
  context.emit({
    kernel: "channel_statistics",
    args: [depth, height, channels, rows, voxels, parts, { f32: epsilon }, sums, to, step, view],
    items: groups,
  });
}

/** Appends the statistics of all groups; behind them there is room for as many means, and for sums. */
function statisticsOf(context: LaunchContext, x: Value, groups: number, epsilon: number) {
  const step = 2 * x.shape[4] * FLOAT_BYTES;
  const statistics = context.temporary(2 * groups * step + sumBytes(x, groups));
  const means = offsetBy(statistics, groups * step);
  const sums = offsetBy(means, groups * step);
  emitStatistics(context, x, { groups, epsilon, sums, to: statistics, step });
  return { statistics, means, sums };
}

function emitNorm(
  context: LaunchContext,
  { x, y, scale, bias }: { x: Value; y: Value; scale: Value | null; bias: Value },
  groups: number,
  epsilon: number,
): void {
  const { statistics } = statisticsOf(context, x, groups, epsilon);
  context.emit({
    kernel: "channel_norm",
    args: [
      ...rowArguments(x.shape),
      extentOf(x, groups).rows,
      statistics,
      scale ? context.place(scale) : ABSENT,
      context.place(bias),
      context.view(x),
      context.view(y),
    ],
    items: rowCount(x.shape),
    scratchBytes: x.shape[4] * FLOAT_BYTES,
  });
}

function emitNormGrad(
  context: LaunchContext,
  { x, dy, dx, scale, dscale, dbias }: {
    x: Value;
    dy: Value;
    dx: Value;
    scale: Value | null;
    dscale: Value | null;
    dbias: Value;
  },
  groups: number,
  epsilon: number,
): void {
  const { rows, channels, parts, voxels } = extentOf(x, groups);
  const { statistics, means, sums } = statisticsOf(context, x, groups, epsilon);
  const views = [x, dy].map(context.view);
  context.emit({
    kernel: "channel_norm_grad_sums",
    args: [...rowArguments(x.shape), rows, parts, statistics, sums, ...views],
    items: groups * parts,
  });
  const place = (value: Value | null) => value ? context.place(value) : ABSENT;
  context.emit({
    kernel: "channel_norm_grad_means",
    args: [groups, channels, parts, voxels, sums, means, place(dscale), place(dbias)],
    items: channels,
  });
  context.emit({
    kernel: "channel_norm_grad",
    args: [
      ...rowArguments(x.shape),
      rows,
      statistics,
      means,
      place(scale),
      ...views,
      context.view(dx),
    ],
    items: rowCount(x.shape),
  });
}

/** Normalisation of every sample. */
export const instanceNorm: Launcher = {
  op: instanceOp.name,
  plain: { inputs: [1, 2] },
  inPlace: (call) => call.inputs.slice(0, 1),
  launch({ inputs: [x, scale, bias], outputs: [y], attributes }, context) {
    emitNorm(context, { x, y, scale, bias }, x.shape[0], instanceEpsilon(attributes));
  },
};

/** Its gradients. */
export const instanceNormGrad: Launcher = {
  op: instanceGradOp.name,
  plain: { inputs: [2], outputs: [1, 2] },
  inPlace: (call) => call.inputs.slice(0, 2),
  launch({ inputs: [x, dy, scale], outputs: [dx, dscale, dbias], attributes }, context) {
    const values = { x, dy, dx, scale, dscale, dbias };
    emitNormGrad(context, values, x.shape[0], instanceEpsilon(attributes));
  },
};

/** Normalisation of the whole batch. */
export const batchNorm: Launcher = {
  op: batchOp.name,
  plain: { inputs: [1] },
  inPlace: (call) => call.inputs.slice(0, 1),
  launch({ inputs: [x, bias], outputs: [y], attributes }, context) {
    emitNorm(context, { x, y, scale: null, bias }, 1, batchEpsilon(attributes));
  },
};

/** Its gradients. */
export const batchNormGrad: Launcher = {
  op: batchGradOp.name,
  plain: { outputs: [1] },
  inPlace: (call) => call.inputs,
  launch({ inputs: [x, dy], outputs: [dx, dbias], attributes }, context) {
    const values = { x, dy, dx, scale: null, dscale: null, dbias };
    emitNormGrad(context, values, 1, batchEpsilon(attributes));
  },
};
