/** The kernels that exist, by op. An op without a line here has no GPU form. */
import { conv3dLauncher } from "./conv3d.ts";
import { conv3dInputGradLauncher } from "./conv3d_input_grad.ts";
import { conv3dWeightGradLauncher } from "./conv3d_weight_grad.ts";
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
  sigmoidCrossEntropyGradLauncher,
  sigmoidCrossEntropyLauncher,
} from "./sigmoid_cross_entropy.ts";

/** Launchers by op name. */
export const LAUNCHERS: ReadonlyMap<string, Launcher> = new Map([
  ["binary", binaryLauncher],
  ["concat_channels", concatChannelsLauncher],
  ["conv3d", conv3dLauncher],
  ["conv3d_input_grad", conv3dInputGradLauncher],
  ["conv3d_weight_grad", conv3dWeightGradLauncher],
  ["layer_norm", layerNormLauncher],
  ["layer_norm_grad", layerNormGradLauncher],
  ["optimizer_step", optimizerStepLauncher],
  ["sigmoid_cross_entropy", sigmoidCrossEntropyLauncher],
  ["sigmoid_cross_entropy_grad", sigmoidCrossEntropyGradLauncher],
  ["slice_channels", sliceChannelsLauncher],
  ["unary", unaryLauncher],
  ["unary_grad", unaryGradLauncher],
]);
