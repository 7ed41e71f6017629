import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import { didYouMean } from "../errors/suggest.ts";
import {
  arrayConstructor,
  type DType,
  itemSize,
  type NdArray,
  type TypedArray,
} from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { checkBox, checkPlausible, checkShape } from "./checks.ts";
import { Hdf5File } from "./hdf5_file.ts";
import { PLACE_ATTRIBUTES, placeOf } from "./hdf5_place.ts";
import type { Hdf5Dataset } from "./hdf5_protocol.ts";
import { mappedLabels } from "./mapped_labels.ts";
import type { Volume } from "./volume.ts";

/** One command reads or writes at most this, so that no command takes long and the worker stays small. */
const PIECE_BYTES = 2 ** 25;

/** What an HDF5 volume is made from. */
interface Parts {
  readonly spec: string;
  readonly file: Hdf5File;
  /** Path in the file. */
  readonly dataset: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly chunks: readonly number[] | null;
  readonly voxelSizeNm?: Zyx;
  readonly offset?: Zyx;
}

/** A dataset as a volume, read slab by slab. */
export class Hdf5Volume implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly voxelSizeNm?: Zyx;
  readonly offset?: Zyx;
  protected readonly file: Hdf5File;
  readonly #dataset: string;
  readonly #chunkDepth: number;

  constructor(parts: Parts) {
    this.spec = parts.spec;
    this.shape = parts.shape;
    this.dtype = parts.dtype;
    this.voxelSizeNm = parts.voxelSizeNm;
    this.offset = parts.offset;
    this.file = parts.file;
    this.#dataset = parts.dataset;
    this.#chunkDepth = parts.chunks?.at(-3) ?? 1;
  }

  async read(box: Box, channel = 0): Promise<TypedArray> {
    checkBox("read", this, box, channel);
    checkPlausible(this, this.file.path, box.size, (await Deno.stat(this.file.path)).size);
    const type = arrayConstructor(this.dtype);
    const all = new type(volumeOf(box.size));
    for (const { slab, from } of this.slabs(box)) {
      const itemBytes = itemSize(this.dtype);
      const args = { ...this.hyperslab(slab, channel), itemBytes };
      const bytes = await this.file.call(`read "${this.spec}"`, "read", args);
      // The element types of both sides are the same, which the compiler cannot see.
      all.set(new type(bytes) as never, from);
    }
    return all;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.file[Symbol.asyncDispose]();
  }

  /**
   * Cuts a box into slabs of whole planes that one command can move, with the index of the first voxel of each. Slabs
   * end between chunks where possible, so that no chunk is decompressed twice.
   */
  protected *slabs({ start, size }: Box): Generator<{ slab: Box; from: number; to: number }> {
    const [depth, height, width] = size;
    const plane = height * width;
    const chunks = Math.floor(PIECE_BYTES / (plane * itemSize(this.dtype)) / this.#chunkDepth);
    const most = Math.max(1, chunks) * this.#chunkDepth;
    for (let z = 0; z < depth;) {
      const planes = Math.min(depth - z, most - (start[0] + z) % this.#chunkDepth);
      const slab: Box = {
        start: [start[0] + z, start[1], start[2]],
        size: [planes, height, width],
      };
      yield { slab, from: z * plane, to: (z + planes) * plane };
      z += planes;
    }
  }

  /** A box of one channel as the library's commands name it. */
  protected hyperslab({ start, size }: Box, channel: number): {
    dataset: string;
    offset: readonly number[];
    count: readonly number[];
  } {
    const hasChannels = this.shape.length === 4;
    return {
      dataset: this.#dataset,
      offset: hasChannels ? [channel, ...start] : start,
      count: hasChannels ? [1, ...size] : size,
    };
  }
}

/**
 * Opens a dataset of an HDF5 file, `(z, y, x)` or `(channel, z, y, x)`, read-only.
 *
 * @param dataset Path in the file; may be left out where the file has only one dataset.
 * @param spec What the user wrote, for messages.
 */
export async function openHdf5(path: string, dataset?: string, spec = path): Promise<Volume> {
  const file = await Hdf5File.open(path);
  try {
    const name = dataset ?? onlyDataset(spec, await file.datasets());
    const described = await describe(file, name, spec);
    checkShape(spec, described.shape);
    const attributes = await file.call(`open "${spec}"`, "attributes", {
      dataset: name,
      prefixes: PLACE_ATTRIBUTES,
    });
    return new Hdf5Volume({
      ...{ spec, file, dataset: name, dtype: dtypeOf(spec, described) },
      ...{ shape: described.shape, chunks: described.chunks },
      ...placeOf(attributes),
    });
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Opens a dataset of labels; where a dataset `transforms` stands beside it, labels come mapped through that table, and
 * `log` is told.
 */
export async function openHdf5Labels(
  path: string,
  dataset?: string,
  spec: string = path,
  log?: (line: string) => void,
): Promise<Volume> {
  await using file = await Hdf5File.open(path);
  const names = await file.datasets();
  const name = (dataset ?? onlyDataset(spec, names.filter((n) => !isTransforms(n))))
    .replace(/^\/+/, "");
  const beside = name.replace(/[^/]*$/, "transforms");
  const volume = await openHdf5(path, name, spec);
  if (isTransforms(name) || !names.includes(beside)) return volume;
  try {
    const rows = await readWhole(file, beside, spec);
    log?.(`"${spec}": labels are mapped through "${beside}", ${rows.shape[0]} rows`);
    return mappedLabels(volume, rows);
  } catch (error) {
    await volume[Symbol.asyncDispose]();
    throw error;
  }
}

function isTransforms(name: string): boolean {
  return /(^|\/)transforms$/.test(name);
}

/** A small dataset of any shape. */
async function readWhole(file: Hdf5File, dataset: string, spec: string): Promise<NdArray> {
  const described = await describe(file, dataset, spec);
  const { shape } = described;
  const dtype = dtypeOf(spec, described);
  checkPlausible({ spec, dtype }, file.path, shape, (await Deno.stat(file.path)).size);
  const itemBytes = itemSize(dtype);
  const args = { dataset, offset: shape.map(() => 0), count: shape, itemBytes };
  const bytes = await file.call(`read "${spec}"`, "read", args);
  return { dtype, shape, data: new (arrayConstructor(dtype))(bytes) };
}

/** @throws {NotFoundError} that lists what the file has. */
async function describe(file: Hdf5File, name: string, spec: string): Promise<Hdf5Dataset> {
  const described = await file.call(`open "${spec}"`, "describe", { dataset: name });
  if (described !== null) return described;
  const found = await file.datasets();
  throw new NotFoundError(
    `Cannot open "${spec}": no dataset "${name}", the file has ${quoted(found)}${
      didYouMean(name, found)
    }`,
  );
}

function onlyDataset(spec: string, names: readonly string[]): string {
  if (names.length === 1) return names[0];
  throw new NotFoundError(
    `Cannot open "${spec}": name one of its datasets after a colon, the file has ${quoted(names)}`,
  );
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 10).map((name) => `"${name}"`).join(", ");
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown || "none";
}

/** @throws {UnsupportedError} when the elements are not numbers. */
function dtypeOf(spec: string, { kind, itemBytes, isBoolean }: Hdf5Dataset): DType {
  if (isBoolean && itemBytes === 1) return "bool";
  const dtype = `${kind}${8 * itemBytes}`;
  const known = /^u?int(8|16|32|64)$|^float(16|32|64)$/;
  if (known.test(dtype)) return dtype as DType;
  throw new UnsupportedError(
    `Cannot open "${spec}": elements must be integers or floats of 1, 2, 4 or 8 bytes, ` +
      `current type is ${kind === "other" ? "no number" : kind} of ${itemBytes} bytes`,
  );
}
