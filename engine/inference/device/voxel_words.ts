/** Positions as the device holds them, and the restrictor as a bitmap. */
import { volumeOf, type Zyx } from "../../geometry/vectors.ts";
import type { PositionRestrictor } from "../canvas.ts";

/** Linear voxel index (C order) of a position in a canvas. */
export function linearIndex(position: Zyx, size: Zyx): number {
  return (position[0] * size[1] + position[1]) * size[2] + position[2];
}

/** Position of a linear voxel index. */
export function positionOf(index: number, size: Zyx): Zyx {
  const row = Math.floor(index / size[2]);
  return [Math.floor(row / size[1]), row % size[1], index % size[2]];
}

/** Two bits for each voxel of a canvas, 16 voxels to a word: no field of view centred here, no object started here. */
export function blockedVoxels(
  size: Zyx,
  restrictor?: PositionRestrictor,
): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(volumeOf(size) / 16));
  if (!restrictor) return words;
  let index = 0;
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[2]; x++, index++) {
        const bits = Number(!restrictor.isValidPosition([z, y, x])) |
          (Number(!restrictor.isValidSeed([z, y, x])) << 1);
        if (bits !== 0) words[index >> 4] |= bits << (2 * (index & 15));
      }
    }
  }
  return words;
}
