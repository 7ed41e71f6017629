import type { Zyx } from "../geometry/vectors.ts";
import type { Hdf5Attributes } from "./hdf5_protocol.ts";

/** Attributes that state the edge lengths of a voxel, zyx, with the unit in nanometres. */
const CONVENTIONS: readonly [name: string, unitNm: number][] = [
  ["voxel_size", 1],
  ["resolution", 1],
  ["element_size_um", 1000],
];

/** Names of the attributes that {@linkcode voxelSizeOf} looks for. */
export const VOXEL_SIZE_ATTRIBUTES: readonly string[] = CONVENTIONS.map(([name]) => name);

/** Edge lengths of a voxel in nanometres, zyx, where the attributes of a dataset state them. */
export function voxelSizeOf(attributes: Hdf5Attributes): Zyx | undefined {
  for (const [name, unitNm] of CONVENTIONS) {
    const edges = attributes[name]?.values.map((v) => typeof v === "string" ? NaN : Number(v));
    // Four entries are (channel, z, y, x).
    if (edges === undefined || (edges.length !== 3 && edges.length !== 4)) continue;
    const [z, y, x] = edges.slice(-3).map((edge) => edge * unitNm);
    if ([z, y, x].every((edge) => edge > 0 && Number.isFinite(edge))) return [z, y, x];
  }
  return undefined;
}
