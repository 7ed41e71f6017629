import type { Zyx } from "../geometry/vectors.ts";
import type { Hdf5Attributes } from "./hdf5_protocol.ts";

/** Attributes that state the edge lengths of a voxel, zyx, with the unit in nanometres. */
const VOXEL_SIZES: readonly [name: string, unitNm: number][] = [
  ["voxel_size", 1],
  ["resolution", 1],
  ["element_size_um", 1000],
];

/** States where the first voxel lies in the data set, in voxels, zyx. */
const OFFSET = "offset_zyx";

/** What a dataset says of its place. */
export interface Hdf5Place {
  readonly voxelSizeNm?: Zyx;
  /** In voxels, where that is not the origin. */
  readonly offset?: Zyx;
}

/** Names of the attributes that {@linkcode placeOf} looks for. */
export const PLACE_ATTRIBUTES: readonly string[] = [...VOXEL_SIZES.map(([name]) => name), OFFSET];

/** Voxel size and place, where the attributes of a dataset state them. */
export function placeOf(attributes: Hdf5Attributes): Hdf5Place {
  return { voxelSizeNm: voxelSizeOf(attributes), offset: offsetOf(attributes) };
}

/** The attributes that state a place. */
export function placeAttributes({ voxelSizeNm, offset }: Hdf5Place): Hdf5Attributes {
  return {
    ...voxelSizeNm && { voxel_size: { shape: [3], values: [...voxelSizeNm] } },
    ...offset && { [OFFSET]: { shape: [3], values: offset.map((n) => BigInt(n)) } },
  };
}

function voxelSizeOf(attributes: Hdf5Attributes): Zyx | undefined {
  for (const [name, unitNm] of VOXEL_SIZES) {
    const edges = attributes[name]?.values.map((v) => typeof v === "string" ? NaN : Number(v));
    // Four entries are (channel, z, y, x).
    if (edges === undefined || (edges.length !== 3 && edges.length !== 4)) continue;
    const [z, y, x] = edges.slice(-3).map((edge) => edge * unitNm);
    if ([z, y, x].every((edge) => edge > 0 && Number.isFinite(edge))) return [z, y, x];
  }
  return undefined;
}

function offsetOf(attributes: Hdf5Attributes): Zyx | undefined {
  const values = attributes[OFFSET]?.values;
  if (values?.length !== 3 || values.some((v) => typeof v === "string")) return undefined;
  const [z, y, x] = values.map(Number);
  const isPlace = [z, y, x].every(Number.isSafeInteger) && [z, y, x].some((n) => n !== 0);
  return isPlace ? [z, y, x] : undefined;
}
