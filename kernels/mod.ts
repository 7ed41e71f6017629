/** The kernels that exist, by op. An op without a line here has no GPU form. */
import {
  batchNormGradLauncher,
  batchNormLauncher,
  instanceNormGradLauncher,
  instanceNormLauncher,
  spatialMeanGradLauncher,
  spatialMeanLauncher,
} from "./channel_norm.ts";
import { conv3dLauncher } from "./conv3d.ts";
import { conv3dInputGradLauncher } from "./conv3d_input_grad.ts";
import { conv3dWeightGradLauncher } from "./conv3d_weight_grad.ts";
import { cropLauncher, embedLauncher } from "./crop.ts";
import { denseGradLauncher, denseLauncher } from "./dense.ts";
import {
  binaryLauncher,
  concatChannelsLauncher,
  sliceChannelsLauncher,
  unaryGradLauncher,
  unaryLauncher,
} from "./elementwise.ts";
import type { Launcher } from "./kernel.ts";
import { layerNormLauncher } from "./layer_norm.ts";
import { layerNormGradLauncher } from "./layer_norm_grad.ts";
import { optimizerStepLauncher } from "./optimizer_step.ts";
import {
  affineLauncher,
  dropoutLauncher,
  meanErrorGradLauncher,
  meanErrorLauncher,
} from "./pointwise.ts";
import { pool3dGradLauncher, pool3dLauncher } from "./pool3d.ts";
import {
  sigmoidCrossEntropyGradLauncher,
  sigmoidCrossEntropyLauncher,
} from "./sigmoid_cross_entropy.ts";

/** Launchers by op name. */
export const LAUNCHERS: ReadonlyMap<string, Launcher> = new Map([
  ["affine", affineLauncher],
  ["batch_norm", batchNormLauncher],
  ["batch_norm_grad", batchNormGradLauncher],
  ["binary", binaryLauncher],
  ["concat_channels", concatChannelsLauncher],
  ["conv3d", conv3dLauncher],
  ["conv3d_input_grad", conv3dInputGradLauncher],
  ["conv3d_weight_grad", conv3dWeightGradLauncher],
  ["crop", cropLauncher],
  ["dense", denseLauncher],
  ["dense_grad", denseGradLauncher],
  ["dropout", dropoutLauncher],
  ["embed", embedLauncher],
  ["instance_norm", instanceNormLauncher],
  ["instance_norm_grad", instanceNormGradLauncher],
  ["layer_norm", layerNormLauncher],
  ["layer_norm_grad", layerNormGradLauncher],
  ["mean_error", meanErrorLauncher],
  ["mean_error_grad", meanErrorGradLauncher],
  ["optimizer_step", optimizerStepLauncher],
  ["pool3d", pool3dLauncher],
  ["pool3d_grad", pool3dGradLauncher],
  ["sigmoid_cross_entropy", sigmoidCrossEntropyLauncher],
  ["sigmoid_cross_entropy_grad", sigmoidCrossEntropyGradLauncher],
  ["slice_channels", sliceChannelsLauncher],
  ["spatial_mean", spatialMeanLauncher],
  ["spatial_mean_grad", spatialMeanGradLauncher],
  ["unary", unaryLauncher],
  ["unary_grad", unaryGradLauncher],
]);
