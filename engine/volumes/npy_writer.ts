import { dirname } from "node:path";
import {
  arrayConstructor,
  type DType,
  elementCount,
  itemSize,
  type TypedArray,
  zeros,
} from "../formats/nd_array.ts";
import { elementTypeString } from "../formats/npy_elements.ts";
import { encodeNpyHeader } from "../formats/npy_header.ts";
import { streamNpz } from "../formats/npz.ts";
import type { Box } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { writeFileAtomically } from "./atomic_file.ts";
import { checkBox, checkData, checkShape } from "./checks.ts";
import { memoryVolume } from "./memory.ts";
import type { NewVolume, VolumeWriter } from "./new_volume.ts";
import { spatialSize } from "./volume.ts";

/** A `.npy` file in C order, written row by row into a temporary file that is renamed when it is complete. */
class NpyWriter implements VolumeWriter {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly blockSize: Zyx;
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: Deno.FsFile;
  readonly #dataOffset: number;
  #last: Promise<unknown> = Promise.resolve();
  #isOpen = true;

  constructor(
    path: string,
    temporary: string,
    file: Deno.FsFile,
    dataOffset: number,
    made: NewVolume,
  ) {
    this.spec = path;
    this.shape = made.shape;
    this.dtype = made.dtype;
    // Whole rows of the file lie together.
    this.blockSize = [1, 1, spatialSize(made)[2]];
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#dataOffset = dataOffset;
  }

  async read(box: Box, channel = 0): Promise<TypedArray> {
    checkBox("read", this, box, channel);
    const out = new (arrayConstructor(this.dtype))(elementCount(box.size));
    await this.#rows(box, channel, async (at, length) => {
      const bytes = new Uint8Array(out.buffer, at, length);
      for (let done = 0; done < length;) {
        const count = await this.#file.read(bytes.subarray(done));
        if (count === null) break;
        done += count;
      }
    });
    return out;
  }

  async write(box: Box, data: TypedArray, channel = 0): Promise<void> {
    checkBox("write", this, box, channel);
    checkData(this, box, data, arrayConstructor(this.dtype));
    await this.#rows(box, channel, async (at, length) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset + at, length);
      for (let done = 0; done < length;) done += await this.#file.write(bytes.subarray(done));
    });
  }

  async commit(): Promise<void> {
    await this.#file.sync();
    this.#isOpen = false;
    this.#file.close();
    await Deno.rename(this.#temporary, this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#file.close();
    await Deno.remove(this.#temporary);
  }

  /** Moves rows one after the other, with the file set to each; box by box, since there is one file position. */
  #rows(
    { start, size }: Box,
    channel: number,
    move: (at: number, length: number) => Promise<void>,
  ): Promise<void> {
    const [depth, height, width] = spatialSize(this);
    const itemBytes = itemSize(this.dtype);
    // Sections as a whole where the box has all their columns.
    const rows = size[2] === width ? size[1] : 1;
    const length = rows * size[2] * itemBytes;
    const task = this.#last.then(async () => {
      let at = 0;
      for (let z = start[0]; z < start[0] + size[0]; z++) {
        for (let y = start[1]; y < start[1] + size[1]; y += rows) {
          const index = ((channel * depth + z) * height + y) * width + start[2];
          await this.#file.seek(this.#dataOffset + index * itemBytes, Deno.SeekMode.Start);
          await move(at, length);
          at += length;
        }
      }
    });
    this.#last = task.catch(() => {});
    return task;
  }
}

/** Starts a `.npy` file. */
export async function createNpy(path: string, made: NewVolume): Promise<VolumeWriter> {
  checkShape(path, made.shape);
  await Deno.mkdir(dirname(path), { recursive: true });
  // The same folder, because a rename is atomic only inside one file system.
  const temporary = `${path}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`;
  const file = await Deno.open(temporary, { read: true, write: true, createNew: true });
  try {
    const header = encodeNpyHeader(`'${elementTypeString(made.dtype)}'`, made.shape);
    await file.write(header);
    await file.truncate(header.length + elementCount(made.shape) * itemSize(made.dtype));
    return new NpyWriter(path, temporary, file, header.length, made);
  } catch (error) {
    file.close();
    await Deno.remove(temporary);
    throw error;
  }
}

/** An archive holds its arrays in memory while it is made. */
const MAX_NPZ_BYTES = 2 ** 32;

/**
 * Starts a `.npz` archive of one array; the array is in memory until it is committed.
 *
 * @throws {RangeError} when it is too large for that.
 */
export function createNpz(path: string, member: string, made: NewVolume): VolumeWriter {
  const spec = `${path}:${member}`;
  checkShape(spec, made.shape);
  const sizeBytes = elementCount(made.shape) * itemSize(made.dtype);
  if (sizeBytes > MAX_NPZ_BYTES) {
    throw new RangeError(
      `Cannot write "${spec}": an archive is made in memory, at most ${MAX_NPZ_BYTES} bytes, ` +
        `current size is ${sizeBytes}; write .npy, .h5 or .zarr`,
    );
  }
  const array = zeros(made.dtype, made.shape);
  const volume = memoryVolume(array, spec);
  return {
    spec,
    shape: made.shape,
    dtype: made.dtype,
    blockSize: [1, 1, 1],
    read: (box, channel) => volume.read(box, channel),
    write: (box, data, channel) => volume.write(box, data, channel),
    commit: () => writeFileAtomically(path, streamNpz([{ name: member, value: array }])),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
