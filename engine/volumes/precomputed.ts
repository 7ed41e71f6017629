import { NotFoundError } from "../errors/errors.ts";
import { parseJsonObject } from "../formats/json_document.ts";
import {
  parsePrecomputedInfo,
  type PrecomputedInfo,
  type PrecomputedScale,
} from "../formats/precomputed_info.ts";
import { ChunkedVolume } from "./chunked_volume.ts";
import type { ObjectStore } from "./object_store.ts";
import { PrecomputedArray } from "./precomputed_array.ts";
import type { Volume } from "./volume.ts";

/**
 * Opens one scale of a Neuroglancer precomputed volume: chunks raw or as compressed segmentation, gzipped or not, in
 * files of their own or in shards. `(z, y, x)`, or `(channel, z, y, x)` where there are several channels.
 *
 * @param key Of the scale; the finest unless given.
 * @throws {NotFoundError} when there is no such volume or scale, {@linkcode FormatError} when `info` is damaged.
 */
export async function openPrecomputed(
  store: ObjectStore,
  key?: string,
  spec: string = store.location,
): Promise<Volume> {
  const info = await readPrecomputedInfo(store, spec);
  const scale = scaleOf(info, key, spec);
  const array = new PrecomputedArray(store, info, scale);
  const { voxelSizeNm, offset } = scale;
  return new ChunkedVolume(array, { spec, axes: precomputedAxes(info), voxelSizeNm, offset });
}

/** Keys of the scales behind one, the finest unless named: coarser ones. */
export async function coarserScales(
  store: ObjectStore,
  key: string | undefined,
  spec: string,
): Promise<string[]> {
  const info = await readPrecomputedInfo(store, spec);
  return info.scales.slice(info.scales.indexOf(scaleOf(info, key, spec)) + 1).map((s) => s.key);
}

/** Stored dimensions that are shown: the channel only where there are several. */
export function precomputedAxes({ channels }: PrecomputedInfo): number[] {
  return channels === 1 ? [1, 2, 3] : [0, 1, 2, 3];
}

/** Reads and checks the `info` file. */
export async function readPrecomputedInfo(
  store: ObjectStore,
  spec: string,
): Promise<PrecomputedInfo> {
  const bytes = await store.get("info");
  const path = `${store.location}/info`;
  if (bytes === undefined) throw new NotFoundError(`Cannot open "${spec}": there is no "${path}"`);
  return parsePrecomputedInfo(parseJsonObject(bytes, path), path);
}

/** @throws {NotFoundError} that lists the scales. */
export function scaleOf(
  info: PrecomputedInfo,
  key: string | undefined,
  spec: string,
): PrecomputedScale {
  const found = key === undefined ? info.scales[0] : info.scales.find((s) => s.key === key);
  if (found !== undefined) return found;
  const keys = info.scales.map((s) => `"${s.key}"`).join(", ");
  throw new NotFoundError(`Cannot open "${spec}": no scale "${key}", the volume has ${keys}`);
}
