/** Calls of the backward ops that every backend is checked on. */
import { conv3dInputGrad, conv3dWeightGrad } from "../../engine/ops/conv3d_grad.ts";
import { layerNormGrad } from "../../engine/ops/layer_norm_grad.ts";
import type { Attributes, Op } from "../../engine/ops/op.ts";
import { OPTIMIZER_STATES, optimizerStep } from "../../engine/ops/optimizer_step.ts";
import {
  sigmoidCrossEntropy,
  sigmoidCrossEntropyGrad,
} from "../../engine/ops/sigmoid_cross_entropy.ts";
import { sliceChannels } from "../../engine/ops/slice_channels.ts";
import { unaryGrad } from "../../engine/ops/unary_grad.ts";
import type { Case } from "../kernels/cases.ts";

type Size = readonly [batch: number, z: number, y: number, x: number];

function convolution(size: Size, ci: number, co: number, kernel = [3, 3, 3]): Case[] {
  const [x, dy] = [[...size, ci], [...size, co]];
  const isOdd = kernel.every((n) => n % 2 === 1);
  return [
    { op: conv3dWeightGrad, shapes: [x, dy], attributes: { kernel } },
    ...isOdd ? [{ op: conv3dInputGrad, shapes: [dy, [...kernel, ci, co]], attributes: {} }] : [],
  ];
}

function onOneShape(op: Op, inputs: number, shape: readonly number[], attributes: Attributes = {}) {
  return { op, shapes: new Array(inputs).fill(shape), attributes };
}

/** Every backward op; channels that do not fill a vector, odd sizes, batches. */
export const GRADIENT_CASES: readonly Case[] = [
  ...convolution([1, 3, 3, 3], 4, 4),
  ...convolution([2, 5, 4, 7], 2, 8),
  ...convolution([1, 9, 7, 8], 8, 8),
  ...convolution([3, 4, 5, 13], 8, 16),
  ...convolution([1, 7, 6, 5], 32, 32),
  ...convolution([1, 5, 5, 9], 32, 1, [1, 1, 1]),
  ...convolution([2, 3, 2, 4], 5, 3),
  ...convolution([1, 4, 3, 3], 12, 28),
  ...convolution([1, 3, 8, 4], 40, 36),
  ...convolution([1, 5, 5, 5], 9, 17),
  ...convolution([1, 4, 4, 6], 3, 4, [1, 3, 5]),
  ...convolution([1, 4, 4, 6], 3, 4, [2, 4, 1]),
  onOneShape(unaryGrad, 2, [2, 3, 4, 5, 6], { function: "relu" }),
  onOneShape(unaryGrad, 2, [1, 3, 4, 5, 1], { function: "sigmoid" }),
  onOneShape(unaryGrad, 2, [2, 3, 4, 5, 6], { function: "leaky_relu" }),
  onOneShape(unaryGrad, 2, [1, 3, 4, 5, 1], { function: "tanh" }),
  { op: layerNormGrad, shapes: [[2, 3, 4, 5, 8], [2, 3, 4, 5, 8], [8]], attributes: {} },
  {
    op: layerNormGrad,
    shapes: [[1, 5, 3, 3, 6], [1, 5, 3, 3, 6], [6]],
    attributes: { epsilon: 1e-3 },
  },
  onOneShape(sigmoidCrossEntropy, 3, [2, 5, 4, 3, 1]),
  onOneShape(sigmoidCrossEntropy, 3, [17]),
  onOneShape(sigmoidCrossEntropyGrad, 3, [2, 5, 4, 3, 1]),
  { op: sliceChannels, shapes: [[2, 3, 4, 5, 6]], attributes: { first: 1, count: 4 } },
  ...Object.entries(OPTIMIZER_STATES).map(([name, states]) => ({
    op: optimizerStep,
    shapes: [[3, 3, 3, 7, 5], [3, 3, 3, 7, 5], [1], ...new Array(states).fill([3, 3, 3, 7, 5])],
    attributes: {
      function: name,
      clip: 0.7,
      momentum: 0.9,
      beta1: 0.9,
      beta2: 0.999,
      decay: 0.9,
      epsilon: 1e-3,
    },
  })),
];

/** Gradients with a mask, a residual or both, and a ReLU as x is loaded: what the fusion passes make for the CPU. */
function fusedConvolution(size: Size, ci: number, co: number, kernel = [3, 3, 3]): Case[] {
  const [x, dy, weights] = [[...size, ci], [...size, co], [...kernel, ci, co]];
  return [
    { op: conv3dInputGrad, shapes: [dy, weights, x], attributes: { masked: true } },
    { op: conv3dInputGrad, shapes: [dy, weights, x], attributes: { residual: true } },
    {
      op: conv3dInputGrad,
      shapes: [dy, weights, x, x],
      attributes: { masked: true, residual: true },
    },
    { op: conv3dWeightGrad, shapes: [x, dy], attributes: { kernel, reluInput: true } },
  ];
}

/** Cases of the switches that only backends with `fuseGradients` know. */
export const FUSED_GRADIENT_CASES: readonly Case[] = [
  ...fusedConvolution([1, 9, 7, 8], 8, 8),
  ...fusedConvolution([2, 4, 5, 13], 8, 12),
  ...fusedConvolution([1, 4, 6, 5], 5, 8),
  ...fusedConvolution([1, 5, 5, 9], 32, 1, [1, 1, 1]),
  ...fusedConvolution([2, 3, 2, 4], 2, 8),
];
