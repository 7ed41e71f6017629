/** The kernels that exist, by op. An op without a line here has no GPU form. */
import { conv3dLauncher } from "./conv3d.ts";
import { binaryLauncher, concatChannelsLauncher, unaryLauncher } from "./elementwise.ts";
import type { Launcher } from "./kernel.ts";
import { layerNormLauncher } from "./layer_norm.ts";

/** Launchers by op name. */
export const LAUNCHERS: ReadonlyMap<string, Launcher> = new Map([
  ["binary", binaryLauncher],
  ["concat_channels", concatChannelsLauncher],
  ["conv3d", conv3dLauncher],
  ["layer_norm", layerNormLauncher],
  ["unary", unaryLauncher],
]);
