import { elementCount } from "../engine/formats/nd_array.ts";
import type { Shape } from "../engine/ops/op.ts";

/**
 * Where the elements of an activation stand in GPU memory: element (b, c, z, y, x) is number
 * `((b * blocks + floor(c / block)) * volume + voxel) * block + c % block`, with `voxel` counted in a box that is `halo`
 * wider on every side. The halo stays zero, so a SAME convolution needs no tests at the border.
 */
export interface Layout {
  readonly batch: number;
  readonly z: number;
  readonly y: number;
  readonly x: number;
  readonly channels: number;
  /** Channels that lie side by side. */
  readonly block: number;
  /** `channels / block`, rounded up; the rest of the last block is zero. */
  readonly blocks: number;
  /** Zero voxels around the box. */
  readonly halo: number;
  /** Type of an element in memory. */
  readonly real: "f32" | "f16";
}

/** Batch, extents and channels of a shape; one that is no `[batch, z, y, x, channel]` is a row of numbers. */
function extents(shape: Shape): Pick<Layout, "batch" | "z" | "y" | "x" | "channels"> {
  const [batch, z, y, x, channels] = shape.length === 5 ? shape : [1, 1, 1, elementCount(shape), 1];
  return { batch, z, y, x, channels };
}

/** C order without halo, the layout of everything that the host writes or reads. */
export function plainLayout(shape: Shape): Layout {
  const box = extents(shape);
  return { ...box, block: box.channels, blocks: 1, halo: 0, real: "f32" };
}

/**
 * The layout of values inside a program: blocks of 4 channels with a halo, or C order where there is a single channel.
 *
 * @param half Store vec4<f16>; single channels stay f32.
 */
export function blockedLayout(shape: Shape, half = false): Layout {
  const box = extents(shape);
  if (box.channels === 1) return plainLayout(shape);
  const blocks = Math.ceil(box.channels / 4);
  return { ...box, block: 4, blocks, halo: 1, real: half ? "f16" : "f32" };
}

/** Voxels of one channel block, halo included. */
export function paddedVolume(layout: Layout): number {
  const pad = 2 * layout.halo;
  return (layout.z + pad) * (layout.y + pad) * (layout.x + pad);
}

/** Voxels without halo. */
export function voxelCount(layout: Layout): number {
  return layout.z * layout.y * layout.x;
}

/** Bytes of the whole array. */
export function sizeBytes(layout: Layout): number {
  const elements = layout.batch * layout.blocks * paddedVolume(layout) * layout.block;
  return elements * (layout.real === "f16" ? 2 : 4);
}

/** `blocks, block, halo`: what the kernels that read any layout take in their Params. */
export function layoutWords(layout: Layout): [number, number, number] {
  return [layout.blocks, layout.block, layout.halo];
}

/** Whether this is the layout of vec4 with a halo that the fast kernels take. */
export function isBlocked(layout: Layout): boolean {
  return layout.block === 4 && layout.halo === 1;
}

/** Layouts with the same key can take each other's memory: halos fall on halos. */
export function layoutKey(layout: Layout): string {
  const { batch, z, y, x, blocks, block, halo, real } = layout;
  return [batch, z, y, x, blocks, block, halo, real].join(" ");
}
