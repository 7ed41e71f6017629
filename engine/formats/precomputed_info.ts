/** The `info` file of a Neuroglancer precomputed volume. Vectors in the file are xyz, here zyx. */
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { toXyz, toZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { isIntegers, isNumbers, isObject, type JsonObject, shown } from "./json_document.ts";
import { type DType, itemSize } from "./nd_array.ts";
import { parseSharding, type Sharding } from "./precomputed_shard.ts";

/** How the voxels of a chunk are written. */
export type PrecomputedEncoding = "raw" | "compressed_segmentation";

/** One level of a pyramid. */
export interface PrecomputedScale {
  /** Folder of the chunks, relative to the `info` file. */
  readonly key: string;
  readonly size: Zyx;
  readonly voxelSizeNm: Zyx;
  /** Of the first voxel, in voxels of this scale. */
  readonly offset: Zyx;
  readonly chunkSize: Zyx;
  readonly encoding: PrecomputedEncoding;
  /** Of compressed segmentation. */
  readonly blockSize: Zyx;
  /** Absent where each chunk is a file. */
  readonly sharding?: Sharding;
}

export interface PrecomputedInfo {
  readonly type: "image" | "segmentation";
  readonly dtype: DType;
  readonly channels: number;
  /** Folder of the meshes, relative to the `info` file. */
  readonly mesh?: string;
  /** Finest first. */
  readonly scales: readonly PrecomputedScale[];
}

const TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32"];
/** One decoded chunk may take at most this. */
const MAX_CHUNK_BYTES = 2 ** 30;
const MAX_CHANNELS = 2 ** 16;

/**
 * Checks an `info` file.
 *
 * @param path Of the file, for messages.
 * @throws {FormatError} when it contradicts the format.
 */
export function parsePrecomputedInfo(info: JsonObject, path: string): PrecomputedInfo {
  const broken = failures(path);
  const { type, data_type: dtype, num_channels: channels, scales } = info;
  if (type !== "image" && type !== "segmentation") {
    throw broken("type", type, '"image" or "segmentation"');
  }
  const name = typeof dtype === "string" ? dtype.toLowerCase() : "";
  if (!TYPES.includes(name)) throw broken("data_type", dtype, `one of ${TYPES.join(", ")}`);
  if (!isIntegers([channels], 1) || channels as number > MAX_CHANNELS) {
    throw broken("num_channels", channels, `an integer from 1 to ${MAX_CHANNELS}`);
  }
  if (!Array.isArray(scales) || scales.length === 0 || !scales.every(isObject)) {
    throw broken("scales", scales, "a list of objects");
  }
  const of = { dtype: name as DType, channels: channels as number };
  return { type, ...of, scales: scales.map((scale) => parseScale(scale, of, path)) };
}

function parseScale(
  scale: JsonObject,
  { dtype, channels }: { dtype: DType; channels: number },
  path: string,
): PrecomputedScale {
  const { key, size, resolution, chunk_sizes: chunkSizes, voxel_offset: offset = [0, 0, 0] } =
    scale;
  const place = `scale ${shown(key)}: `;
  const broken = (field: string, found: unknown, wanted: string) =>
    failures(path)(`${place}${field}`, found, wanted);
  if (typeof key !== "string") throw broken("key", key, "a text");
  if (!isIntegers(size, 1, 3)) throw broken("size", size, "3 integers of at least 1");
  if (!isNumbers(resolution, 3) || !resolution.every((n) => n > 0)) {
    throw broken("resolution", resolution, "3 positive numbers");
  }
  if (!isIntegers(offset, Number.MIN_SAFE_INTEGER, 3)) {
    throw broken("voxel_offset", offset, "3 integers");
  }
  // Every listed shape holds the whole volume; the first will do.
  const chunk: unknown = Array.isArray(chunkSizes) ? chunkSizes[0] : undefined;
  if (!isIntegers(chunk, 1, 3)) throw broken("chunk_sizes", chunkSizes, "lists of 3 integers");
  const chunkSize = zyx(chunk);
  if (volumeOf(chunkSize) * channels * itemSize(dtype) > MAX_CHUNK_BYTES) {
    throw broken("chunk_sizes", chunkSizes, `chunks of at most ${MAX_CHUNK_BYTES} bytes`);
  }
  const encoding = String(scale.encoding).toLowerCase();
  if (encoding !== "raw" && encoding !== "compressed_segmentation") {
    throw new UnsupportedError(
      `Cannot open "${path}": of chunk encodings raw and compressed_segmentation are supported, ` +
        `${place}current is ${shown(scale.encoding)}`,
    );
  }
  const isPacked = encoding === "compressed_segmentation";
  if (isPacked && dtype !== "uint32" && dtype !== "uint64") {
    throw broken("encoding", encoding, `raw, because elements are ${dtype}`);
  }
  const { compressed_segmentation_block_size: block = [8, 8, 8] } = scale;
  if (isPacked && (!isIntegers(block, 1, 3) || volumeOf(zyx(block)) > 2 ** 20)) {
    throw broken("compressed_segmentation_block_size", block, "3 integers of at least 1");
  }
  return {
    key,
    size: zyx(size),
    voxelSizeNm: zyx(resolution),
    offset: zyx(offset),
    chunkSize,
    encoding,
    blockSize: zyx(block as number[]),
    sharding: scale.sharding === undefined || scale.sharding === null
      ? undefined
      : parseSharding(scale.sharding, path),
  };
}

/** The `info` file of an unsharded volume. */
export function precomputedInfoDocument(info: PrecomputedInfo): JsonObject {
  return {
    "@type": "neuroglancer_multiscale_volume",
    type: info.type,
    data_type: info.dtype,
    num_channels: info.channels,
    ...(info.mesh === undefined ? {} : { mesh: info.mesh }),
    scales: info.scales.map((scale) => ({
      key: scale.key,
      size: xyz(scale.size),
      resolution: xyz(scale.voxelSizeNm),
      voxel_offset: xyz(scale.offset),
      chunk_sizes: [xyz(scale.chunkSize)],
      encoding: scale.encoding,
      ...(scale.encoding === "compressed_segmentation"
        ? { compressed_segmentation_block_size: xyz(scale.blockSize) }
        : {}),
    })),
  };
}

/** Element types that precomputed volumes can have. */
export function isPrecomputedType(dtype: DType): boolean {
  return TYPES.includes(dtype);
}

function zyx([x, y, z]: readonly number[]): Zyx {
  return toZyx({ x, y, z });
}

function xyz(v: Zyx): number[] {
  const { x, y, z } = toXyz(v);
  return [x, y, z];
}

function failures(path: string): (name: string, found: unknown, wanted: string) => FormatError {
  return (name, found, wanted) =>
    new FormatError(`Cannot open "${path}": ${name} must be ${wanted}, current ${shown(found)}`, {
      path,
    });
}
