import { FormatError, NotFoundError } from "../errors/errors.ts";
import {
  arrayConstructor,
  type DType,
  elementCount,
  itemSize,
  type NdArray,
  type TypedArray,
} from "../formats/nd_array.ts";
import { decodeNpy } from "../formats/npy.ts";
import { decodeElements, type ElementType } from "../formats/npy_elements.ts";
import { type NpyHeader, parseNpyHeader } from "../formats/npy_header.ts";
import { openNpz } from "../formats/npz.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { checkBox, checkShape } from "./checks.ts";
import { type FileSource, openFileSource } from "./file_source.ts";
import { memoryVolume } from "./memory.ts";
import { spatialSize, type Volume } from "./volume.ts";

/** Longer headers are refused when they are parsed. */
const HEADER_BYTES = 1 << 16;

/** A C-order array in a file, read row by row. */
class NpyVolume implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly #source: FileSource;
  readonly #type: ElementType;
  readonly #dataOffset: number;

  constructor(spec: string, source: FileSource, type: ElementType, header: NpyHeader) {
    this.spec = spec;
    this.shape = header.shape;
    this.dtype = type.dtype;
    this.#source = source;
    this.#type = type;
    this.#dataOffset = header.dataOffset;
  }

  async read(box: Box, channel = 0): Promise<TypedArray> {
    checkBox("read", this, box, channel);
    const [depth, height, width] = spatialSize(this);
    const [[z0, y0, x0], [nz, ny, nx]] = [box.start, box.size];
    const out = new (arrayConstructor(this.dtype))(volumeOf(box.size));
    const itemBytes = itemSize(this.dtype);
    for (let z = 0; z < nz; z++) {
      // The rows of one section lie together; of each, the columns of the box are kept.
      const first = ((channel * depth + z0 + z) * height + y0) * width;
      const bytes = await this.#source.read(
        this.#dataOffset + first * itemBytes,
        ny * width * itemBytes,
      );
      if (bytes.length < ny * width * itemBytes) {
        throw new FormatError(`Cannot read "${this.spec}": the file ends within its data`, {
          path: this.#source.path,
        });
      }
      const rows = decodeElements(bytes, this.#type, [ny, width]).data;
      for (let y = 0; y < ny; y++) {
        const row = rows.subarray(y * width + x0, y * width + x0 + nx);
        out.set(row as never, (z * ny + y) * nx);
      }
    }
    return out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]();
  }
}

/**
 * Opens a `.npy` file as a volume. Arrays in C order stay on disk; others are read into memory.
 *
 * @throws {FormatError} when the file is damaged, {@linkcode RangeError} when its shape is none of a volume.
 */
export async function openNpy(path: string, spec: string = path): Promise<Volume> {
  const source = await openFileSource(path);
  try {
    const head = await source.read(0, Math.min(source.sizeBytes, HEADER_BYTES));
    const header = parseNpyHeader(head, path);
    if (header.descr.kind !== "array") throw notNumbers(spec, path);
    checkShape(spec, header.shape);
    if (header.fortranOrder) {
      const whole = decodeNpy(await source.read(0, source.sizeBytes), path);
      await source[Symbol.asyncDispose]();
      return memoryVolume((whole as { array: NdArray }).array, spec);
    }
    const wanted = header.dataOffset + elementCount(header.shape) * header.descr.widthBytes;
    if (wanted !== source.sizeBytes) {
      throw new FormatError(
        `Cannot open "${spec}": [${header.shape.join(", ")}] ${header.descr.type.dtype} needs ` +
          `a file of ${wanted} bytes, current ${source.sizeBytes}`,
        { path },
      );
    }
    return new NpyVolume(spec, source, header.descr.type, header);
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Opens a member of a `.npz` archive as a volume; it is read into memory.
 *
 * @param member Its name; may be left out where the archive has only one.
 */
export async function openNpzMember(
  path: string,
  member?: string,
  spec: string = path,
): Promise<Volume> {
  await using source = await openFileSource(path);
  const archive = await openNpz(source, path);
  if (member === undefined && archive.names.length !== 1) {
    const names = archive.names.map((name) => `"${name}"`).join(", ");
    throw new NotFoundError(
      `Cannot open "${spec}": name one of its arrays after a colon, the file has ${
        names || "none"
      }`,
    );
  }
  const value = await archive.read(member ?? archive.names[0]);
  if (value.kind !== "array") throw notNumbers(spec, path);
  return memoryVolume(value.array, spec);
}

function notNumbers(spec: string, path: string): FormatError {
  return new FormatError(`Cannot open "${spec}": its elements are no plain numbers`, { path });
}
