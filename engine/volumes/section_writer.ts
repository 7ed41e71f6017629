import { join } from "node:path";
import { UnsupportedError } from "../errors/errors.ts";
import { arrayConstructor, type DType, type TypedArray } from "../formats/nd_array.ts";
import { encodePng } from "../formats/png.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { writeFileAtomically } from "./atomic_file.ts";
import { checkBox, checkData, checkShape } from "./checks.ts";
import type { NewVolume, WritableVolume } from "./new_volume.ts";
import { spatialSize } from "./volume.ts";

/** Kinds of files that sections can be written to. */
export type SectionKind = "png" | "tif";

/** Encodes one section `[y, x]`. */
type Encoder = (data: TypedArray, width: number, height: number) => Uint8Array;

/** Writes whole sections to files of their own, `0000.png`, `0001.png`, …: all numbers have the same length. */
class SectionWriter implements WritableVolume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly #folder: string;
  readonly #extension: string;
  readonly #encode: Encoder;

  constructor(spec: string, folder: string, extension: string, encode: Encoder, made: NewVolume) {
    this.spec = spec;
    this.shape = made.shape;
    this.dtype = made.dtype;
    this.#folder = folder;
    this.#extension = extension;
    this.#encode = encode;
  }

  read(_box: Box): Promise<TypedArray> {
    return Promise.reject(
      new UnsupportedError(
        `Cannot read "${this.spec}": it is being written, open it when it is done`,
      ),
    );
  }

  /** @throws {RangeError} unless the box consists of whole sections. */
  async write(box: Box, data: TypedArray, channel = 0): Promise<void> {
    checkBox("write", this, box, channel);
    checkData(this, box, data, arrayConstructor(this.dtype));
    const [depth, height, width] = spatialSize(this);
    if (box.size[1] !== height || box.size[2] !== width) {
      throw new RangeError(
        `Cannot write "${this.spec}": sections are written as a whole, ${width} × ${height}, ` +
          `current part is ${box.size[2]} × ${box.size[1]}`,
      );
    }
    const digits = Math.max(4, `${depth - 1}`.length);
    const plane = height * width;
    for (let z = 0; z < box.size[0]; z++) {
      const name = `${box.start[0] + z}`.padStart(digits, "0");
      const bytes = this.#encode(data.subarray(z * plane, (z + 1) * plane), width, height);
      await writeFileAtomically(join(this.#folder, `${name}.${this.#extension}`), bytes);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Encoded images are made in memory. */
const MAX_SECTION_VOXELS = 2 ** 29;

/**
 * Starts a stack of sections in a folder.
 *
 * @throws {UnsupportedError} for element types that such images do not have, and for volumes with channels.
 */
export async function createSections(
  folder: string,
  kind: SectionKind,
  made: NewVolume,
  spec: string = folder,
): Promise<{ volume: WritableVolume; blockSize: Zyx }> {
  checkShape(spec, made.shape);
  if (made.shape.length === 4) {
    throw new UnsupportedError(
      `Cannot write "${spec}": a stack of images has no channels, the volume has ${
        made.shape[0]
      }; ` +
        `convert one of them with a slice, for example "SRC[0]"`,
    );
  }
  const [, height, width] = spatialSize(made);
  if (volumeOf([1, height, width]) > MAX_SECTION_VOXELS) {
    throw new UnsupportedError(
      `Cannot write "${spec}": images may have at most ${MAX_SECTION_VOXELS} pixels, ` +
        `current ${width} × ${height}`,
    );
  }
  const encode = kind === "png" ? pngEncoder(spec, made) : await tiffEncoder(spec, made);
  const volume = new SectionWriter(spec, folder, kind, encode, made);
  return { volume, blockSize: [1, height, width] };
}

function pngEncoder(spec: string, { dtype }: NewVolume): Encoder {
  if (dtype !== "uint8" && dtype !== "uint16") throw unsupported(spec, dtype, "uint8 or uint16");
  return (data, width, height) =>
    encodePng({ width, height, channels: 1, data: data as Uint8Array | Uint16Array });
}

async function tiffEncoder(spec: string, { dtype }: NewVolume): Promise<Encoder> {
  const { encodeTiff, isTiffType } = await import("../formats/tiff.ts");
  if (!isTiffType(dtype)) throw unsupported(spec, dtype, "integers of up to 32 bits or float32");
  return (data, width, height) => encodeTiff({ width, height, dtype, data });
}

function unsupported(spec: string, dtype: DType, wanted: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot write "${spec}": its pixels must be ${wanted}, current type is ${dtype}; ` +
      `convert with --dtype`,
  );
}
