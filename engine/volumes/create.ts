/** New volumes by name: the one place that knows every kind that can be written. */
import { basename, extname, join } from "node:path";
import { UnsupportedError } from "../errors/errors.ts";
import { writeFileAtomically } from "./atomic_file.ts";
import { placeAttributes } from "./hdf5_place.ts";
import { createHdf5 } from "./hdf5_writer.ts";
import type { NewVolume, VolumeWriter } from "./new_volume.ts";
import { createNpy, createNpz } from "./npy_writer.ts";
import { PartialFolder } from "./partial_folder.ts";
import { createPrecomputed, MESH_FOLDER } from "./precomputed_writer.ts";
import { createSections } from "./section_writer.ts";
import { channelCount, type Volume } from "./volume.ts";
import { isUrl, parseVolumeSpec, type VolumeSpec } from "./volume_spec.ts";
import type { WritableLevels } from "./zarr_writer.ts";

/** What happens to what is there already. */
export interface CreateOptions {
  /** Replaces an existing volume when the new one is complete; otherwise that is an error. */
  readonly overwrite?: boolean;
  /** Names the content: unfinished work is only continued where this is equal. */
  readonly settings?: unknown;
}

type Creator = (
  spec: VolumeSpec,
  text: string,
  made: NewVolume,
  options: CreateOptions,
) => Promise<VolumeWriter>;

/** Every kind. A new one is a file that exports a creator, and a line here and in `kindOf`. */
const CREATORS = {
  hdf5: async ({ path, dataset }, _text, made, { overwrite }) => {
    const { shape, dtype } = made;
    if (dtype === "float16") throw noHalf(path);
    const name = dataset ?? (made.type === "image" ? "raw" : "labels");
    const attributes = {
      ...placeAttributes(made),
      ...made.source !== undefined && { source: { shape: [1], values: [made.source] } },
      ...Object.fromEntries(
        Object.entries(made.attributes ?? {}).map(([name, text]) => [
          name,
          { shape: [1], values: [text] },
        ]),
      ),
    };
    const writer = await createHdf5(path, { dataset: name, shape, dtype, attributes, overwrite });
    return Object.assign(writer, { blockSize: made.chunkSize ?? [64, 64, 64] as const });
  },
  npy: ({ path }, _text, made) => createNpy(path, made),
  npz: ({ path, dataset = "data" }, _text, made) => Promise.resolve(createNpz(path, dataset, made)),
  zarr: async ({ path, dataset }, text, made, options) => {
    if (dataset !== undefined) throw namesPart(text, path);
    const { createZarr } = await import("./zarr_writer.ts");
    return inFolder(path, (folder) => createZarr(folder, made, text), made, options);
  },
  precomputed: ({ path, dataset }, text, made, options) => {
    if (dataset !== undefined && dataset !== "precomputed") throw namesPart(text, path);
    return inFolder(path, (folder) => createPrecomputed(folder, made, text), made, options);
  },
  png: (spec, text, made, options) => sections("png", spec, text, made, options),
  tif: (spec, text, made, options) => sections("tif", spec, text, made, options),
} satisfies Record<string, Creator>;

/**
 * Starts a volume under a name; it appears there when it is committed.
 *
 * | text | volume |
 * | --- | --- |
 * | `a.h5:raw` | dataset of a HDF5 file, new or beside others |
 * | `a.npy`, `a.npz:name` | NumPy array |
 * | `a.zarr` | OME-NGFF image in Zarr, with coarser levels |
 * | `folder:precomputed`, `precomputed://folder` | Neuroglancer precomputed, with coarser levels |
 * | `folder:png`, `folder:tif` | one image per section |
 *
 * @throws {RangeError} when the name is taken, {@linkcode UnsupportedError} for kinds that cannot be written.
 */
export async function createVolume(
  text: string,
  made: NewVolume,
  options: CreateOptions = {},
): Promise<VolumeWriter> {
  const spec = parseVolumeSpec(text);
  if (spec.slice.length > 0 || isUrl(spec.path)) {
    throw new UnsupportedError(
      `Cannot write "${text}": only whole volumes in files and folders can be written`,
    );
  }
  const kind = kindOf(spec, text);
  // An HDF5 file may take further datasets, and checks that itself.
  if (kind !== "hdf5" && !options.overwrite && await exists(spec.path)) {
    throw new RangeError(
      `Cannot write "${text}": "${spec.path}" exists, choose another name or add --overwrite`,
    );
  }
  if (made.meshes) checkMeshes(kind, text, made);
  const create: Creator = CREATORS[kind];
  return await create(spec, text, made, options);
}

function kindOf({ format, path, dataset }: VolumeSpec, text: string): keyof typeof CREATORS {
  if (format !== undefined) return format;
  if (dataset === "precomputed" || dataset === "png") return dataset;
  if (dataset === "tif" || dataset === "tiff") return "tif";
  const extension = extname(path.replace(/\/+$/, "")).toLowerCase();
  if ([".h5", ".hdf5", ".hdf"].includes(extension)) return "hdf5";
  if (extension === ".npy" || extension === ".npz" || extension === ".zarr") {
    return extension.slice(1) as "npy";
  }
  throw new UnsupportedError(
    `Cannot write "${text}": the name does not tell the kind, write .h5, .npy, .npz, .zarr, ` +
      `folder:precomputed, folder:png or folder:tif`,
  );
}

/** A kind of many files is written into a folder beside its place, where an interrupted run can go on. */
async function inFolder(
  path: string,
  create: (folder: string) => Promise<WritableLevels>,
  made: NewVolume,
  { overwrite, settings }: CreateOptions,
): Promise<VolumeWriter> {
  const folder = await PartialFolder.open(path, { made, settings }, { overwrite });
  try {
    const { plan, volumes: [volume, ...coarser], chunkSize } = await create(folder.path);
    const pyramid = { plan, volumes: coarser };
    if (made.source !== undefined) await writeProvenance(folder.path, path, made.source);
    const writer = writerOf(volume, chunkSize, folder, pyramid);
    return made.meshes ? { ...writer, meshFolder: join(folder.path, MESH_FOLDER) } : writer;
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** As cloud-volume keeps it beside `info`. */
async function writeProvenance(folder: string, path: string, source: string): Promise<void> {
  const provenance = {
    description: `made as ${basename(path)}`,
    ...{ owners: [], processing: [JSON.parse(source)], sources: [] },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(provenance));
  await writeFileAtomically(join(folder, "provenance"), bytes);
}

async function sections(
  kind: "png" | "tif",
  { path }: VolumeSpec,
  text: string,
  made: NewVolume,
  { overwrite, settings }: CreateOptions,
): Promise<VolumeWriter> {
  const folder = await PartialFolder.open(path, { made, settings }, { overwrite });
  try {
    const { volume, blockSize } = await createSections(folder.path, kind, made, text);
    return writerOf(volume, blockSize, folder);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

function writerOf(
  volume: Volume & Required<Pick<Volume, "write">>,
  blockSize: VolumeWriter["blockSize"],
  folder: PartialFolder,
  pyramid?: VolumeWriter["pyramid"],
): VolumeWriter {
  return {
    spec: volume.spec,
    shape: volume.shape,
    dtype: volume.dtype,
    blockSize,
    pyramid,
    journal: folder,
    read: (box, channel) => volume.read(box, channel),
    write: (box, data, channel) => volume.write(box, data, channel),
    commit: () => folder.commit(),
    async [Symbol.asyncDispose]() {
      await volume[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/**
 * Whether a volume of that name can have meshes, before there is anything to write.
 *
 * @throws {UnsupportedError} where there is no place for them, or nothing that has some.
 */
export function assertMeshable(text: string, made: Meshed): void {
  checkMeshes(kindOf(parseVolumeSpec(text), text), text, made);
}

/** What decides whether there are meshes; volumes of labels `[z, y, x]` need no shape. */
type Meshed = Pick<NewVolume, "type" | "dtype"> & Partial<Pick<NewVolume, "shape">>;

function checkMeshes(kind: string, text: string, { type, dtype, shape = [] }: Meshed): void {
  const problem = kind !== "precomputed"
    ? `only precomputed volumes have some, write "folder:precomputed"`
    : type !== "segmentation"
    ? `only segmentations have some, add --type segmentation`
    : !dtype.startsWith("u")
    ? `labels must be unsigned, current type is ${dtype}; convert with --dtype, for example --dtype uint64`
    : channelCount({ shape }) > 1
    ? `labels must have one channel, current shape is [${shape.join(", ")}]`
    : null;
  if (problem !== null) throw new UnsupportedError(`Cannot write meshes of "${text}": ${problem}`);
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, (error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  });
}

function noHalf(path: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot write "${path}": HDF5 files are not written with float16, convert with --dtype float32`,
  );
}

function namesPart(text: string, path: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot write "${text}": its levels name themselves, write "${path}" without a name after the colon`,
  );
}
