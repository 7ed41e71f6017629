import { dirname } from "node:path";
import { UnsupportedError } from "../errors/errors.ts";
import {
  arrayConstructor,
  type DType,
  elementCount,
  itemSize,
  type NdArray,
  type TypedArray,
} from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { checkBox, checkData, checkShape } from "./checks.ts";
import { Hdf5Volume } from "./hdf5.ts";
import { Hdf5File } from "./hdf5_file.ts";
import type { Hdf5Attributes } from "./hdf5_protocol.ts";
import { channelCount, spatialSize } from "./volume.ts";

/** A dataset to be made. */
export interface NewHdf5Dataset {
  /** Path in the file; groups are made as needed. */
  readonly dataset: string;
  /** `[z, y, x]` or `[channel, z, y, x]`. */
  readonly shape: readonly number[];
  readonly dtype: Exclude<DType, "float16">;
  /** As `shape`; 64³ of one channel unless given. */
  readonly chunks?: readonly number[];
  /** 0 for none; 4 unless given. */
  readonly gzipLevel?: number;
  /** What boxes read as that were never written; 0 unless given. */
  readonly fillValue?: number;
  readonly attributes?: Hdf5Attributes;
  /** Small arrays of any shape that go into the file as datasets of their own. */
  readonly companions?: Readonly<Record<string, NdArray>>;
  /** Replaces a file that holds the dataset; otherwise that is an error. */
  readonly overwrite?: boolean;
}

/** Readers hold whole chunks in memory. */
const MAX_CHUNK_BYTES = 2 ** 25;

/** A dataset being written. It appears under its path when it is committed, and not at all otherwise. */
export class Hdf5Writer extends Hdf5Volume {
  readonly #path: string;
  readonly #temporary: string;
  readonly #dataset: string;
  #isOpen = true;

  /** Use {@linkcode createHdf5}. */
  constructor(
    path: string,
    temporary: string,
    parts: ConstructorParameters<typeof Hdf5Volume>[0],
  ) {
    super(parts);
    this.#path = path;
    this.#temporary = temporary;
    this.#dataset = parts.dataset;
  }

  async write(box: Box, data: TypedArray, channel = 0): Promise<void> {
    checkBox("write", this, box, channel);
    checkData(this, box, data, arrayConstructor(this.dtype));
    for (const { slab, from, to } of this.slabs(box)) {
      const bytes = data.slice(from, to).buffer as ArrayBuffer;
      const args = { ...this.hyperslab(slab, channel), data: bytes };
      await this.file.call(`write "${this.spec}"`, "write", args, [bytes]);
    }
  }

  /** Adds attributes that are only known when the data are. */
  async addAttributes(attributes: Hdf5Attributes): Promise<void> {
    const args = { dataset: this.#dataset, attributes };
    await this.file.call(`write "${this.spec}"`, "addAttributes", args);
  }

  /** Closes the file and puts it in its place. */
  async commit(): Promise<void> {
    this.#isOpen = false;
    try {
      await this.file.close();
      using written = await Deno.open(this.#temporary, { write: true });
      await written.sync();
      await Deno.rename(this.#temporary, this.#path);
    } catch (error) {
      await Deno.remove(this.#temporary).catch(() => {});
      throw error;
    }
  }

  /** Without {@linkcode Hdf5Writer.commit} before, drops what was written. */
  override async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.file[Symbol.asyncDispose]();
    await Deno.remove(this.#temporary).catch(() => {});
  }
}

/**
 * Starts a new dataset in a new file, or beside the datasets of an existing one.
 *
 * @throws {RangeError} when the dataset exists and may not be overwritten.
 */
export async function createHdf5(path: string, made: NewHdf5Dataset): Promise<Hdf5Writer> {
  const spec = `${path}:${made.dataset}`;
  checkShape(spec, made.shape);
  const chunks = checkChunks(spec, made);
  const keepsOthers = await checkTarget(path, made);
  await Deno.mkdir(dirname(path), { recursive: true });
  // The same folder, because a rename is atomic only inside one file system.
  const temporary = `${path}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`;
  if (keepsOthers) await Deno.copyFile(path, temporary);
  const file = await Hdf5File.open(temporary, keepsOthers ? "write" : "create");
  const writer = new Hdf5Writer(path, temporary, { ...made, spec, file, chunks });
  try {
    await file.call(`write "${spec}"`, "createDataset", {
      dataset: made.dataset,
      dtype: made.dtype,
      shape: made.shape,
      chunks,
      gzipLevel: made.gzipLevel ?? 4,
      attributes: made.attributes ?? {},
    });
    for (const [name, array] of Object.entries(made.companions ?? {})) {
      await writeWhole(file, spec, name, array);
    }
    if (made.fillValue) await fill(writer, made.fillValue, chunks.at(-3)!);
    return writer;
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
}

async function writeWhole(
  file: Hdf5File,
  spec: string,
  dataset: string,
  { dtype, shape, data }: NdArray,
): Promise<void> {
  const chunking = { chunks: shape, gzipLevel: 0, attributes: {} };
  await file.call(`write "${spec}"`, "createDataset", { dataset, dtype, shape, ...chunking });
  const bytes = data.slice().buffer as ArrayBuffer;
  const box = { offset: shape.map(() => 0), count: shape };
  await file.call(`write "${spec}"`, "write", { dataset, ...box, data: bytes }, [bytes]);
}

function checkChunks(spec: string, { shape, chunks, dtype, gzipLevel = 4 }: NewHdf5Dataset) {
  const wanted = chunks ?? [1, 64, 64, 64].slice(-shape.length);
  const fits = wanted.length === shape.length && wanted.every((n) => Number.isInteger(n) && n >= 1);
  if (!fits || elementCount(wanted) * itemSize(dtype) > MAX_CHUNK_BYTES) {
    throw new RangeError(
      `Cannot write "${spec}": chunks must have ${shape.length} dimensions and at most ${MAX_CHUNK_BYTES} bytes, ` +
        `current chunks are [${wanted.join(", ")}] ${dtype}`,
    );
  }
  if (!Number.isInteger(gzipLevel) || gzipLevel < 0 || gzipLevel > 9) {
    throw new RangeError(
      `Cannot write "${spec}": gzip goes from 0 (none) to 9, current ${gzipLevel}`,
    );
  }
  return wanted.map((n, axis) => Math.min(n, shape[axis]));
}

/** Whether the path is a file whose datasets stay. */
async function checkTarget(path: string, { dataset, overwrite }: NewHdf5Dataset): Promise<boolean> {
  const exists = await Deno.stat(path).then(() => true, () => false);
  if (!exists) return false;
  await using file = await Hdf5File.open(path);
  const names = await file.datasets();
  if (!names.includes(dataset.replace(/^\/+/, ""))) return true;
  if (!overwrite) {
    throw new RangeError(
      `Cannot write "${path}:${dataset}": the dataset exists, choose another name or allow overwriting`,
    );
  }
  if (names.length > 1) {
    // The library cannot remove a dataset.
    throw new UnsupportedError(
      `Cannot overwrite "${path}:${dataset}": the file holds other datasets too, write to another file`,
    );
  }
  return false;
}

/** Slabs of whole chunks, so that none is compressed twice. */
async function fill(writer: Hdf5Writer, value: number, chunkDepth: number): Promise<void> {
  const [depth, height, width] = spatialSize(writer);
  const type = arrayConstructor(writer.dtype);
  const one = /int64/.test(writer.dtype) ? BigInt(value) : value;
  for (let channel = 0; channel < channelCount(writer); channel++) {
    for (let z = 0; z < depth; z += chunkDepth) {
      const size = [Math.min(chunkDepth, depth - z), height, width] as const;
      const data = new type(volumeOf(size)).fill(one as never);
      await writer.write({ start: [z, 0, 0], size }, data, channel);
    }
  }
}
