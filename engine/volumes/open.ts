/** Volumes by name: the one place that knows every kind. */
import { extname } from "node:path";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import type { DecoratedVolume } from "../formats/protobuf/masks.ts";
import { openHdf5, openHdf5Labels } from "./hdf5.ts";
import { type HttpOptions, HttpStore } from "./http_store.ts";
import { openNpy, openNpzMember } from "./npy_volume.ts";
import { FolderStore, type ObjectStore } from "./object_store.ts";
import { PNG_SECTIONS } from "./png_sections.ts";
import { openPrecomputed } from "./precomputed.ts";
import { openSectionStack, type StackOptions } from "./section_stack.ts";
import { slicedVolume } from "./sliced.ts";
import { openTensorStore } from "./tensorstore.ts";
import { parseTensorStoreSpec } from "./tensorstore_spec.ts";
import { isUrl, parseVolumeSpec, type VolumeSpec } from "./volume_spec.ts";
import type { Volume } from "./volume.ts";

/** How a volume is opened, where its name leaves a choice. */
export interface OpenOptions extends StackOptions {
  /** The volume holds labels: a table `transforms` beside a HDF5 dataset is applied to them. */
  readonly labels?: boolean;
  /** How patient requests to web servers are. */
  readonly http?: HttpOptions;
}

/** Opens a volume of one kind; `text` is what the user wrote. */
type Opener = (spec: VolumeSpec, text: string, options: OpenOptions) => Promise<Volume>;

/** Every kind of volume. A new kind is a file that exports an opener, and a line here and in `kindOf`. */
const OPENERS = {
  hdf5: ({ path, dataset }, text, { labels, log }) =>
    labels ? openHdf5Labels(path, dataset, text, log) : openHdf5(path, dataset, text),
  npy: ({ path, dataset }, text) => {
    if (dataset === undefined) return openNpy(path, text);
    throw new NotFoundError(
      `Cannot open "${text}": a .npy file holds one array without a name, write "${path}"`,
    );
  },
  npz: ({ path, dataset }, text) => openNpzMember(path, dataset, text),
  png: ({ path }, text, options) => openSectionStack(path, PNG_SECTIONS, options, text),
  tiff: async ({ path }, text, options) => {
    const { openTiffVolume } = await import("./tiff_volume.ts");
    return openTiffVolume(path, options, text);
  },
  tiffSections: async ({ path }, text, options) => {
    const { TIFF_SECTIONS } = await import("./tiff_sections.ts");
    return openSectionStack(path, TIFF_SECTIONS, options, text);
  },
  zarr: async ({ path, dataset }, text, { http }) => {
    // Loads its codecs, which are large.
    const { openZarr } = await import("./zarr.ts");
    return openZarr(storeOf(path, http), dataset, text);
  },
  precomputed: ({ path, dataset }, text, { http }) =>
    openPrecomputed(storeOf(path, http), dataset, text),
} satisfies Record<string, Opener>;

/** Name of a kind of volume. */
export type Kind = keyof typeof OPENERS;

/**
 * Opens a volume read-only by its text, `path[:dataset][slice]`, or by its message in a request.
 *
 * | text | volume |
 * | --- | --- |
 * | `a.h5:raw` | dataset of a HDF5 file |
 * | `a.npy`, `a.npz:segmentation` | NumPy array |
 * | `folder:png`, `folder:tif` | PNG or TIFF files of a folder, one per section |
 * | `em.tif` | images of a TIFF file, one per section |
 * | `em.zarr`, `em.zarr:0` | Zarr 2 or 3: an array, or an OME-NGFF image (finest level unless named) |
 * | `folder`, `folder:8_8_8` | Neuroglancer precomputed (finest scale unless named) |
 * | `https://host/em.zarr:0` | either of them on a web server; also `gs://` and `s3://` where public |
 * | `a.h5:raw[0, 10:20]` | any of them through a slice as in Python |
 *
 * @throws {NotFoundError} when file or dataset do not exist, {@linkcode FormatError} when the file is damaged,
 * {@linkcode UnsupportedError} for kinds that are not supported, `RangeError` when the shape is none of a volume.
 */
export async function open(
  volume: string | DecoratedVolume,
  options: OpenOptions = {},
): Promise<Volume> {
  const text = typeof volume === "string" ? volume : volumeName(volume);
  if (typeof volume !== "string" && volume.tensorstore !== undefined) {
    const spec = parseTensorStoreSpec(volume.tensorstore);
    return await openTensorStore(spec, storeOf(spec.location, options.http));
  }
  const spec = typeof volume === "string" ? parseVolumeSpec(text) : splitAtLastColon(text);
  const opener: Opener = OPENERS[await kindOf(spec, text, options)];
  const base = await opener(spec, text, options);
  try {
    return slicedVolume(base, spec.slice, text);
  } catch (error) {
    await base[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * The name that a message of a request gives to a volume.
 *
 * @throws {UnsupportedError | RangeError} when it names it in a way that is not supported, or not at all.
 */
export function volumeName(
  { hdf5, volinfo, decoratorSpecs, tensorstore }: DecoratedVolume,
): string {
  const works = 'name the volume as hdf5: "file.h5:dataset"';
  for (const [field, value] of Object.entries({ volinfo, decoratorSpecs })) {
    if (value === undefined) continue;
    const name = field === "decoratorSpecs" ? "decorator_specs" : field;
    const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
    throw new UnsupportedError(
      `Cannot open a volume by ${name} "${shown}": that is not supported, ${works}`,
    );
  }
  if (hdf5 !== undefined) return hdf5;
  if (tensorstore !== undefined) return parseTensorStoreSpec(tensorstore).location;
  throw new RangeError(`Cannot open a volume: its message names none, ${works}`);
}

/** Paths in requests may hold colons, and have no slices. */
function splitAtLastColon(text: string): VolumeSpec {
  const match = /^(.+):([^:]+)$/s.exec(text);
  if (match !== null) return { path: match[1], dataset: match[2], slice: [] };
  throw new SyntaxError(
    `Cannot open "${text}": a request names a volume as file:dataset, for example "em.h5:raw"`,
  );
}

const EXTENSIONS: Record<string, Kind> = {
  ".h5": "hdf5",
  ".hdf5": "hdf5",
  ".hdf": "hdf5",
  ".npy": "npy",
  ".npz": "npz",
  ".tif": "tiff",
  ".tiff": "tiff",
};

/** First bytes of files whose names do not tell. */
const SIGNATURES: readonly [hex: string, kind: Kind][] = [
  ["894844460d0a1a0a", "hdf5"],
  ["934e554d5059", "npy"],
  ["504b0304", "npz"],
];

/** Where the chunks of a volume are. */
export function storeOf(path: string, http: HttpOptions = {}): ObjectStore {
  return isUrl(path) ? new HttpStore(path, http) : new FolderStore(path);
}

/** Files that tell of what kind a folder is. */
const MARKS: readonly [name: string, kind: Kind][] = [
  ["zarr.json", "zarr"],
  [".zarray", "zarr"],
  [".zgroup", "zarr"],
  ["info", "precomputed"],
];

/** The kind of a folder, or of what is below a URL, by the first mark that is there. */
async function kindByMarks(path: string, { http }: OpenOptions): Promise<Kind | null> {
  const store = storeOf(path, http);
  for (const [name, kind] of MARKS) {
    if (await store.get(name) !== undefined) return kind;
  }
  return null;
}

/** Whether a folder is a Zarr or precomputed volume. */
export async function isVolumeFolder(path: string): Promise<boolean> {
  return await kindByMarks(path, {}) !== null;
}

/** The kind of what `text` names: what it says, else what is there. */
export async function kindOf(
  { format, path, dataset }: VolumeSpec,
  text: string,
  options: OpenOptions,
): Promise<Kind> {
  if (format !== undefined) return format;
  if (isUrl(path)) {
    const kind = await kindByMarks(path, options);
    if (kind !== null) return kind;
    throw new NotFoundError(
      `Cannot open "${text}": the server has none of ${
        MARKS.map(([name]) => `"${path}/${name}"`).join(", ")
      }`,
    );
  }
  const info = await Deno.stat(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${text}": no such file "${path}"`);
  });
  if (info.isDirectory) {
    if (dataset === "png") return "png";
    if (dataset === "tif" || dataset === "tiff") return "tiffSections";
    const kind = await kindByMarks(path, options);
    if (kind !== null) return kind;
    throw new UnsupportedError(
      `Cannot open "${text}": the folder is no Zarr and no precomputed volume; a stack is "${path}:png" or "${path}:tif"`,
    );
  }
  const byName = EXTENSIONS[extname(path).toLowerCase()];
  if (byName !== undefined) return byName;
  using file = await Deno.open(path);
  const start = new Uint8Array(8);
  await file.read(start);
  const byContent = SIGNATURES.find(([hex]) => start.toHex().startsWith(hex));
  if (byContent !== undefined) return byContent[1];
  throw new UnsupportedError(
    `Cannot open "${text}": no known kind of file, volumes are HDF5 (.h5), NumPy (.npy, .npz), ` +
      `TIFF, Zarr, precomputed and folders of images (folder:png, folder:tif)`,
  );
}
