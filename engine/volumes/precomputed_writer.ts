import { UnsupportedError } from "../errors/errors.ts";
import { isPrecomputedType, precomputedInfoDocument } from "../formats/precomputed_info.ts";
import type { PrecomputedInfo, PrecomputedScale } from "../formats/precomputed_info.ts";
import { planPyramid } from "../geometry/pyramid.ts";
import { mapZyx } from "../geometry/vectors.ts";
import { ChunkedVolume } from "./chunked_volume.ts";
import type { NewVolume, WritableVolume } from "./new_volume.ts";
import { FolderStore } from "./object_store.ts";
import { PrecomputedArray } from "./precomputed_array.ts";
import { precomputedAxes } from "./precomputed.ts";
import { channelCount, spatialSize } from "./volume.ts";
import type { WritableLevels } from "./zarr_writer.ts";

/** Of meshes beside a segmentation. */
export const MESH_FOLDER = "mesh";

/**
 * Makes a Neuroglancer precomputed volume in a folder: chunks in files of their own, raw or (of labels with 32 or 64 bits)
 * as compressed segmentation. Where the voxel size is not known it is stated as 1 nm, since the format wants one.
 *
 * @param folder Named `spec` in messages.
 * @throws {UnsupportedError} for element types that the format does not have.
 */
export async function createPrecomputed(
  folder: string,
  made: NewVolume,
  spec: string = folder,
): Promise<WritableLevels> {
  const { shape, dtype, type, voxelSizeNm = [1, 1, 1], offset, gzip = false } = made;
  if (!isPrecomputedType(dtype)) {
    throw new UnsupportedError(
      `Cannot write "${spec}": precomputed volumes have integers of up to 32 bits, uint64 or float32, ` +
        `current type is ${dtype}; convert with --dtype, for example --dtype uint64`,
    );
  }
  const plan = planPyramid(spatialSize({ shape }), {
    voxelSize: voxelSizeNm,
    offset,
    levels: made.levels,
  });
  const chunkSize = made.chunkSize ?? [64, 64, 64];
  const isPacked = type === "segmentation" && (dtype === "uint32" || dtype === "uint64");
  const scales = plan.map(({ size, factors, offset }): PrecomputedScale => {
    const edges = mapZyx((edge, factor) => edge * factor, voxelSizeNm, factors);
    return {
      key: edges.toReversed().join("_"),
      size,
      voxelSizeNm: edges,
      offset,
      chunkSize,
      encoding: isPacked ? "compressed_segmentation" : "raw",
      blockSize: [8, 8, 8],
    };
  });
  const channels = channelCount({ shape });
  const mesh = made.meshes ? MESH_FOLDER : undefined;
  const info: PrecomputedInfo = { type, dtype, channels, mesh, scales };
  const store = new FolderStore(folder);
  const text = JSON.stringify(precomputedInfoDocument(info), null, 2);
  await store.set("info", new TextEncoder().encode(text));
  // A volume of one channel may have been asked for with a channel axis.
  const axes = shape.length === 4 ? [0, 1, 2, 3] : precomputedAxes(info);
  const volumes = scales.map((scale, i) => {
    const array = new PrecomputedArray(store, info, scale, { gzip });
    const view = { spec: i === 0 ? spec : `${spec}:${scale.key}`, axes };
    return new ChunkedVolume(array, { ...view, voxelSizeNm: scale.voxelSizeNm }) as WritableVolume;
  });
  return { plan, volumes, chunkSize };
}
