/** Calls that the CPU kernels are checked on: the table of all backends, and every way a convolution can be cut. */
import { conv3d } from "../../engine/ops/conv3d.ts";
import { layerNorm } from "../../engine/ops/layer_norm.ts";
import type { Attributes } from "../../engine/ops/op.ts";
import { type Case, CASES } from "../kernels/cases.ts";
import { NETWORK_CASES } from "./network_cases.ts";
import { WINDOW_CASES } from "./window_cases.ts";

function convolution(
  size: readonly number[],
  [ci, co]: readonly number[],
  kernel: readonly number[] = [3, 3, 3],
  attributes: Attributes = {},
): Case {
  const shapes = [[...size, ci], [...kernel, ci, co], [co]];
  if (attributes.residual) shapes.push([...size, co]);
  return { op: conv3d, shapes, attributes };
}

const FUSED = { reluInput: true, reluOutput: true, residual: true };

/** Keeps the direct kernel where Winograd's would run. */
const DIRECT = { cpuVariant: "direct" };

/** Widths from 1 to 13 cover every number of voxels in a tile, alone and after a full one. */
const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13];

/** Output channels that end in every kind of block. */
const CHANNELS = [1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 20, 24, 28, 31, 33, 48, 64];

/** Cases for the wasm backend. */
export const CPU_CASES: readonly Case[] = [
  ...CASES,
  ...WINDOW_CASES,
  ...NETWORK_CASES,
  ...WIDTHS.map((x) => convolution([1, 3, 2, x], [4, 16])),
  ...WIDTHS.map((x) => convolution([1, 2, 3, x], [8, 8], [3, 3, 3], FUSED)),
  ...CHANNELS.map((c) => convolution([1, 3, 4, 5], [c, c], [3, 3, 3], { reluInput: true })),
  ...CHANNELS.map((c) => convolution([2, 2, 3, 4], [2, c], [3, 3, 3], FUSED)),
  ...WIDTHS.map((x) => convolution([1, 2, 3, x], [12, 12], [3, 3, 3], DIRECT)),
  ...CHANNELS.map((c) => convolution([1, 2, 3, 5], [c, c], [3, 3, 3], { ...FUSED, ...DIRECT })),
  convolution([4, 3, 5, 6], [16, 16], [3, 3, 3], FUSED),
  convolution([1, 10, 9, 7], [16, 32], [3, 3, 3], { residual: true }),
  convolution([1, 8, 17, 6], [32, 16], [3, 3, 3], { reluOutput: true }),
  convolution([2, 5, 5, 5], [8, 8], [5, 5, 5], FUSED),
  convolution([1, 5, 6, 7], [12, 4], [1, 3, 3]),
  convolution([1, 1, 9, 9], [16, 16], [1, 1, 1], FUSED),
  ...[1, 3, 4, 7, 32, 33].map((c) => ({
    op: layerNorm,
    shapes: [[2, 2, 3, 5, c], [c], [c]],
    attributes: { reluOutput: c % 2 === 1 },
  })),
];
