/**
 * How an activation `[batch, z, y, x, channel]` lies in memory. Arrays that callers bind are dense. Inside a program they
 * have a halo of zeros, so that SAME convolutions need no edge cases, and a voxel of 4 or more channels takes a multiple of
 * 4 floats, so that whole vectors can be loaded and stored.
 */
import { addZyx, maxZyx, type Zyx } from "../engine/geometry/vectors.ts";
import { describeShape, type Shape } from "../engine/ops/op.ts";

export const FLOAT_BYTES = 4;

/** Zeros around an activation, in voxels, zyx. */
export interface Halo {
  readonly before: Zyx;
  readonly after: Zyx;
}

export const NO_HALO: Halo = { before: [0, 0, 0], after: [0, 0, 0] };

/** The halo that windows with this padding along z, y and x see. */
export function haloOf(
  [z, y, x]: readonly { readonly before: number; readonly after: number }[],
): Halo {
  return { before: [z.before, y.before, x.before], after: [z.after, y.after, x.after] };
}

/** Place of every voxel relative to the start of a piece of memory. */
export interface Layout {
  readonly shape: Shape;
  readonly halo: Halo;
  /** Floats from one voxel to the next. */
  readonly pitch: number;
}

/** Byte distances of a layout. */
export interface Strides {
  readonly batch: number;
  readonly slice: number;
  readonly row: number;
  readonly voxel: number;
}

/** Floats that a voxel of `channels` channels takes inside a program. */
export function channelPitch(channels: number): number {
  return channels < 4 ? channels : 4 * Math.ceil(channels / 4);
}

/** A shape of up to five axes as `[batch, z, y, x, channel]`. */
export function activationShape(shape: Shape): Shape {
  return [...new Array<number>(5 - shape.length).fill(1), ...shape];
}

/** The layout of arrays that callers see. */
export function denseLayout(shape: Shape): Layout {
  const full = activationShape(shape);
  return { shape: full, halo: NO_HALO, pitch: full[4] };
}

/** The layout of values inside a program. */
export function paddedLayout(shape: Shape, halo: Halo): Layout {
  const full = activationShape(shape);
  return { shape: full, halo, pitch: channelPitch(full[4]) };
}

/** The smallest halo that contains both. */
export function unionOfHalos(a: Halo, b: Halo): Halo {
  return {
    before: maxZyx(a.before, b.before),
    after: maxZyx(a.after, b.after),
  };
}

/** Spatial extent without the halo. */
export function spatialShape(shape: Shape): Zyx {
  const [, z, y, x] = shape;
  return [z, y, x];
}

export function stridesOf({ shape, halo, pitch }: Layout): Strides {
  const [z, y, x] = addZyx(addZyx(halo.before, spatialShape(shape)), halo.after);
  const voxel = pitch * FLOAT_BYTES;
  return { voxel, row: voxel * x, slice: voxel * x * y, batch: voxel * x * y * z };
}

/** Bytes that a layout takes. */
export function byteLength(layout: Layout): number {
  return layout.shape[0] * stridesOf(layout).batch;
}

/** Byte offset of voxel (0, 0, 0) of the first batch entry. */
export function originOffset(layout: Layout): number {
  const { slice, row, voxel } = stridesOf(layout);
  const [z, y, x] = layout.halo.before;
  return z * slice + y * row + x * voxel;
}

/** Whether there are zeros between the values or around them, on which kernels rely. */
export function hasFilling({ shape, halo, pitch }: Layout): boolean {
  return pitch !== shape[4] || [...halo.before, ...halo.after].some((voxels) => voxels > 0);
}

/** Equal for layouts that can share memory without clearing it: the halo is written once. */
export function layoutKey({ shape, halo, pitch }: Layout): string {
  return `${describeShape(shape)} ${halo.before} ${halo.after} ${pitch}`;
}
