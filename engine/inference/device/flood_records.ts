import type { FloodState } from "../../../kernels/flood/state.ts";
import type { Overlap } from "../../formats/overlaps.ts";
import type { FloodMemory } from "./flood_memory.ts";

/** An accepted object as the device lists it. */
export interface ObjectRecord {
  readonly id: number;
  /** Linear voxel index of its seed. */
  readonly start: number;
  readonly steps: number;
  /** Voxels that became the object's. */
  readonly size: number;
  /** These and the voxels that earlier objects keep. */
  readonly raw: number;
}

/** The objects accepted since the list was last emptied, in order. */
export async function readObjects(
  memory: FloodMemory,
  slot: number,
  state: FloodState,
): Promise<ObjectRecord[]> {
  const count = state.get("n_objects");
  if (count === 0) return [];
  const words = new Uint32Array(await memory.read("objects", slot, 32 * count));
  return Array.from({ length: count }, (_, i) => {
    const [id, start, steps, size, raw] = words.subarray(8 * i, 8 * i + 5);
    return { id, start, steps, size, raw };
  });
}

/** The overlaps listed since the list was last emptied, by object; the device lists them in no order. */
export async function readOverlaps(
  memory: FloodMemory,
  slot: number,
  state: FloodState,
): Promise<Map<number, Overlap>> {
  const count = state.get("n_overlaps");
  const found = new Map<number, { ids: number[]; counts: number[] }>();
  if (count === 0) return found;
  const words = new Uint32Array(await memory.read("overlaps", slot, 16 * count));
  const entries = Array.from({ length: count }, (_, i) => words.subarray(4 * i, 4 * i + 3));
  for (const [object, label, voxels] of entries.sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const { ids, counts } = found.get(object) ?? { ids: [], counts: [] };
    ids.push(label);
    counts.push(voxels);
    found.set(object, { ids, counts });
  }
  return found;
}
