import type { Device } from "../../backends/webgpu/device.ts";
import { mostSlabs } from "../../../kernels/flood/slabs.ts";

/** How many canvases lie in how many buffers of each voxel array. */
export interface FloodLayout {
  /** Canvases at once. */
  readonly slots: number;
  /** Words per canvas of the voxel arrays; a multiple of 4. */
  readonly voxels: number;
  /** Buffers of each voxel array. */
  readonly slabs: number;
  /** Words of each of them but the last. */
  readonly slabWords: number;
}

/**
 * Places canvases of up to `voxels` voxels: as many of `wanted` as fit one binding, or, where not even one does, as many as
 * fit the slabs that the device can bind at once. Null where there is no room for one.
 */
export function planLayout(
  { limits }: Pick<Device, "limits">,
  voxels: number,
  wanted: number,
  maxBindingBytes: number = limits.maxStorageBufferBindingSize,
): FloodLayout | null {
  const stride = 4 * Math.ceil(voxels / 4);
  const slabWords = Math.floor(Math.min(maxBindingBytes, limits.maxBufferSize) / 4);
  const most = stride <= slabWords ? 1 : mostSlabs(limits.maxStorageBuffersPerShaderStage);
  const slots = Math.min(wanted, Math.floor(most * slabWords / stride));
  if (slots === 0) return null;
  return { slots, voxels: stride, slabs: Math.ceil(slots * stride / slabWords), slabWords };
}

/** Why a canvas is cut, in one line; null where it is not. */
export function describeSlabs({ voxels, slabs, slabWords }: FloodLayout): string | null {
  if (slabs === 1 || voxels <= slabWords) return null;
  return `a canvas of ${4 * voxels} bytes lies in ${slabs} slabs on the GPU: one binding spans ${
    4 * slabWords
  } bytes`;
}
