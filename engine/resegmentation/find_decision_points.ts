import type { TypedArray } from "../formats/nd_array.ts";
import { type Box, endOf } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { clearDust } from "../segmentation/dust.ts";
import { makeLabelsContiguous } from "../segmentation/contiguous.ts";
import { squaredDistances } from "../../wasm/images/squared_distances.ts";
import type { CandidatePair } from "./find_pairs.ts";
import { growLabels } from "./grow_labels.ts";

/** How decision points are looked for. */
export interface DecisionPointOptions {
  /** Edge lengths of a voxel, in any unit; distances are in it too. */
  readonly voxelSize?: Zyx;
  /** Objects grow no farther than this; unlimited unless given. */
  readonly maxDistance?: number;
  /** Only points in this box count, and positions are relative to its start; everything around it is context. */
  readonly within?: Box;
  /** Objects of fewer voxels are left out. */
  readonly minVoxels?: number;
}

/** Steps to the neighbours that are compared, each in one direction. */
const STEPS: readonly Zyx[] = [
  ...[[0, 0, 1], [0, 1, 0], [0, 1, 1]] as const,
  ...[[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]] as const,
];

/** Where two grown objects meet. */
interface Contact {
  distance: number;
  /** Voxels at that distance, flat `z, y, x`. */
  readonly voxels: number[];
}

/**
 * Finds, for every two objects that meet when all of them grow into the empty voxels between, the place where they are
 * nearest: in the middle of the gap, and of several such voxels the one next to their centre. Unlike `findPairs` it knows
 * voxels of unequal sides, and finds neighbours across gaps of any width.
 *
 * @param labels `[z, y, x]` of any integer type; not changed.
 * @returns Pairs ordered by ids; `distance` is half the gap.
 */
export async function findDecisionPoints(
  labels: TypedArray,
  size: Zyx,
  { voxelSize = [1, 1, 1], maxDistance, within, minVoxels = 0 }: DecisionPointOptions = {},
): Promise<CandidatePair[]> {
  const clean = labels.slice();
  if (minVoxels > 0) clearDust(clean, minVoxels);
  const { labels: grown, mapping } = makeLabelsContiguous(clean, { keepZero: true });
  if (mapping.length <= 2) return [];
  const edge = Uint8Array.from(grown, (label) => label === 0 ? 0 : 1);
  const squared = await squaredDistances(edge, size, { steps: voxelSize });
  const distances = new Float32Array(volumeOf(size));
  for (let i = 0; i < distances.length; i++) distances[i] = Math.sqrt(squared[i]);
  const limit = maxDistance ?? Infinity;
  growLabels(grown, distances, size, (i) => distances[i] <= limit);

  const box = within ?? { start: [0, 0, 0], size };
  const contacts = findContacts(grown, distances, size, box, mapping.length);
  return [...contacts].sort(([a], [b]) => a - b).map(([key, { distance, voxels }]) => ({
    idA: BigInt(mapping[Math.floor(key / mapping.length)][0]),
    idB: BigInt(mapping[key % mapping.length][0]),
    position: nearestToCentre(voxels),
    distance,
  }));
}

/** The nearest contacts of every two labels, by `smaller * count + larger`. */
function findContacts(
  grown: Uint32Array,
  distances: Float32Array,
  [, height, width]: Zyx,
  box: Box,
  count: number,
): Map<number, Contact> {
  const contacts = new Map<number, Contact>();
  const end = endOf(box);
  for (const [dz, dy, dx] of STEPS) {
    const step = (dz * height + dy) * width + dx;
    for (let z = box.start[0]; z < end[0] - dz; z++) {
      for (let y = box.start[1]; y < end[1] - dy; y++) {
        for (let x = box.start[2]; x < end[2] - dx; x++) {
          const i = (z * height + y) * width + x;
          const [a, b] = [grown[i], grown[i + step]];
          if (a === b || a === 0 || b === 0) continue;
          const distance = Math.fround(Math.fround(distances[i] + distances[i + step]) / 2);
          const key = Math.min(a, b) * count + Math.max(a, b);
          const known = contacts.get(key);
          const at = [z - box.start[0], y - box.start[1], x - box.start[2]];
          if (known === undefined || distance < known.distance) {
            contacts.set(key, { distance, voxels: at });
          } else if (distance === known.distance) known.voxels.push(...at);
        }
      }
    }
  }
  return contacts;
}

/** Of positions, flat `z, y, x`, the first one that is nearest to their mean. */
function nearestToCentre(voxels: readonly number[]): Zyx {
  const centre = [0, 0, 0];
  const count = voxels.length / 3;
  voxels.forEach((v, i) => centre[i % 3] += v / count);
  let best = 0, least = Infinity;
  for (let i = 0; i < voxels.length; i += 3) {
    const squared = centre.reduce((sum, c, axis) => sum + (voxels[i + axis] - c) ** 2, 0);
    if (squared < least) [best, least] = [i, squared];
  }
  return [voxels[best], voxels[best + 1], voxels[best + 2]];
}
