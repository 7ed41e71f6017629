import type { Zyx } from "../../engine/geometry/vectors.ts";
import { KernelMemory } from "../kernel_memory.ts";
import { Pace } from "./pace.ts";

interface DistanceKernel {
  distance_x(edge: number, values: number, height: number, width: number, step: number): void;
  distance_across(
    values: number,
    length: number,
    lines: number,
    step: number,
    scratch: number,
  ): void;
}

export interface DistanceOptions {
  /** Distance between neighbouring voxels along z, y, x; 1 by default. */
  readonly steps?: Zyx;
  /** Measures within each z plane only. */
  readonly perSlice?: boolean;
}

/** The constant of the same name in the kernel. */
const SEARCH = 24;
/** Integers below this are exact in float32. */
const EXACT_FLOAT32 = 2 ** 24;

/**
 * Exact squared Euclidean distance of every voxel to the nearest edge voxel, `[z, y, x]`; Infinity where there is no
 * edge at all. With steps of 1 the values are integers, without rounding. The result is float32 where that holds them
 * exactly (steps of 1, diagonal below 4,096 voxels), else float64.
 *
 * @param edge `[z, y, x]` of `size`, nonzero on edges.
 */
export async function squaredDistances(
  edge: Uint8Array,
  size: Zyx,
  { steps = [1, 1, 1], perSlice = false }: DistanceOptions = {},
  pace: Pace = new Pace(),
): Promise<Float32Array | Float64Array> {
  const [depth, height, width] = size;
  const count = height * width;
  const diagonal = depth ** 2 + height ** 2 + width ** 2;
  const small = steps.every((s) => s === 1) && diagonal < EXACT_FLOAT32;
  const squared = new (small ? Float32Array : Float64Array)(edge.length);

  const memory = new KernelMemory();
  const edgePlane = memory.reserve(count);
  const slice = memory.reserve(8 * width * Math.max(height, depth));
  const scratch = memory.reserve(8 * 16 * (Math.max(height, depth) + SEARCH));
  const kernel = await memory.load<DistanceKernel>("images_distance");
  const edgeView = memory.u8(edgePlane, count);

  const plane = memory.f64(slice, count);
  for (let z = 0; z < depth; z++) {
    edgeView.set(edge.subarray(z * count, (z + 1) * count));
    kernel.distance_x(edgePlane, slice, height, width, steps[2]);
    kernel.distance_across(slice, height, width, steps[1], scratch);
    squared.set(plane, z * count);
    await pace.breathe();
  }
  if (perSlice) return squared;

  const section = memory.f64(slice, depth * width);
  for (let y = 0; y < height; y++) {
    for (let z = 0; z < depth; z++) {
      const at = z * count + y * width;
      section.set(squared.subarray(at, at + width), z * width);
    }
    kernel.distance_across(slice, depth, width, steps[0], scratch);
    for (let z = 0; z < depth; z++) {
      squared.set(section.subarray(z * width, (z + 1) * width), z * count + y * width);
    }
    await pace.breathe();
  }
  return squared;
}
