import type { DType, TypedArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import type { PyramidLevel } from "../geometry/pyramid.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { Volume } from "./volume.ts";

/** A volume to be made. */
export interface NewVolume {
  /** `[z, y, x]` or `[channel, z, y, x]`. */
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly voxelSizeNm?: Zyx;
  /** Of the first voxel in the data set's own coordinates; the origin unless given. */
  readonly offset?: Zyx;
  /** How the voxels came about, JSON. */
  readonly source?: string;
  /** Further texts about them, which HDF5 keeps as attributes of their own. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Decides how coarser levels are made and chunks encoded. */
  readonly type: "image" | "segmentation";
  /** Of kinds with chunks, zyx; 64³ unless given. */
  readonly chunkSize?: Zyx;
  /** Of kinds with several resolutions: how many, the finest included; until the last is small unless given. */
  readonly levels?: number;
  /** Packs precomputed chunks as `.gz` files. */
  readonly gzip?: boolean;
  /** Makes room for meshes beside a precomputed segmentation. */
  readonly meshes?: boolean;
  /** Version of a Zarr hierarchy; 3 unless given. */
  readonly zarrVersion?: 2 | 3;
}

/** A volume that is being written. It appears under its name when it is committed. */
export interface VolumeWriter extends Volume {
  /** Boxes that begin at multiples of this, and end there or at the end of the volume, can be written one by one. */
  readonly blockSize: Zyx;
  /** Coarser levels, where the kind has them; `plan` begins with level 0, `volumes` with level 1. */
  readonly pyramid?: {
    readonly plan: readonly PyramidLevel[];
    readonly volumes: readonly WritableVolume[];
  };
  /** Folder for meshes, where there shall be some. */
  readonly meshFolder?: string;
  /** Notes what is done, where an interrupted run can go on. */
  readonly journal?: Journal;
  write(box: Box, data: TypedArray, channel?: number): Promise<void>;
  /** Completes the volume and puts it in its place. */
  commit(): Promise<void>;
}

/** A volume that can be written. */
export type WritableVolume = Volume & Required<Pick<Volume, "write">>;

/** Steps that have come to the disk. */
export interface Journal {
  /** How many steps an interrupted run had done. */
  readonly resumed: number;
  isDone(step: string): boolean;
  markDone(step: string): Promise<void>;
}
