import { crc32, inflateSync } from "node:zlib";
import { convertIndexedToRgb, decode, encode } from "npm:fast-png@8.0.0";
import { FormatError, UnsupportedError } from "../errors/errors.ts";

/** An image, rows from the top. */
export interface PngImage {
  /** Pixels of a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** 1 grey, 2 grey and alpha, 3 red, green and blue, 4 with alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  /** `[y, x, channel]`; 16-bit samples in a `Uint16Array`. */
  readonly data: Uint8Array | Uint16Array;
}

/** What the head of a file says. */
export interface PngHeader {
  /** Pixels of a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Bits of one sample: 1, 2, 4, 8 or 16. */
  readonly bitDepth: number;
  /** What the samples of a pixel are. */
  readonly color: "grey" | "rgb" | "palette" | "grey+alpha" | "rgb+alpha";
  /** Whether the rows come in seven passes. */
  readonly isInterlaced: boolean;
}

/** Bytes from the start of a file that {@linkcode parsePngHeader} needs. */
export const PNG_HEADER_BYTES = 33;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLORS: Record<number, [PngHeader["color"], samples: number, bitDepths: number[]]> = {
  0: ["grey", 1, [1, 2, 4, 8, 16]],
  2: ["rgb", 3, [8, 16]],
  3: ["palette", 1, [1, 2, 4, 8]],
  4: ["grey+alpha", 2, [8, 16]],
  6: ["rgb+alpha", 4, [8, 16]],
};

/** Images that unpack to more are taken for damaged. */
const MAX_IMAGE_BYTES = 2 ** 30;

/**
 * Reads size and kind of an image from the first bytes of its file.
 *
 * @throws {FormatError} when they are not the start of a PNG file.
 */
export function parsePngHeader(bytes: Uint8Array, path: string): PngHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isPng = bytes.length >= PNG_HEADER_BYTES && SIGNATURE.every((b, i) => bytes[i] === b) &&
    view.getUint32(8) === 13 && typeAt(bytes, 12) === "IHDR";
  if (!isPng) throw broken(path, "it does not start as a PNG file does", 0);
  if (crc32(bytes.subarray(12, 29)) !== view.getUint32(29)) {
    throw broken(path, "the checksum of its header is wrong", 29);
  }
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [bitDepth, color, compression, filter, interlace] = bytes.subarray(24, 29);
  const kind = COLORS[color];
  if (!kind?.[2].includes(bitDepth) || compression + filter !== 0 || interlace > 1) {
    throw broken(path, `its header names no known kind of image (${bytes.subarray(24, 29)})`, 24);
  }
  if (width === 0 || height === 0 || bytesOf(width, height, bitDepth, kind[1]) > MAX_IMAGE_BYTES) {
    throw broken(path, `its size of ${width} × ${height} is out of range`, 16);
  }
  return { width, height, bitDepth, color: kind[0], isInterlaced: interlace === 1 };
}

/**
 * Decodes a file of 8 or 16 bits per sample; palettes become red, green and blue.
 *
 * @throws {FormatError} when the file is damaged, {@linkcode UnsupportedError} for other depths and interlacing.
 */
export function decodePng(bytes: Uint8Array, path: string): PngImage {
  const header = parsePngHeader(bytes, path);
  const { width, height, bitDepth, color, isInterlaced } = header;
  if ((bitDepth < 8 && color !== "palette") || isInterlaced) {
    throw new UnsupportedError(
      `Cannot read "${path}": only 8 and 16 bits per sample without interlacing are supported, ` +
        `current ${bitDepth} bits${isInterlaced ? ", interlaced" : ""}; save it again in this way`,
    );
  }
  const chunks = [...essentialChunks(bytes, path)];
  const samples = Object.values(COLORS).find(([name]) => name === color)![1];
  checkPixels(chunks, bytesOf(width, height, bitDepth, samples), path);
  try {
    const image = decode(joined([bytes.subarray(0, 8), ...chunks.map((c) => c.whole)]));
    if (color === "palette") {
      const data = convertIndexedToRgb(image) as Uint8Array;
      return { width, height, channels: data.length / (width * height) as 3, data };
    }
    return { width, height, channels: image.channels as 1, data: image.data as Uint8Array };
  } catch (cause) {
    throw new FormatError(`Cannot read "${path}": ${(cause as Error).message}`, { path, cause });
  }
}

/** Encodes an image, without interlacing. */
export function encodePng(image: PngImage): Uint8Array<ArrayBuffer> {
  const { width, height, channels, data } = image;
  if (data.length !== width * height * channels) {
    throw new RangeError(
      `Cannot encode a PNG of ${width} × ${height} × ${channels}: it needs ${
        width * height * channels
      } samples, current ${data.length}`,
    );
  }
  const depth = data instanceof Uint16Array ? 16 : 8;
  return encode({ width, height, channels, data, depth }) as Uint8Array<ArrayBuffer>;
}

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** Length, type, data and checksum. */
  readonly whole: Uint8Array;
}

/** Chunks that make the pixels, checked; text, colour profiles and the like are left out unread. */
function* essentialChunks(bytes: Uint8Array, path: string): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = SIGNATURE.length;
  for (let type = ""; type !== "IEND";) {
    const length = offset + 12 <= bytes.length ? view.getUint32(offset) : Infinity;
    const end = offset + 12 + length;
    if (end > bytes.length) throw broken(path, "it is truncated", offset);
    type = typeAt(bytes, offset + 4);
    if (["IHDR", "PLTE", "IDAT", "IEND"].includes(type)) {
      if (crc32(bytes.subarray(offset + 4, end - 4)) !== view.getUint32(end - 4)) {
        throw broken(path, `the checksum of its ${type} chunk is wrong`, offset);
      }
      const data = bytes.subarray(offset + 8, end - 4);
      yield { type, data, whole: bytes.subarray(offset, end) };
    }
    offset = end;
  }
}

/** The decoder would unpack without a limit, and read missing pixels as zeros. */
function checkPixels(chunks: readonly Chunk[], wantedBytes: number, path: string): void {
  const packed = joined(chunks.filter((chunk) => chunk.type === "IDAT").map((chunk) => chunk.data));
  let foundBytes: number;
  try {
    foundBytes = inflateSync(packed, { maxOutputLength: wantedBytes + 1 }).length;
  } catch (cause) {
    throw new FormatError(
      `Cannot read "${path}": its pixels cannot be unpacked (${(cause as Error).message})`,
      { path, cause },
    );
  }
  if (foundBytes !== wantedBytes) {
    throw broken(path, `its pixels unpack to ${foundBytes} bytes, expected ${wantedBytes}`);
  }
}

/** Size of the unpacked pixels: each row has a byte for its filter. */
function bytesOf(width: number, height: number, bitDepth: number, samples: number): number {
  return height * (1 + Math.ceil(width * bitDepth * samples / 8));
}

function typeAt(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function broken(path: string, problem: string, offset?: number): FormatError {
  return new FormatError(`Cannot read "${path}": ${problem}`, { path, offset });
}
