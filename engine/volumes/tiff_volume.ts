import { UnsupportedError } from "../errors/errors.ts";
import { type DType, itemSize, type TypedArray } from "../formats/nd_array.ts";
import { openTiff, type TiffFile, type TiffHeader } from "../formats/tiff.ts";
import { type ChunkedArray, chunkExtent } from "./chunked_array.ts";
import { ChunkedVolume } from "./chunked_volume.ts";
import { type FileSource, openFileSource } from "./file_source.ts";
import type { StackOptions } from "./section_stack.ts";
import { tiffSection } from "./tiff_sections.ts";
import type { Volume } from "./volume.ts";

/** Strips of a few rows are read together until they have about this size. */
const CHUNK_BYTES = 2 ** 20;

/** The images of one file, stacked along z. */
class TiffArray implements ChunkedArray {
  readonly location: string;
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly dtype: DType;
  readonly #source: FileSource;
  readonly #file: TiffFile;
  readonly #header: TiffHeader;
  readonly #sample: number;

  constructor(source: FileSource, file: TiffFile, header: TiffHeader, sample: number) {
    const { width, height, dtype, block } = header;
    this.location = source.path;
    this.shape = [file.count, height, width];
    const rowBytes = block[1] * itemSize(dtype);
    const isStrips = block[1] >= width;
    const blocks = isStrips ? Math.max(1, Math.floor(CHUNK_BYTES / (rowBytes * block[0]))) : 1;
    this.chunkShape = [1, Math.min(height, block[0] * blocks), Math.min(width, block[1])];
    this.dtype = dtype;
    this.#source = source;
    this.#file = file;
    this.#header = header;
    this.#sample = sample;
  }

  async loadChunk(index: readonly number[]): Promise<TypedArray> {
    const [z, row, column] = index;
    const [, height, width] = chunkExtent(this, index);
    const [first, header] = [this.#header, await this.#file.header(z)];
    const text = (h: TiffHeader) => `${h.width} × ${h.height} ${tiffSection(h).kind}`;
    if (text(first) !== text(header)) {
      throw new RangeError(
        `Cannot read image ${z} of "${this.location}" as a section: all must be ${text(first)}, ` +
          `current is ${text(header)}`,
      );
    }
    const window = { x: column * this.chunkShape[2], y: row * this.chunkShape[1], width, height };
    return await this.#file.read(z, window, this.#sample);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#source[Symbol.asyncDispose]() as Promise<void>;
  }
}

/**
 * Opens the images of a TIFF or BigTIFF file as a volume `(z, y, x)`, read by strips or tiles.
 *
 * @throws {UnsupportedError} for colour without `channel`, {@linkcode FormatError} when the file is damaged.
 */
export async function openTiffVolume(
  path: string,
  { channel }: StackOptions = {},
  spec: string = path,
): Promise<Volume> {
  const source = await openFileSource(path);
  try {
    const file = await openTiff(source, path);
    const header = await file.header(0);
    const { isPlain, kind } = tiffSection(header);
    if (channel === undefined && !isPlain) {
      throw new UnsupportedError(
        `Cannot open "${spec}": images must be grey, current are ${kind}; choose one of their channels`,
      );
    }
    const sample = channel ?? 0;
    if (!Number.isInteger(sample) || sample < 0 || sample >= header.samples) {
      throw new RangeError(
        `Cannot open "${spec}": channels of its pixels go from 0 to ${
          header.samples - 1
        }, current ${channel}`,
      );
    }
    const array = new TiffArray(source, file, header, sample);
    return new ChunkedVolume(array, { spec, axes: [0, 1, 2] });
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}
