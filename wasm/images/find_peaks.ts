import type { Zyx } from "../../engine/geometry/vectors.ts";
import { KernelMemory } from "./kernel_memory.ts";
import { keepApart } from "./keep_apart.ts";
import { Pace } from "./pace.ts";

interface PeaksKernel {
  maximum_across(table: number, lines: number, output: number, count: number): void;
  maximum_box(
    plane: number,
    output: number,
    height: number,
    width: number,
    radius: number,
    scratch: number,
  ): void;
  maximum_disk(
    plane: number,
    output: number,
    height: number,
    width: number,
    radius: number,
    reaches: number,
    scratch: number,
  ): void;
}

export interface PeakOptions {
  /**
   * Peaks are at least this far from every face and from each other, and are the maximum of the window that reaches
   * this far to each side.
   */
  readonly minDistance: number;
  /** Peaks are above this value; it may differ from plane to plane with `perSlice`. */
  readonly threshold: number | ((z: number) => number);
  /** Treats every z as an image of its own: windows, faces and distances have no z. */
  readonly perSlice?: boolean;
  /** With `perSlice`: the window is a disk of this radius, and the distance between peaks is Euclidean. */
  readonly diskRadius?: number;
}

/** Half-widths of the rows 0 … radius of the disk y² + x² <= radius². */
function diskReaches(radius: number): number[] {
  return Array.from({ length: radius + 1 }, (_, y) => Math.floor(Math.sqrt(radius ** 2 - y ** 2)));
}

/**
 * Local maxima of an image that is given plane by plane, after scikit-image's `peak_local_max`. An image whose voxels
 * are all equal has none. Where peaks are too close to each other the first in (descending value, C order) stays.
 *
 * @param fill Writes the values of plane z, `[y, x]` and without NaN; called once for each z, ascending.
 * @returns C-order indices by descending value, with `perSlice` slice after slice.
 */
export async function findPeaks(
  size: Zyx,
  fill: (z: number, plane: Float64Array) => void,
  { minDistance, threshold, perSlice = false, diskRadius }: PeakOptions,
  pace: Pace = new Pace(),
): Promise<number[]> {
  const [depth, height, width] = size;
  const count = height * width;
  const border = minDistance;
  const spatial = perSlice ? [height, width] : [depth, height, width];
  if (spatial.some((n) => n <= 2 * border)) return [];

  const windowRadius = diskRadius ?? minDistance;
  const layers = perSlice ? 1 : 2 * minDistance + 1;
  const memory = new KernelMemory();
  const values = Array.from({ length: layers }, () => memory.reserve(8 * count));
  const maxima = Array.from({ length: layers }, () => memory.reserve(8 * count));
  const highest = memory.reserve(8 * count);
  const table = memory.reserve(4 * layers);
  const reaches = memory.reserve(4 * (windowRadius + 1));
  const scratch = memory.reserve(4 * (2 * windowRadius + 2) + 16 * (width + 2 * windowRadius) + 64);
  const kernel = await memory.load<PeaksKernel>("peaks");
  memory.u32(reaches, windowRadius + 1).set(diskReaches(windowRadius));
  memory.u32(table, layers).set(maxima);
  const views = values.map((address) => memory.f64(address, count));
  const highestView = memory.f64(highest, count);

  const peaks: number[] = [];
  let candidates: number[] = [];
  let heights: number[] = [];
  let constant = true;
  let first = 0;
  const finish = () => {
    if (!constant || windowRadius === 0) {
      const order = candidates.keys().toArray().sort((a, b) =>
        heights[a] > heights[b] ? -1 : heights[a] < heights[b] ? 1 : 0
      );
      const sorted = order.map((i) => candidates[i]);
      const apart = minDistance > 1
        ? keepApart(sorted, size, minDistance, diskRadius !== undefined)
        : sorted;
      for (const index of apart) peaks.push(index);
    }
    [candidates, heights, constant] = [[], [], true];
  };

  for (let z = 0; z < depth; z++) {
    const slot = z % layers;
    const plane = views[slot];
    fill(z, plane);
    if (perSlice || z === 0) first = plane[0];
    constant &&= plane.every((value) => value === first);
    if (diskRadius === undefined) {
      kernel.maximum_box(values[slot], maxima[slot], height, width, windowRadius, scratch);
    } else {
      const to = maxima[slot];
      kernel.maximum_disk(values[slot], to, height, width, windowRadius, reaches, scratch);
    }
    const centre = perSlice ? z : z - minDistance;
    if (perSlice || z >= 2 * minDistance) {
      kernel.maximum_across(table, layers, highest, count);
      const centreView = views[centre % layers];
      const above = typeof threshold === "number" ? threshold : threshold(centre);
      for (let y = border; y < height - border; y++) {
        for (let i = y * width + border; i < (y + 1) * width - border; i++) {
          const value = centreView[i];
          if (value !== highestView[i] || !(value > above)) continue;
          candidates.push(centre * count + i);
          heights.push(value);
        }
      }
      if (perSlice) finish();
    }
    await pace.breathe();
  }
  if (!perSlice) finish();
  return peaks;
}
