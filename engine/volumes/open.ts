/** Volumes by name: the one place that knows every kind. */
import { extname } from "node:path";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import type { DecoratedVolume } from "../formats/protobuf/masks.ts";
import { openHdf5, openHdf5Labels } from "./hdf5.ts";
import { openNpy, openNpzMember } from "./npy_volume.ts";
import { openPngStack, type StackOptions } from "./png_stack.ts";
import { slicedVolume } from "./sliced.ts";
import { parseVolumeSpec, type VolumeSpec } from "./volume_spec.ts";
import type { Volume } from "./volume.ts";

/** How a volume is opened, where its name leaves a choice. */
export interface OpenOptions extends StackOptions {
  /** The volume holds labels: a table `transforms` beside a HDF5 dataset is applied to them. */
  readonly labels?: boolean;
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
  png: ({ path }, text, options) => openPngStack(path, options, text),
} satisfies Record<string, Opener>;

type Kind = keyof typeof OPENERS;

/**
 * Opens a volume read-only by its text, `path[:dataset][slice]`, or by its message in a request.
 *
 * | text | volume |
 * | --- | --- |
 * | `a.h5:raw` | dataset of a HDF5 file |
 * | `a.npy`, `a.npz:segmentation` | NumPy array |
 * | `folder:png` | PNG files of a folder, one per section |
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
  const spec = typeof volume === "string" ? parseVolumeSpec(text) : splitAtLastColon(text);
  const opener: Opener = OPENERS[await kindOf(spec, text)];
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
  for (const [field, value] of Object.entries({ volinfo, decoratorSpecs, tensorstore })) {
    if (value === undefined) continue;
    const name = field === "decoratorSpecs" ? "decorator_specs" : field;
    const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
    throw new UnsupportedError(
      `Cannot open a volume by ${name} "${shown}": that is not supported, ${works}`,
    );
  }
  if (hdf5 !== undefined) return hdf5;
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
};

/** First bytes of files whose names do not tell. */
const SIGNATURES: readonly [hex: string, kind: Kind][] = [
  ["894844460d0a1a0a", "hdf5"],
  ["934e554d5059", "npy"],
  ["504b0304", "npz"],
];

async function kindOf({ path, dataset }: VolumeSpec, text: string): Promise<Kind> {
  const info = await Deno.stat(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${text}": no such file "${path}"`);
  });
  if (info.isDirectory) {
    if (dataset === "png") return "png";
    throw new UnsupportedError(
      `Cannot open "${text}": of folders only PNG stacks can be opened, write "${path}:png"`,
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
    `Cannot open "${text}": no known kind of file, volumes are HDF5 (.h5), NumPy (.npy, .npz) ` +
      `and folders of PNG files (folder:png)`,
  );
}
