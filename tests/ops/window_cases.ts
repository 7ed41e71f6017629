/** Convolutions with strides or without padding, and their gradients, that every backend is checked on. */
import { conv3d } from "../../engine/ops/conv3d.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "../../engine/ops/conv3d_grad.ts";
import type { Attributes, Shape } from "../../engine/ops/op.ts";
import { spansOf, windowsOf } from "../../engine/ops/windows.ts";
import type { Case } from "../kernels/cases.ts";

const VALID = { padding: "valid" };

type Row = [size: Shape, channels: readonly [number, number], kernel: Shape, windows: Attributes];

const ROWS: readonly Row[] = [
  [[1, 5, 6, 7], [4, 4], [3, 3, 3], VALID],
  [[1, 11, 9, 10], [32, 32], [3, 3, 3], VALID],
  [[2, 8, 7, 11], [8, 12], [3, 3, 3], VALID],
  [[1, 5, 7, 6], [1, 8], [3, 3, 3], VALID],
  [[2, 4, 5, 6], [6, 5], [2, 3, 1], VALID],
  [[1, 9, 9, 9], [1, 16], [7, 7, 7], { stride: 2 }],
  [[2, 9, 8, 7], [8, 12], [3, 3, 3], { stride: 2 }],
  [[1, 5, 6, 5], [16, 40], [3, 3, 3], { stride: 2 }],
  [[2, 5, 6, 7], [4, 8], [1, 1, 1], { stride: 2 }],
  [[1, 7, 8, 9], [3, 7], [5, 5, 5], {}],
  [[2, 5, 6, 7], [16, 32], [5, 4, 3], {}],
  [[2, 5, 4, 7], [16, 32], [3, 3, 3], { stride: 2 }],
  [[1, 8, 9, 7], [4, 3], [3, 2, 4], { stride: 3, padding: "valid" }],
];

/** Forward; the first two also with everything fused. */
export const WINDOW_CASES: readonly Case[] = ROWS.flatMap(
  ([size, [ci, co], kernel, windows], i): Case[] => {
    const shapes = [[...size, ci], [...kernel, ci, co], [co]];
    const output = conv3d.shapes(shapes, windows)[0];
    const fused = { ...windows, reluInput: true, reluOutput: true, residual: true };
    return [
      { op: conv3d, shapes, attributes: windows },
      ...i % 2 === 0 ? [{ op: conv3d, shapes: [...shapes, output], attributes: fused }] : [],
    ];
  },
);

/** Backward, plain. */
export const WINDOW_GRADIENT_CASES: readonly Case[] = ROWS.flatMap(
  ([[batch, ...size], [ci, co], kernel, windows]): Case[] => {
    const counts = spansOf(size, kernel, windowsOf(windows)).map(({ count }) => count);
    const [x, dy] = [[batch, ...size, ci], [batch, ...counts, co]];
    return [
      { op: conv3dInputGrad, shapes: [dy, [...kernel, ci, co]], attributes: { ...windows, size } },
      { op: conv3dWeightGrad, shapes: [x, dy], attributes: { ...windows, kernel } },
    ];
  },
);

/** Backward with what the fusion passes add. */
export const FUSED_WINDOW_GRADIENT_CASES: readonly Case[] = WINDOW_GRADIENT_CASES.flatMap(
  ({ op, shapes, attributes }, i): Case[] => {
    if (op === conv3dWeightGrad) {
      return i % 3 === 0 ? [{ op, shapes, attributes: { ...attributes, reluInput: true } }] : [];
    }
    const [dx] = op.shapes(shapes, attributes);
    const both = { ...attributes, masked: true, residual: true };
    return i % 3 === 0 ? [{ op, shapes: [...shapes, dx, dx], attributes: both }] : [];
  },
);
