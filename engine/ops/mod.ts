/** The ops that exist. A backend lists the same names or says why it lacks one. */
import { affine } from "./affine.ts";
import { batchNorm, batchNormGrad } from "./batch_norm.ts";
import { binary } from "./binary.ts";
import { concatChannels } from "./concat_channels.ts";
import { conv3d } from "./conv3d.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "./conv3d_grad.ts";
import { crop, embed } from "./crop.ts";
import { dense, denseGrad } from "./dense.ts";
import { dropout } from "./dropout.ts";
import { instanceNorm, instanceNormGrad } from "./instance_norm.ts";
import { layerNorm } from "./layer_norm.ts";
import { layerNormGrad } from "./layer_norm_grad.ts";
import { meanError, meanErrorGrad } from "./mean_error.ts";
import type { Op } from "./op.ts";
import { optimizerStep } from "./optimizer_step.ts";
import { pool3d, pool3dGrad } from "./pool3d.ts";
import { sigmoidCrossEntropy, sigmoidCrossEntropyGrad } from "./sigmoid_cross_entropy.ts";
import { sliceChannels } from "./slice_channels.ts";
import { spatialMean, spatialMeanGrad } from "./spatial_mean.ts";
import { unary } from "./unary.ts";
import { unaryGrad } from "./unary_grad.ts";

/** Every op by its name. */
export const OPS: ReadonlyMap<string, Op> = new Map(
  [
    affine,
    batchNorm,
    batchNormGrad,
    binary,
    concatChannels,
    conv3d,
    conv3dInputGrad,
    conv3dWeightGrad,
    crop,
    dense,
    denseGrad,
    dropout,
    embed,
    instanceNorm,
    instanceNormGrad,
    layerNorm,
    layerNormGrad,
    meanError,
    meanErrorGrad,
    optimizerStep,
    pool3d,
    pool3dGrad,
    sigmoidCrossEntropy,
    sigmoidCrossEntropyGrad,
    sliceChannels,
    spatialMean,
    spatialMeanGrad,
    unary,
    unaryGrad,
  ].map((op) => [op.name, op]),
);
