import { basename } from "node:path";
import type { JsonObject } from "../formats/json_document.ts";
import { omeAttributes } from "../formats/ome_multiscale.ts";
import { zarr2TypeText } from "../formats/zarr_metadata.ts";
import { planPyramid, type PyramidLevel } from "../geometry/pyramid.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { ChunkedVolume } from "./chunked_volume.ts";
import type { NewVolume, WritableVolume } from "./new_volume.ts";
import { FolderStore } from "./object_store.ts";
import { spatialSize } from "./volume.ts";
import { findZarrArray, zarrView } from "./zarr.ts";
import { ZarrArray } from "./zarr_array.ts";

/** Levels of a pyramid that is being written, finest first. */
export interface WritableLevels {
  readonly plan: readonly PyramidLevel[];
  readonly volumes: readonly WritableVolume[];
  readonly chunkSize: Zyx;
}

/** Beyond this, gzip takes twice the time for a few per cent. */
const GZIP_LEVEL = 4;

/**
 * Makes an OME-NGFF image in a folder: Zarr 3 with version 0.5, or Zarr 2 with 0.4, gzipped chunks, arrays `0`, `1`, ….
 * An image that is there already with the same metadata keeps its chunks.
 *
 * @param folder Named `spec` in messages.
 */
export async function createZarr(
  folder: string,
  made: NewVolume,
  spec: string = folder,
): Promise<WritableLevels> {
  const { shape, voxelSizeNm, offset, zarrVersion = 3 } = made;
  const plan = planPyramid(spatialSize({ shape }), {
    voxelSize: voxelSizeNm,
    offset,
    levels: made.levels,
  });
  const chunkSize = made.chunkSize ?? [64, 64, 64];
  const hasChannels = shape.length === 4;
  const levels = plan.map(({ factors, offset }, i) => ({ path: `${i}`, factors, offset }));
  const name = basename(spec);
  const attributes = omeAttributes(
    { name, hasChannels, voxelSizeNm, levels },
    zarrVersion === 3 ? "0.5" : "0.4",
  );
  const store = new FolderStore(folder);
  const write = (key: string, document: JsonObject) =>
    store.set(key, new TextEncoder().encode(JSON.stringify(document, null, 2)));
  const names = hasChannels ? ["c", "z", "y", "x"] : ["z", "y", "x"];
  for (const [i, { size }] of plan.entries()) {
    const level = {
      shape: [...shape.slice(0, -3), ...size],
      chunks: [...shape.slice(0, -3).map(() => 1), ...chunkSize],
      dtype: made.dtype,
    };
    if (zarrVersion === 3) await write(`${i}/zarr.json`, arrayDocument3(level, names));
    else await write(`${i}/.zarray`, arrayDocument2(level));
  }
  if (zarrVersion === 3) {
    await write("zarr.json", { zarr_format: 3, node_type: "group", attributes });
  } else {
    await write(".zattrs", attributes);
    await write(".zgroup", { zarr_format: 2 });
  }
  const volumes: WritableVolume[] = [];
  for (const i of plan.keys()) {
    const place = await findZarrArray(store, `${i}`, spec);
    const array = await ZarrArray.open(store, place.path, place.node, true);
    const level = i === 0 ? spec : `${spec}:${i}`;
    const volume = new ChunkedVolume(array, { spec: level, ...zarrView(place, spec) });
    volumes.push(volume as WritableVolume);
  }
  return { plan, volumes, chunkSize };
}

interface Level {
  readonly shape: readonly number[];
  readonly chunks: readonly number[];
  readonly dtype: NewVolume["dtype"];
}

/** Every member is written out, because the library's defaults make metadata that others refuse. */
function arrayDocument3({ shape, chunks, dtype }: Level, names: readonly string[]): JsonObject {
  return {
    zarr_format: 3,
    node_type: "array",
    shape,
    data_type: dtype,
    chunk_grid: { name: "regular", configuration: { chunk_shape: chunks } },
    chunk_key_encoding: { name: "default", configuration: { separator: "/" } },
    fill_value: dtype === "bool" ? false : 0,
    codecs: [
      { name: "bytes", configuration: { endian: "little" } },
      { name: "gzip", configuration: { level: GZIP_LEVEL } },
    ],
    dimension_names: names,
    attributes: {},
  };
}

function arrayDocument2({ shape, chunks, dtype }: Level): JsonObject {
  return {
    zarr_format: 2,
    shape,
    chunks,
    dtype: zarr2TypeText(dtype),
    compressor: { id: "gzip", level: GZIP_LEVEL },
    fill_value: dtype === "bool" ? false : 0,
    order: "C",
    filters: null,
    dimension_separator: "/",
  };
}
