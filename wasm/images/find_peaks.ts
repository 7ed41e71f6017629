import type { Zyx } from "../../engine/geometry/vectors.ts";
import { KernelMemory } from "../kernel_memory.ts";
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

/** The peaks of one image in the making. */
class Candidates {
  readonly #indices: number[] = [];
  readonly #heights: number[] = [];
  #first: number | null = null;
  #constant = true;

  /** Takes note of the values of one more plane. */
  observe(plane: Float64Array): void {
    const first = this.#first ??= plane[0];
    this.#constant &&= plane.every((value) => value === first);
  }

  add(index: number, height: number): void {
    this.#indices.push(index);
    this.#heights.push(height);
  }

  /** Whether all values so far are the same. */
  get constant(): boolean {
    return this.#constant;
  }

  /** C-order indices by descending value, equal ones in the order they were added. */
  sorted(): number[] {
    const heights = this.#heights;
    const order = heights.keys().toArray().sort((a, b) =>
      heights[a] > heights[b] ? -1 : heights[a] < heights[b] ? 1 : 0
    );
    return order.map((i) => this.#indices[i]);
  }
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

  const radius = diskRadius ?? minDistance;
  const layers = perSlice ? 1 : 2 * minDistance + 1;
  const memory = new KernelMemory();
  const values = Array.from({ length: layers }, () => memory.reserve(8 * count));
  const maxima = Array.from({ length: layers }, () => memory.reserve(8 * count));
  const highest = memory.reserve(8 * count);
  const table = memory.reserve(4 * layers);
  const reaches = memory.reserve(4 * (radius + 1));
  const scratch = memory.reserve(4 * (2 * radius + 2) + 16 * (width + 2 * radius) + 64);
  const kernel = await memory.load<PeaksKernel>("images_peaks");
  memory.u32(reaches, radius + 1).set(diskReaches(radius));
  memory.u32(table, layers).set(maxima);
  const planes = values.map((address) => memory.f64(address, count));
  const highestPlane = memory.f64(highest, count);

  const collect = (z: number, candidates: Candidates) => {
    kernel.maximum_across(table, layers, highest, count);
    const plane = planes[z % layers];
    const above = typeof threshold === "number" ? threshold : threshold(z);
    for (let y = border; y < height - border; y++) {
      for (let i = y * width + border; i < (y + 1) * width - border; i++) {
        const value = plane[i];
        if (value === highestPlane[i] && value > above) candidates.add(z * count + i, value);
      }
    }
  };
  const peaksOf = (candidates: Candidates) => {
    if (candidates.constant && radius > 0) return [];
    if (minDistance <= 1) return candidates.sorted();
    return keepApart(candidates.sorted(), size, minDistance, diskRadius !== undefined);
  };

  const peaks: number[][] = [];
  let candidates = new Candidates();
  for (let z = 0; z < depth; z++) {
    const slot = z % layers;
    const [from, to] = [values[slot], maxima[slot]];
    fill(z, planes[slot]);
    candidates.observe(planes[slot]);
    if (diskRadius === undefined) kernel.maximum_box(from, to, height, width, radius, scratch);
    else kernel.maximum_disk(from, to, height, width, radius, reaches, scratch);
    if (perSlice) {
      collect(z, candidates);
      peaks.push(peaksOf(candidates));
      candidates = new Candidates();
    } else if (z >= 2 * minDistance) collect(z - minDistance, candidates);
    await pace.breathe();
  }
  return perSlice ? peaks.flat() : peaksOf(candidates);
}
