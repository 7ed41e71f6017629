import type { Zyx } from "../../engine/geometry/vectors.ts";
import { KernelMemory } from "../kernel_memory.ts";
import { Pace } from "./pace.ts";

interface ErosionKernel {
  erode_plane(
    previous: number,
    current: number,
    next: number,
    output: number,
    height: number,
    width: number,
  ): void;
}

/**
 * Clears, `times` over, the voxels that have an unset face neighbour, in place. Voxels outside the volume count as set.
 *
 * @param mask `[z, y, x]` of `size`, of 0 and 1.
 */
export async function erodeMask(
  mask: Uint8Array,
  size: Zyx,
  times: number,
  pace: Pace = new Pace(),
): Promise<void> {
  const [depth, height, width] = size;
  const count = height * width;
  const memory = new KernelMemory();
  const planes = [0, 1, 2].map(() => memory.reserve(count));
  const output = memory.reserve(count);
  const kernel = await memory.load<ErosionKernel>("images_erosion");
  const views = planes.map((address) => memory.u8(address, count));
  const result = memory.u8(output, count);
  const load = (z: number) => views[z % 3].set(mask.subarray(z * count, (z + 1) * count));

  // After that many rounds every unset voxel has spread over the whole volume.
  const rounds = Math.min(times, depth + height + width);
  for (let round = 0; round < rounds; round++) {
    load(0);
    for (let z = 0; z < depth; z++) {
      if (z + 1 < depth) load(z + 1);
      const previous = planes[Math.max(z - 1, 0) % 3];
      const next = planes[Math.min(z + 1, depth - 1) % 3];
      kernel.erode_plane(previous, planes[z % 3], next, output, height, width);
      mask.set(result, z * count);
      await pace.breathe();
    }
  }
}
