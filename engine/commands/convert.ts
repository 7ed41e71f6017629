import { defineCommand } from "./command.ts";

const DTYPES: readonly string[] = [
  ...["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"],
  ...["float16", "float32", "float64"],
];

/** `ffn convert SRC DST`. */
export const command = defineCommand({
  description: "Copy a volume to another file format, with coarser levels where it has them",
  arguments: {
    source: { description: "volume to read, for example em.h5:raw or https://host/em.zarr" },
    target: {
      description: "a.h5:name, a.npy, a.npz, a.zarr, folder:precomputed, folder:png or folder:tif",
    },
  },
  options: {
    overwrite: {
      type: "flag",
      description: "replace an existing target when the copy is complete",
    },
    type: {
      type: "text",
      hint: "WHAT",
      choices: ["image", "segmentation"],
      description: "levels are means or most frequent labels (default: by the element type)",
    },
    dtype: {
      type: "text",
      hint: "TYPE",
      choices: DTYPES,
      description: "element type of the copy; every value must fit",
    },
    levels: {
      type: "integer",
      hint: "N",
      min: 1,
      max: 32,
      description: "resolutions of Zarr and precomputed (default: until one is small)",
    },
    chunkSize: {
      type: "text",
      hint: "Z,Y,X",
      description: "chunks of the copy (default: 64,64,64)",
    },
    voxelSize: {
      type: "text",
      hint: "Z,Y,X",
      description: "edge lengths of a voxel in nanometres, where the source does not state them",
    },
    offset: {
      type: "text",
      hint: "Z,Y,X",
      description: "where the first voxel lies in the data set (default: as the source states)",
    },
    zarrVersion: {
      type: "integer",
      hint: "N",
      min: 2,
      max: 3,
      default: 3,
      description: "format version of a Zarr target",
    },
    gzip: { type: "flag", description: "pack precomputed chunks as .gz files" },
    meshes: {
      type: "flag",
      description: "also make surfaces of all objects, for the 3-d view of Neuroglancer",
    },
    meshError: {
      type: "number",
      hint: "VOXELS",
      min: 0,
      max: 100,
      default: 0.5,
      description: "how far simplification may move surfaces; 0 keeps every triangle",
    },
    sort: {
      type: "text",
      hint: "ORDER",
      choices: ["natural", "lexicographic"],
      default: "natural",
      description: "order of the images of a folder",
    },
    components: {
      type: "flag",
      description: "number the connected components (by faces) of labels, in place of the labels",
    },
    channel: {
      type: "integer",
      hint: "N",
      min: 0,
      description: "sample to take of colour images",
    },
  },
  examples: [
    "convert em.h5:raw em.zarr --voxel-size 30,8,8",
    "convert sections:png em.h5:raw",
    "convert seg.npz:segmentation seg:precomputed --dtype uint64 --meshes",
    'convert "https://host/em.zarr:0[100:200]" crop.h5:raw',
  ],
  async run(values, context) {
    const { convertVolume } = await import("./convert_volume.ts");
    await convertVolume(values, context);
  },
});
