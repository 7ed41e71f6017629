import type { Zyx } from "../../geometry/vectors.ts";
import { labelColour } from "../label_colour.ts";
import { SparseLabels } from "../sparse_labels.ts";
import type { GrowingObject } from "./growing_object.ts";

/** A picture of objects seen along an axis, `[height, width]` words as those of a slice. */
export interface Projection {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint32Array<ArrayBuffer>;
}

/** Objects are pictured from at most this many pixels along each axis. */
const MOST_PIXELS = 512;
const GROWING: readonly number[] = [255, 190, 0];
/** Voxels of depth per voxel; what is steeper is as dark as this. */
const MOST_SLOPE = 4;
/** How much slopes count: with 1, as light would have it, rims are black. */
const SLOPE_SHARE = 0.25;

/**
 * What is nearest to somebody who looks along an axis, darker the further away it is and the more it is turned away.
 *
 * @param roots Accepted objects that are parts of others, whose colour they have.
 * @param size Of the volume.
 * @param threshold Byte from which a voxel belongs to the growing object.
 */
export function projectObjects(
  accepted: SparseLabels,
  roots: ReadonlyMap<number, number>,
  growing: GrowingObject | null,
  size: Zyx,
  axis: number,
  threshold: number,
): Projection {
  const [rows, columns] = [0, 1, 2].filter((a) => a !== axis);
  const step = Math.max(1, Math.ceil(Math.max(size[rows], size[columns]) / MOST_PIXELS));
  const height = Math.ceil(size[rows] / step), width = Math.ceil(size[columns] / step);
  const pixels = new Uint32Array(height * width).fill(0xff000000);
  const nearest = new Float32Array(height * width).fill(Infinity);
  const see = (voxel: readonly number[], colour: () => readonly number[]) => {
    const i = Math.floor(voxel[rows] / step) * width + Math.floor(voxel[columns] / step);
    const depth = voxel[axis];
    if (depth >= nearest[i]) return;
    nearest[i] = depth;
    const light = 1 - 0.75 * depth / size[axis];
    const [red, green, blue] = colour();
    pixels[i] = (0xff000000 | blue * light << 16 | green * light << 8 | red * light) >>> 0;
  };
  const edge = SparseLabels.EDGE;
  for (const { start, labels } of accepted.blocks) {
    for (let z = 0, i = 0; z < edge; z++) {
      for (let y = 0; y < edge; y++) {
        for (let x = 0; x < edge; x++, i++) {
          const label = labels[i];
          if (label === 0) continue;
          see(
            [start[0] + z, start[1] + y, start[2] + x],
            () => labelColour(roots.get(label) ?? label),
          );
        }
      }
    }
  }
  if (growing !== null) {
    const { start, size: [depth, high, wide] } = growing.canvas;
    for (let z = 0, i = 0; z < depth; z++) {
      for (let y = 0; y < high; y++) {
        for (let x = 0; x < wide; x++, i++) {
          if (growing.prob[i] < threshold || growing.prob[i] === 0) continue;
          see([start[0] + z, start[1] + y, start[2] + x], () => GROWING);
        }
      }
    }
  }
  shade(pixels, nearest, width, step);
  return { height, width, pixels };
}

/** Height and width at which a picture of objects seen along `axis` has their shape, in pixels, 1024 at most. */
export function projectionSize(
  { height, width }: Pick<Projection, "height" | "width">,
  axis: number,
  voxelSizeNm: Zyx,
): [height: number, width: number] {
  const [high, wide] = voxelSizeNm.filter((_, a) => a !== axis), least = Math.min(high, wide);
  const whole = [height * high / least, width * wide / least];
  const share = Math.min(1, 2 * MOST_PIXELS / Math.max(...whole));
  const [rows, columns] = whole.map((n) => Math.max(1, Math.round(n * share)));
  return [rows, columns];
}

/** Light from the viewer: a surface is darker the steeper it falls off to the nearer of two pixels beside it. */
function shade(pixels: Uint32Array, depths: Float32Array, width: number, step: number): void {
  const slope = (depth: number, before: number, after: number) => {
    const fall = Math.min(Math.abs(before - depth), Math.abs(after - depth));
    return fall === Infinity ? 0 : Math.min(MOST_SLOPE, fall / step);
  };
  for (let i = 0; i < pixels.length; i++) {
    const depth = depths[i];
    if (depth === Infinity) continue;
    const column = i % width;
    const across = slope(
      depth,
      column > 0 ? depths[i - 1] : Infinity,
      column < width - 1 ? depths[i + 1] : Infinity,
    );
    const along = slope(depth, depths[i - width] ?? Infinity, depths[i + width] ?? Infinity);
    const light = 1 / Math.sqrt(1 + SLOPE_SHARE * (across ** 2 + along ** 2));
    const pixel = pixels[i];
    const [red, green, blue] = [pixel & 255, pixel >> 8 & 255, pixel >> 16 & 255];
    pixels[i] = (0xff000000 | blue * light << 16 | green * light << 8 | red * light) >>> 0;
  }
}
