/** The ops that exist. A backend lists the same names or says why it lacks one. */
import { binary } from "./binary.ts";
import { concatChannels } from "./concat_channels.ts";
import { conv3d } from "./conv3d.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "./conv3d_grad.ts";
import { layerNorm } from "./layer_norm.ts";
import { layerNormGrad } from "./layer_norm_grad.ts";
import type { Op } from "./op.ts";
import { optimizerStep } from "./optimizer_step.ts";
import { sigmoidCrossEntropy, sigmoidCrossEntropyGrad } from "./sigmoid_cross_entropy.ts";
import { sliceChannels } from "./slice_channels.ts";
import { unary } from "./unary.ts";
import { unaryGrad } from "./unary_grad.ts";

/** Every op by its name. */
export const OPS: ReadonlyMap<string, Op> = new Map(
  [
    binary,
    concatChannels,
    conv3d,
    conv3dInputGrad,
    conv3dWeightGrad,
    layerNorm,
    layerNormGrad,
    optimizerStep,
    sigmoidCrossEntropy,
    sigmoidCrossEntropyGrad,
    sliceChannels,
    unary,
    unaryGrad,
  ].map((op) => [op.name, op]),
);
