import { extname } from "node:path";
import type { Zyx } from "../geometry/vectors.ts";
import type { AssembledVolume } from "../segmentation/assembly/assemble.ts";
import { createVolume } from "../volumes/create.ts";
import { placeAttributes } from "../volumes/hdf5_place.ts";
import { createHdf5 } from "../volumes/hdf5_writer.ts";
import type { NewVolume, VolumeWriter } from "../volumes/new_volume.ts";
import type { Volume } from "../volumes/volume.ts";
import { parseVolumeSpec } from "../volumes/volume_spec.ts";
import type { Context } from "./command.ts";
import { addMeshes, copyLevels } from "./convert_volume.ts";

/** What goes with the labels. */
export interface AssembledTarget {
  /** Of an HDF5 file. */
  readonly dataset: string;
  /** How the labels came about, as JSON. */
  readonly source: string;
  readonly voxelSizeNm?: Zyx;
  /** Whether a precomputed volume has the surfaces of its objects, and how far simplification may move them, in voxels. */
  readonly meshes?: boolean;
  readonly meshError?: number;
}

/** What all of these volumes are. */
export const ASSEMBLED = { dtype: "uint32", type: "segmentation" } as const;

/**
 * Writes labels as uint32, with their offset, voxel size and where they come from: as attributes of an HDF5 dataset with
 * `max_id` beside it, or as a Zarr or precomputed folder with coarser levels and a file `provenance`.
 *
 * @returns What the volume is called.
 */
export async function writeAssembled(
  output: string,
  assembled: AssembledVolume,
  target: AssembledTarget,
  context: Pick<Context, "signal" | "stderr" | "verbosity">,
): Promise<string> {
  const { size, offset } = assembled;
  const { voxelSizeNm, meshes, meshError = 0.5 } = target;
  const made: NewVolume = {
    ...ASSEMBLED,
    ...{ shape: size, voxelSizeNm, offset, source: target.source, meshes },
  };
  const { path, format, dataset } = parseVolumeSpec(output);
  const isFolder = format !== undefined || dataset === "precomputed" || extname(path) === ".zarr";
  const writer = isFolder
    ? await createVolume(output, made, { settings: target.source })
    : await createFile(path, assembled, target);
  await using _ = writer;
  await copyLevels(asVolume(assembled), writer, made, context, "writing");
  if (writer.meshFolder) await addMeshes(writer, writer.meshFolder, made, meshError, context);
  await writer.commit();
  return isFolder ? output : `${path}:${target.dataset}`;
}

async function createFile(
  path: string,
  { size, offset, maxId }: AssembledVolume,
  { dataset, source, voxelSizeNm }: AssembledTarget,
): Promise<VolumeWriter> {
  const writer = await createHdf5(path, {
    // Labels are long runs: the lowest level packs them nearly as well as the highest.
    ...{ dataset, shape: size, dtype: "uint32", gzipLevel: 1 },
    attributes: {
      ...placeAttributes({ offset, voxelSizeNm }),
      source: { shape: [1], values: [source] },
    },
    companions: { max_id: { dtype: "uint32", shape: [1], data: Uint32Array.of(maxId) } },
  });
  return Object.assign(writer, { blockSize: [64, 64, 64] as const });
}

function asVolume(assembled: AssembledVolume): Volume {
  return {
    ...{ spec: "assembled labels", shape: assembled.size, dtype: "uint32" },
    read: (box) => assembled.read(box),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
