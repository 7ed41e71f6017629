/** Kernels compiled to WebAssembly: which op each launcher serves, and the modules that hold the kernels. */
import { KernelError } from "../engine/errors/errors.ts";
import { affine } from "./affine.ts";
import { binary } from "./binary.ts";
import { batchNorm, batchNormGrad, instanceNorm, instanceNormGrad } from "./channel_norm.ts";
import { concatChannels } from "./concat_channels.ts";
import { conv3d } from "./conv3d.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "./conv3d_grad.ts";
import { crop, embed } from "./crop.ts";
import { dense, denseGrad } from "./dense.ts";
import { dropout } from "./dropout.ts";
import type { Launcher } from "./launcher.ts";
import { layerNorm } from "./layer_norm.ts";
import { layerNormGrad } from "./layer_norm_grad.ts";
import { meanError, meanErrorGrad } from "./mean_error.ts";
import { optimizerStep } from "./optimizer_step.ts";
import { pool3d, pool3dGrad } from "./pool3d.ts";
import { sigmoidCrossEntropy, sigmoidCrossEntropyGrad } from "./sigmoid_cross_entropy.ts";
import { sliceChannels } from "./slice_channels.ts";
import { spatialMean, spatialMeanGrad } from "./spatial_mean.ts";
import { unary } from "./unary.ts";
import { unaryGrad } from "./unary_grad.ts";

/** Launchers by the name of their op. */
export const LAUNCHERS: ReadonlyMap<string, Launcher> = new Map(
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
  ].map((launcher) => [launcher.op, launcher]),
);

/** Module that holds the loop of a thread, `serve`. */
export const PROGRAM_MODULE = "program";

/** Kernels by the module that exports them. */
const KERNELS_OF_MODULE = {
  affine: ["affine"],
  binary: ["binary"],
  channel_norm: ["channel_sums", "channel_statistics", "channel_norm", "spatial_mean_grad"],
  channel_norm_grad: ["channel_norm_grad_sums", "channel_norm_grad_means", "channel_norm_grad"],
  clear_halo: ["clear_halo"],
  conv3d_shuffle: ["conv3d_shuffle"],
  conv3d_splat: ["conv3d_splat"],
  conv3d_weight_grad: ["conv3d_weight_grad"],
  conv3d_weight_grad_winograd_shuffle: ["conv3d_weight_grad_winograd_shuffle"],
  conv3d_weight_grad_winograd_splat: ["conv3d_weight_grad_winograd_splat"],
  conv3d_winograd_shuffle: ["conv3d_winograd_shuffle"],
  conv3d_winograd_splat: ["conv3d_winograd_splat"],
  copy_channels: ["copy_channels"],
  dense: ["dense", "dense_grad"],
  dropout: ["dropout"],
  embed: ["embed"],
  flip_conv3d: ["flip_conv3d"],
  layer_norm: ["layer_norm"],
  layer_norm_grad: ["layer_norm_grad"],
  mean_error: ["mean_error", "mean_error_grad"],
  optimizer_step: ["optimizer_step"],
  pack_conv3d: ["pack_conv3d"],
  pack_conv3d_winograd: ["pack_conv3d_winograd"],
  pool3d: ["pool3d", "pool3d_grad"],
  sigmoid_cross_entropy: ["sigmoid_cross_entropy", "mean_of_sums", "sigmoid_cross_entropy_grad"],
  sum_parts: ["sum_parts"],
  unary: ["unary"],
  unary_grad: ["unary_grad"],
  unpack_weight_grad_winograd: ["unpack_weight_grad_winograd"],
} as const;

/** A kernel and the module that exports it. */
export interface Kernel {
  readonly module: string;
  readonly name: string;
}

/** Every kernel; the position in this list is its number in a program. */
export const KERNELS: readonly Kernel[] = Object.entries(KERNELS_OF_MODULE).flatMap(
  ([module, names]) => names.map((name) => ({ module, name })),
);

/** Bytes of the modules that a thread needs, by name. */
export async function loadModuleBytes(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const names = [PROGRAM_MODULE, ...Object.keys(KERNELS_OF_MODULE)];
  const modules = await Promise.all(names.map(async (name) => {
    try {
      const response = await fetch(new URL(`./build/${name}.wasm`, import.meta.url));
      if (!response.ok) throw new Error(`the server answers ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw new KernelError(
        `Cannot load the kernels of "${name}.wasm": ${(cause as Error).message}`,
        { label: name, cause },
      );
    }
  }));
  return new Map(names.map((name, i) => [name, modules[i]]));
}

/** Compiles modules, by name. */
export async function compileModules(
  bytes: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
): Promise<Map<string, WebAssembly.Module>> {
  const compiled = [...bytes].map(async ([name, module]) =>
    [name, await WebAssembly.compile(module)] as const
  );
  return new Map(await Promise.all(compiled));
}
