/** TIFF images through a library, block by block; the file's own claims are checked before anything is allocated. */
import { promisify } from "node:util";
import { inflate, zstdDecompress } from "node:zlib";
import {
  addDecoder,
  BaseDecoder,
  GeoTIFF,
  type GeoTIFFImage,
  getDecoder,
  setLogger,
  writeArrayBuffer,
} from "npm:geotiff@3.0.5";
import { FormatError, UnsupportedError } from "../errors/errors.ts";
import type { ByteSource } from "./byte_source.ts";
import { arrayConstructor, type DType, itemSize, type TypedArray } from "./nd_array.ts";

/** What the head of an image says. */
export interface TiffHeader {
  readonly width: number;
  readonly height: number;
  /** Samples of a pixel: 1 grey, 3 colour, more with alpha. */
  readonly samples: number;
  readonly dtype: DType;
  /** Rows and columns that are stored together. */
  readonly block: readonly [height: number, width: number];
}

/** The images of one file. */
export interface TiffFile {
  readonly count: number;
  header(page: number): Promise<TiffHeader>;
  /** `[y, x]` of one sample, from column `x` and row `y`. */
  read(
    page: number,
    window: { x: number; y: number; width: number; height: number },
    sample: number,
  ): Promise<TypedArray>;
}

/** Images and blocks that unpack to more are taken for damaged. */
const MAX_BLOCK_BYTES = 2 ** 28;
/** The shortest directory of an image that there can be; more images than fit into a file are a loop. */
const MIN_DIRECTORY_BYTES = 64;

type Unpack = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>;

/** The library's own decoders of these unpack without a limit. */
function limited(unpack: Unpack) {
  return class extends BaseDecoder {
    override async decodeBlock(bytes: ArrayBufferLike): Promise<ArrayBuffer> {
      const options = { maxOutputLength: MAX_BLOCK_BYTES };
      return Uint8Array.from(await unpack(new Uint8Array(bytes), options)).buffer;
    }
  };
}

const silent = () => {};

addDecoder([8, 32946], () => Promise.resolve(limited(promisify(inflate) as Unpack)));
addDecoder(50000, () => Promise.resolve(limited(promisify(zstdDecompress) as Unpack)));

const plainLzw = (await getDecoder(5, {} as never)).constructor as typeof BaseDecoder;
/** The library's decoder prints a line for each block that has no end mark, which some writers leave out. */
class QuietLzw extends plainLzw {
  override decodeBlock(bytes: ArrayBufferLike): ArrayBufferLike | Promise<ArrayBufferLike> {
    const { warn } = console;
    console.warn = silent;
    try {
      return super.decodeBlock(bytes);
    } finally {
      console.warn = warn;
    }
  }
}
addDecoder(5, () => Promise.resolve(QuietLzw));

// What it would print on the way comes back as an error.
setLogger({
  debug: silent,
  log: silent,
  info: silent,
  warn: silent,
  error: silent,
  time: silent,
  timeEnd: silent,
});

/**
 * Opens a TIFF or BigTIFF file; images are found at once, pixels are read on demand.
 *
 * @throws {FormatError} when it is none, or damaged.
 */
export async function openTiff(source: ByteSource, path: string): Promise<TiffFile> {
  const tiff = await naming(path, () => GeoTIFF.fromSource(sourceOf(source) as never));
  const images: GeoTIFFImage[] = [];
  const most = 1 + Math.floor(source.sizeBytes / MIN_DIRECTORY_BYTES);
  while (true) {
    const image = await naming(path, () =>
      tiff.getImage(images.length).catch((error) => {
        // The library's way to say that there are no more.
        if (/No image at index/.test(error.message) && images.length > 0) return null;
        throw error;
      }));
    if (image === null) break;
    images.push(image);
    if (images.length > most) {
      throw new FormatError(`Cannot read "${path}": its images follow each other in a loop`, {
        path,
      });
    }
  }
  const header = (page: number) =>
    naming(path, () => headerOf(images[page], source.sizeBytes, path));
  return {
    count: images.length,
    header,
    async read(page, { x, y, width, height }, sample): Promise<TypedArray> {
      const { dtype } = await header(page);
      const window = [x, y, x + width, y + height];
      const rasters = await naming(
        path,
        () => images[page].readRasters({ window, samples: [sample], interleave: false }),
      );
      const raster = (rasters as unknown as TypedArray[])[0];
      if (raster instanceof arrayConstructor(dtype) && raster.length === width * height) {
        return raster;
      }
      throw new FormatError(`Cannot read "${path}": image ${page} has no ${dtype} pixels`, {
        path,
      });
    },
  };
}

async function headerOf(
  image: GeoTIFFImage,
  fileBytes: number,
  path: string,
): Promise<TiffHeader> {
  const [width, height] = [image.getWidth(), image.getHeight()];
  const samples = image.getSamplesPerPixel();
  const directory = image.getFileDirectory();
  const bits = image.getBitsPerSample(0);
  const kind = { 1: "uint", 2: "int", 3: "float" }[image.getSampleFormat(0)];
  const dtype = `${kind}${bits}`;
  const isKnown = /^u?int(8|16|32)$|^float(32|64)$/.test(dtype);
  if (!isKnown || await directory.loadValue("PhotometricInterpretation") === 3) {
    throw new UnsupportedError(
      `Cannot read "${path}": pixels must be grey or colour samples of 8, 16 or 32 bits, current is ` +
        (isKnown ? "a palette" : `${bits} bits of format ${image.getSampleFormat(0)}`),
    );
  }
  const predictor = await directory.loadValue("Predictor") ?? 1;
  if (predictor !== 1 && !image.littleEndian && bits > 8) {
    // The library adds up the differences in the wrong byte order.
    throw new UnsupportedError(
      `Cannot read "${path}": big-endian samples of ${bits} bits are not supported with a predictor, ` +
        `save it little-endian or without`,
    );
  }
  const block = [image.getTileHeight(), image.getTileWidth()] as const;
  const bytes = itemSize(dtype as DType) * samples;
  const isSane = [width, height, samples, ...block].every((n) => Number.isSafeInteger(n) && n > 0);
  const blockBytes = Math.min(block[0], height) * block[1] * bytes;
  // Each block has at least a place of two bytes and a length.
  const blocks = Math.ceil(height / block[0]) * Math.ceil(width / block[1]);
  if (!isSane || samples > 64 || blockBytes > MAX_BLOCK_BYTES || 3 * blocks > fileBytes) {
    throw new FormatError(
      `Cannot read "${path}": its size of ${width} × ${height} × ${samples} in blocks of ` +
        `${block[1]} × ${block[0]} is out of range`,
      { path },
    );
  }
  return { width, height, samples, dtype: dtype as DType, block };
}

/** Encodes a grey image `[y, x]` without packing. */
export function encodeTiff(
  { width, height, dtype, data }: { width: number; height: number; dtype: DType; data: TypedArray },
): Uint8Array<ArrayBuffer> {
  const format = dtype.startsWith("float") ? 3 : dtype.startsWith("u") ? 1 : 2;
  // The library knows signed pixels only as their bits.
  const unsigned = { int8: Uint8Array, int16: Uint16Array, int32: Uint32Array }[dtype as string];
  const pixels = unsigned
    ? new unsigned(data.buffer as ArrayBuffer, data.byteOffset, data.length)
    : data;
  const bits = 8 * itemSize(dtype);
  const metadata = { width, height, BitsPerSample: [bits], SampleFormat: [format] };
  return new Uint8Array(writeArrayBuffer(pixels as Uint8Array, metadata));
}

/** Element types that {@linkcode encodeTiff} takes. */
export function isTiffType(dtype: DType): boolean {
  return /^u?int(8|16|32)$|^float32$/.test(dtype);
}

/** A source as the library wants it; it may ask for more than there is. */
function sourceOf(source: ByteSource) {
  const read = async (offset: number, length: number): Promise<ArrayBufferLike> => {
    const end = Math.min(source.sizeBytes, offset + length);
    const isInside = offset >= 0 && end > offset;
    return isInside ? (await source.read(offset, end - offset)).slice().buffer : new ArrayBuffer(0);
  };
  return {
    fileSize: source.sizeBytes,
    fetch: (slices: { offset: number; length: number }[]) =>
      Promise.all(slices.map(({ offset, length }) => read(offset, length))),
    close: () => Promise.resolve(),
  };
}

async function naming<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Error && /^Cannot /.test(error.message)) throw error;
    const { message } = error as Error;
    throw new FormatError(`Cannot read "${path}" as TIFF: ${message}`, { path, cause: error });
  }
}
