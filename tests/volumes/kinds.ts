/** One volume of every kind and the voxels it must have; `tests/oracles/volumes.py` wrote the files. */
import { arrayConstructor, type DType, type NdArray } from "../../engine/formats/nd_array.ts";
import { createVolume } from "../../engine/volumes/create.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { open } from "../../engine/volumes/open.ts";
import type { Volume } from "../../engine/volumes/volume.ts";
import { channelCount, wholeBox } from "../../engine/volumes/volume.ts";

export const FIXTURES: string = new URL("../fixtures/volumes", import.meta.url).pathname;

export const CHUNKED: string = new URL("../fixtures/chunked_volumes", import.meta.url).pathname;

/** Index `[channel, z, y, x]`. */
export type Index = readonly [c: number, z: number, y: number, x: number];

export interface Kind {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** `folder` is a temporary one, for kinds that write. */
  open(folder: string): Promise<Volume>;
  /** Which voxel of the formula stands at an index, where it is not that one. */
  readonly at?: (index: Index) => Index;
}

/** The voxel that the formula of the fixtures gives. */
export function voxelAt(dtype: DType, [c, z, y, x]: Index): number | bigint {
  const value = (7 * c + 31 * z + 5 * y + 3 * x) % 101;
  const type = arrayConstructor(dtype);
  const bits = 8 * type.BYTES_PER_ELEMENT;
  if (dtype === "bool") return value % 2;
  if (dtype === "float16") return new Uint16Array(Float16Array.of((value - 50) / 8).buffer)[0];
  if (dtype.startsWith("float")) return (value - 50) / 8;
  const integer = BigInt(dtype.startsWith("u") ? value : value - 50) * 2n ** BigInt(bits - 8);
  return bits === 64 ? integer : Number(integer);
}

/** The whole of a volume of the fixtures, computed. */
export function formulaArray(dtype: DType, shape: readonly number[]): NdArray {
  const [channels, depth, height, width] = [1, ...shape].slice(-4);
  const values: (number | bigint)[] = [];
  for (let c = 0; c < channels; c++) {
    for (let z = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) values.push(voxelAt(dtype, [c, z, y, x]));
      }
    }
  }
  // Which of the two the values are follows from the type.
  return { dtype, shape, data: new (arrayConstructor(dtype))(values as never) };
}

const file = (text: string) => () => open(`${FIXTURES}/${text}`);

const TYPES: DType[] = [
  ...["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"] as const,
  ...["float16", "float32", "float64"] as const,
];

const chunked = (text: string) => () => open(`${CHUNKED}/${text}`);

/** Zarr, precomputed and TIFF volumes, by `tests/oracles/chunked_volumes.py`. */
const CHUNKED_KINDS: readonly [text: string, dtype: DType, shape?: readonly number[]][] = [
  ["v2_gzip.zarr", "uint16"],
  ["v2_blosc.zarr", "int64", [2, 5, 6, 7]],
  ["v2_zstd_fortran.zarr", "float32"],
  ["v2_zlib_big.zarr", "int32"],
  ["v2_lz4_bool.zarr", "bool"],
  ["v3_zstd.zarr", "uint8"],
  ["v3_gzip.zarr", "uint64"],
  ["v3_blosc.zarr", "float32"],
  ["v3_half.zarr", "float16"],
  ["v3_transposed.zarr", "int32"],
  ["v3_sharded.zarr", "uint32", [8, 12, 15]],
  ["v3_big.zarr", "int16"],
  ["ome.zarr", "uint8", [2, 6, 10, 12]],
  ["ome.zarr:1", "uint8", [2, 3, 5, 6]],
  ["ome_xyz.zarr", "uint8"],
  ["raw", "uint8", [10, 18, 20]],
  ["raw_channels:8_8_30", "float32", [2, 5, 6, 7]],
  ["cseg64", "uint64", [10, 18, 20]],
  ["cseg32", "uint32", [2, 5, 6, 7]],
  ["cloud", "uint64", [10, 18, 20]],
  ["sharded_raw", "uint16", [10, 18, 20]],
  ["sharded_cseg", "uint64", [10, 18, 20]],
  ["tif8:tif", "uint8", [3, 10, 12]],
  ["tif16:tiff", "uint16", [3, 10, 12]],
  ["tif16_big:tif", "uint16", [3, 10, 12]],
  ["tif_float:tif", "float32", [3, 10, 12]],
  ["pages.tif", "uint8"],
  ["tiled.tif", "uint16", [3, 40, 35]],
  ["labels.tif", "uint32", [3, 10, 12]],
];

/** Kinds that can be written: the name to write, the name to read, an element type. */
const WRITTEN: readonly [target: string, source: string, dtype: DType, shape: readonly number[]][] =
  [
    ["a.h5:a/b", "a.h5", "uint32", [2, 5, 6, 7]],
    ["a.npy", "a.npy", "float16", [2, 5, 6, 7]],
    ["a.npz:x", "a.npz:x", "int16", [5, 6, 7]],
    ["a.zarr", "a.zarr", "float32", [2, 5, 6, 7]],
    ["a:precomputed", "a", "uint64", [2, 5, 6, 7]],
    ["a:png", "a:png", "uint16", [5, 6, 7]],
    ["a:tif", "a:tif", "int32", [5, 6, 7]],
  ];

function written([target, source, dtype, shape]: typeof WRITTEN[number]): Kind {
  return {
    ...{ name: `${target}, written here`, shape, dtype },
    async open(folder) {
      const { data } = formulaArray(dtype, shape);
      const type = dtype === "uint64" ? "segmentation" : "image";
      const made = { shape, dtype, type, chunkSize: [3, 4, 4] } as const;
      const here = `${folder}/${crypto.randomUUID()}`;
      await Deno.mkdir(here);
      await using writer = await createVolume(`${here}/${target}`, made);
      const channels = channelCount(writer), voxels = data.length / channels;
      for (let channel = 0; channel < channels; channel++) {
        const part = data.slice(channel * voxels, (channel + 1) * voxels);
        await writer.write(wholeBox(writer), part, channel);
      }
      await writer.commit();
      return open(`${here}/${source}`);
    },
  };
}

/** A new kind joins with a line. */
export const KINDS: readonly Kind[] = [
  ...["old.h5:raw", "new.h5:raw"].map((text): Kind => (
    { name: text, shape: [6, 10, 12], dtype: "uint8", open: file(text) }
  )),
  ...["old.h5:channels/labels", "new.h5:/channels/labels"].map((text): Kind => (
    { name: text, shape: [2, 5, 6, 7], dtype: "int64", open: file(text) }
  )),
  ...TYPES.map((dtype): Kind => (
    { name: `HDF5 ${dtype}`, shape: [2, 3, 4], dtype, open: file(`types.h5:le/${dtype}`) }
  )),
  ...(["uint16", "int32", "uint64", "float32"] as const).map((dtype): Kind => (
    { name: `big-endian ${dtype}`, shape: [2, 3, 4], dtype, open: file(`types.h5:be/${dtype}`) }
  )),
  { name: "HDF5 filters", shape: [4, 5, 6], dtype: "uint32", open: file("filters.h5:all") },
  { name: "HDF5 link", shape: [4, 5, 6], dtype: "uint32", open: file("filters.h5:linked") },
  { name: "HDF5 user block", shape: [2, 3, 4], dtype: "uint8", open: file("user_block.h5") },
  ...WRITTEN.map(written),
  { name: "PNG stack, 8 bits", shape: [12, 10, 12], dtype: "uint8", open: file("png8:png") },
  { name: "PNG stack, 16 bits", shape: [3, 10, 12], dtype: "uint16", open: file("png16:png") },
  { name: "npy", shape: [6, 10, 12], dtype: "uint16", open: file("c_order.npy") },
  { name: "npy, big-endian", shape: [6, 10, 12], dtype: "int32", open: file("big_endian.npy") },
  { name: "npy, Fortran", shape: [6, 10, 12], dtype: "float32", open: file("fortran.npy") },
  { name: "npy, channels", shape: [2, 5, 6, 7], dtype: "int64", open: file("channels.npy") },
  ...CHUNKED_KINDS.map(([text, dtype, shape = [6, 10, 12]]): Kind => (
    { name: text, shape, dtype, open: chunked(text) }
  )),
  {
    name: "memory",
    shape: [2, 3, 4, 5],
    dtype: "int16",
    open: () => Promise.resolve(memoryVolume(formulaArray("int16", [2, 3, 4, 5]))),
  },
  {
    name: "slice of sections, rows and columns",
    shape: [2, 2, 5],
    dtype: "uint8",
    open: file("old.h5:raw[1:-1:2, -1:3:-3, 10:0:-2]"),
    at: ([c, z, y, x]) => [c, 1 + 2 * z, 9 - 3 * y, 10 - 2 * x],
  },
  {
    name: "slice that drops the channel",
    shape: [5, 6, 7],
    dtype: "int64",
    open: file("channels.npy[-1]"),
    at: ([, z, y, x]) => [1, z, y, x],
  },
  {
    name: "slice that drops z and so makes channels sections",
    shape: [2, 6, 4],
    dtype: "int64",
    open: file("new.h5:channels/labels[::-1, 3, :, 2:6]"),
    at: ([, z, y, x]) => [1 - z, 3, y, 2 + x],
  },
];
