import { FormatError } from "../../errors/errors.ts";
import type { DType } from "../../formats/nd_array.ts";
import { mapZyx, volumeOf, type Zyx } from "../../geometry/vectors.ts";
import { spatialSize, type Volume } from "../../volumes/volume.ts";
import { drawOrientation, oriented } from "../augmentation.ts";
import type { Random } from "../random.ts";

/** How values of a volume become those that the networks see, in [-1, 1]. */
export interface DomainScale {
  readonly factor: number;
  readonly shift: number;
  /** Values beyond ± this are no image in -1 to 1. */
  readonly limit: number;
}

/** Of 0 to 255. */
export const BYTE_SCALE: DomainScale = { factor: 1 / 127.5, shift: -1, limit: Number.MAX_VALUE };

/** Twice the range: interpolation may leave it by a little, other units by much. */
const SCALED_LIMIT = 2;

const AXES = [0, 1, 2];

/**
 * The scale of a volume that is used as the reference's transfer program does it: bytes by x / 127.5 - 1, and floating values
 * as they are. Other integers have no scale of their own.
 */
export function domainScale(spec: string, dtype: DType): DomainScale {
  if (dtype.startsWith("float")) return { factor: 1, shift: 0, limit: SCALED_LIMIT };
  if (dtype === "uint8") return BYTE_SCALE;
  throw new FormatError(
    `Cannot scale "${spec}" to -1 to 1: it must be uint8 or float, current type is ${dtype}; convert it with ffn convert --dtype float32 after scaling`,
    { path: spec },
  );
}

/** Random cubes of the volumes of one domain, in all 48 orientations. */
export class DomainSampler {
  readonly #volumes: readonly Volume[];
  readonly #scales: readonly DomainScale[];
  readonly #windows: readonly Zyx[];
  readonly #edge: number;
  readonly #random: Random;

  /**
   * @param volumes Read at random places: they lie in memory, or are quick to read.
   * @param edge Of a cube.
   * @throws {RangeError} when an edge of a volume is shorter.
   */
  constructor(
    volumes: readonly Volume[],
    edge: number,
    random: Random,
    scaleOf: (spec: string, dtype: DType) => DomainScale = domainScale,
  ) {
    this.#volumes = volumes;
    this.#scales = volumes.map(({ spec, dtype }) => scaleOf(spec, dtype));
    this.#windows = volumes.map((volume) => windowsOf(volume, edge));
    this.#edge = edge;
    this.#random = random;
  }

  /** The next cubes, `[batch, z, y, x, 1]`. Each comes from a volume drawn by its number of windows. */
  async next(batch: number): Promise<Float32Array> {
    const voxels = this.#edge ** 3;
    const result = new Float32Array(batch * voxels);
    for (let i = 0; i < batch; i++) result.set(await this.#cube(), i * voxels);
    return result;
  }

  async #cube(): Promise<Float32Array> {
    const counts = this.#windows.map(volumeOf);
    let left = this.#random.below(counts.reduce((a, b) => a + b, 0));
    const index = counts.findIndex((count) => (left -= count) < 0);
    const start = mapZyx((n) => this.#random.below(n), this.#windows[index]);
    const size: Zyx = [this.#edge, this.#edge, this.#edge];
    const orientation = drawOrientation(AXES, AXES, this.#random);
    const volume = this.#volumes[index];
    const scale = this.#scales[index];
    const values = scaled(await volume.read({ start, size }), volume.dtype, scale);
    const bad = values.find((value) => !(Math.abs(value) <= scale.limit));
    if (bad !== undefined) {
      throw new FormatError(
        `Cannot train on "${volume.spec}": floating values must lie in -1 to 1, the box at zyx ${start} holds ${bad}; scale them, or add --volume_scale bytes for 0 to 255`,
        { path: volume.spec },
      );
    }
    return oriented(values, size, orientation);
  }
}

/** Values of a volume as float32, scaled. */
export function scaled(
  data: ArrayLike<number | bigint>,
  dtype: DType,
  { factor, shift }: Pick<DomainScale, "factor" | "shift">,
): Float32Array {
  const halves = dtype === "float16" &&
    new Float16Array((data as Uint16Array).buffer as ArrayBuffer);
  const source = halves || data;
  return Float32Array.from({ length: source.length }, (_, i) => Number(source[i]) * factor + shift);
}

/** Places per axis where a cube may begin. */
function windowsOf(volume: Volume, edge: number): Zyx {
  const size = spatialSize(volume);
  const axis = size.findIndex((n) => n < edge);
  if (axis < 0) return mapZyx((n) => n - edge + 1, size);
  throw new RangeError(
    `Cannot train on "${volume.spec}": each axis must have ${edge} voxels or more (ffn_fov_size + 8 generator_depth), current ${
      "zyx"[axis]
    } is ${size[axis]}`,
  );
}
