import { type DType, itemSize, type TypedArray } from "../formats/nd_array.ts";
import {
  isPrecomputedType,
  type PrecomputedInfo,
  precomputedInfoDocument,
  type PrecomputedScale,
} from "../formats/precomputed_info.ts";
import type { Box } from "../geometry/box.ts";
import { mapZyx, minZyx, subZyx, type Zyx } from "../geometry/vectors.ts";
import { rangeResponse } from "./range_response.ts";
import type { CoarserLevel } from "../volumes/coarser_levels.ts";
import type { ShownLevel, ShownVolume } from "./view_description.ts";
import { channelCount, spatialSize, type Volume } from "../volumes/volume.ts";

/** A folder of meshes in Neuroglancer's format. */
export interface MeshSource {
  /** What lies under a key of the folder; null where there is nothing. */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
}

/** A volume as a viewer is to see it. */
export interface ServedVolume {
  readonly volume: Volume;
  readonly type: PrecomputedInfo["type"];
  /** Of its first voxel in the data set, in voxels. */
  readonly offset: Zyx;
  readonly voxelSizeNm: Zyx;
  /** The same in larger voxels, finest first; none unless given. */
  readonly coarser?: readonly CoarserLevel[];
  /** Of labels, where they are served. */
  readonly meshes?: MeshSource;
}

/** Folders of the finest scale and of the meshes. */
const KEY = "full";
const MESHES = "mesh";
const CHUNK: Zyx = [64, 64, 64];

/** Pages of any origin may look: a viewer comes from elsewhere. */
const HEADERS = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": "content-range",
  "cache-control": "no-store",
};

/**
 * Answers requests for volumes as if they lay in `folder` as Neuroglancer precomputed ones: `NAME/info`,
 * `NAME/full/x0-x1_y0-y1_z0-z1` and `NAME/mesh/…`; a range of bytes of them too. Only what is asked for is read.
 *
 * @param folder Path from `/` to `/`, which every request begins with.
 */
export function volumeHandler(
  volumes: ReadonlyMap<string, ServedVolume>,
  folder: string,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const refuse = (status: number, reason: string) =>
      new Response(`${reason}\n`, { status, headers: HEADERS });
    if (request.method !== "GET" && request.method !== "HEAD") {
      return refuse(405, "Cannot change a volume: it is for looking at");
    }
    const path = new URL(request.url).pathname.slice(folder.length);
    const [name, ...rest] = path.split("/").map(decodeURIComponent);
    const served = volumes.get(name);
    if (served === undefined) return refuse(404, `Cannot find "${name}": no such volume is served`);
    const info = infoOf(served);
    const file = rest.join("/");
    if (file === "info") return Response.json(precomputedInfoDocument(info), { headers: HEADERS });
    try {
      const bytes = await readFile(served, info, file);
      if (bytes === null) return refuse(404, `Cannot find "${file}" of "${name}"`);
      return rangeResponse(request, bytes, HEADERS);
    } catch (error) {
      return refuse(500, (error as Error).message);
    }
  };
}

/** A chunk or a part of a mesh; null where there is no such file. */
async function readFile(
  served: ServedVolume,
  info: PrecomputedInfo,
  file: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const [folder, key] = file.split("/", 2);
  if (folder === MESHES) return await served.meshes?.get(key) ?? null;
  const level = info.scales.findIndex((scale) => scale.key === folder);
  const box = level < 0 ? null : chunkBox(key, info.scales[level]);
  const volume = level < 1 ? served.volume : served.coarser![level - 1].volume;
  return box && await readChunk(volume, info, box);
}

/** What the page of `ffn view` needs to know of a volume to ask for its chunks. */
export function describeServed(name: string, served: ServedVolume): ShownVolume {
  const { dtype, scales } = infoOf(served);
  const [finest, ...coarser] = scales.map(({ key, size, offset, chunkSize }, level): ShownLevel => {
    const factors = level === 0 ? [1, 1, 1] as const : served.coarser![level - 1].factors;
    return { name: `${name}/${key}`, ...{ dtype, size, offset, chunkSize, factors } };
  });
  return { ...finest, coarser };
}

function infoOf(served: ServedVolume): PrecomputedInfo {
  const { volume, type, offset, voxelSizeNm, coarser = [], meshes } = served;
  const scale = (volume: Volume, key: string, offset: Zyx, voxelSizeNm: Zyx): PrecomputedScale => {
    const size = spatialSize(volume);
    const chunkSize = minZyx(CHUNK, size);
    return { key, size, voxelSizeNm, offset, chunkSize, encoding: "raw", blockSize: [8, 8, 8] };
  };
  const scales = [
    scale(volume, KEY, offset, voxelSizeNm),
    ...coarser.map(({ volume, factors }) =>
      scale(
        ...[volume, factors.join("_"), volume.offset ?? [0, 0, 0]] as const,
        mapZyx((edge, factor) => edge * factor, voxelSizeNm, factors),
      )
    ),
  ];
  const dtype = servedType(volume.dtype, type);
  const mesh = meshes && { mesh: MESHES };
  return { type, dtype, channels: channelCount(volume), scales, ...mesh };
}

/** Viewers know fewer types of elements than volumes have. */
function servedType(dtype: DType, type: PrecomputedInfo["type"]): DType {
  if (type === "segmentation") return /^uint/.test(dtype) ? dtype : "uint64";
  return isPrecomputedType(dtype) ? dtype : "float32";
}

/** The box, relative to the volume, of a chunk by its name; null where there is no such chunk. */
function chunkBox(
  name: string | undefined,
  { size, offset, chunkSize }: PrecomputedScale,
) {
  const match = /^(-?\d+)-(-?\d+)_(-?\d+)-(-?\d+)_(-?\d+)-(-?\d+)$/.exec(name ?? "");
  if (match === null) return null;
  const [x0, x1, y0, y1, z0, z1] = match.slice(1).map(Number);
  const start = subZyx([z0, y0, x0], offset), end = subZyx([z1, y1, x1], offset);
  const isChunk = start.every((from, axis) =>
    from >= 0 && from % chunkSize[axis] === 0 &&
    end[axis] === Math.min(from + chunkSize[axis], size[axis]) && end[axis] > from
  );
  return isChunk ? { start, size: subZyx(end, start) } : null;
}

/** The voxels of a box, x fastest, channels last, as the format wants them: little-endian like every machine this runs on. */
async function readChunk(
  volume: Volume,
  { dtype, channels }: PrecomputedInfo,
  box: Box,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const data = asType(await volume.read(box, channel), dtype);
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function asType(data: TypedArray, dtype: DType): TypedArray {
  if (data.BYTES_PER_ELEMENT === itemSize(dtype) && /int/.test(dtype) === !isFloat(data)) {
    return data;
  }
  if (dtype === "uint64") return BigUint64Array.from(data, BigInt);
  return Float32Array.from<number | bigint>(data, Number);
}

function isFloat(data: TypedArray): boolean {
  return data instanceof Float32Array || data instanceof Float64Array;
}
