/** Calls of normalisations, means, dense layers, crops, pooling, dropout and mean errors that every backend is checked on. */
import { affine } from "../../engine/ops/affine.ts";
import { batchNorm, batchNormGrad } from "../../engine/ops/batch_norm.ts";
import { crop, embed } from "../../engine/ops/crop.ts";
import { dense, denseGrad } from "../../engine/ops/dense.ts";
import { dropout } from "../../engine/ops/dropout.ts";
import { instanceNorm, instanceNormGrad } from "../../engine/ops/instance_norm.ts";
import { meanError, meanErrorGrad } from "../../engine/ops/mean_error.ts";
import { pool3d, pool3dGrad } from "../../engine/ops/pool3d.ts";
import { spatialMean, spatialMeanGrad } from "../../engine/ops/spatial_mean.ts";
import type { Attributes } from "../../engine/ops/op.ts";
import type { Case } from "../kernels/cases.ts";

/** Activations with channels that fill vectors, that do not, and with one channel. */
const ACTIVATIONS = [[2, 3, 4, 5, 8], [1, 5, 3, 4, 6], [3, 2, 5, 3, 1], [2, 7, 3, 9, 33]];

/** Windows of pooling: odd and even sizes, with and without padding. */
const POOLS: readonly Attributes[] = [
  { kernel: [3, 3, 3], stride: 2 },
  { kernel: [2, 3, 1], stride: 1, padding: "valid" },
];

/** Forward. */
export const NETWORK_CASES: readonly Case[] = ACTIVATIONS.flatMap((x): Case[] => {
  const c = x[4];
  return [
    { op: affine, shapes: [x], attributes: { scale: -1.5, shift: 0.25 } },
    { op: instanceNorm, shapes: [x, [c], [c]], attributes: {} },
    { op: batchNorm, shapes: [x, [c]], attributes: {} },
    {
      op: crop,
      shapes: [[x[0], ...x.slice(1, 4).map((n) => n + 4), c]],
      attributes: { margin: 2 },
    },
    { op: embed, shapes: [x], attributes: { margin: c % 3 } },
    { op: dropout, shapes: [x, [1]], attributes: { stream: c, keep: 0.25 * x[0] } },
    { op: spatialMean, shapes: [x], attributes: {} },
    { op: dense, shapes: [[x[0], c], [c, 3], [3]], attributes: {} },
    { op: meanError, shapes: [x, x], attributes: { function: "absolute" } },
    { op: meanError, shapes: [x, x], attributes: { function: "squared", weight: 2.5 } },
    ...POOLS.map((attributes) => ({ op: pool3d, shapes: [x], attributes })),
  ];
});

/** Backward. */
export const NETWORK_GRADIENT_CASES: readonly Case[] = ACTIVATIONS.flatMap((x): Case[] => {
  const c = x[4];
  return [
    { op: instanceNormGrad, shapes: [x, x, [c]], attributes: {} },
    { op: batchNormGrad, shapes: [x, x], attributes: { epsilon: 1e-2 } },
    { op: spatialMeanGrad, shapes: [[x[0], c]], attributes: { size: x.slice(1, 4) } },
    { op: denseGrad, shapes: [[x[0], c], [c, 3], [x[0], 3]], attributes: {} },
    { op: meanErrorGrad, shapes: [x, x], attributes: { function: "absolute", weight: 0.5 } },
    { op: meanErrorGrad, shapes: [x, x], attributes: { function: "squared" } },
    ...POOLS.map((attributes) => ({
      op: pool3dGrad,
      shapes: [x, pool3d.shapes([x], attributes)[0]],
      attributes,
    })),
  ];
});
