/** Where fields of view may be centred: masks, and sections that are shifted too far against each other. */
import type { TypedArray } from "../formats/nd_array.ts";
import { alignAndCrop } from "../geometry/alignment.ts";
import { type Box, endOf, intersect } from "../geometry/box.ts";
import { addZyx, mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { channelCount, type Volume, wholeBox } from "../volumes/volume.ts";
import type { PositionRestrictor } from "./canvas.ts";

/** The shift of each section against its neighbour, at a lower resolution. */
export interface ShiftMask {
  /** Shift in x and in y, each `[z, y, x]` of `size`. */
  readonly shifts: readonly TypedArray[];
  readonly size: Zyx;
  /** Voxels of the canvas per voxel of the mask along y and x. */
  readonly scale: number;
  /** From this absolute shift on a voxel is bad. */
  readonly threshold: number;
  /** Voxels around a position that must not be bad; its start is usually negative. */
  readonly fov: Box;
}

/** What restricts a canvas; everything may be absent. */
export interface Restrictions {
  /** `[z, y, x]`, nonzero where no field of view may be centred. */
  readonly mask?: Uint8Array | null;
  /** `[z, y, x]`, nonzero where no object may start. */
  readonly seedMask?: Uint8Array | null;
  readonly shiftMask?: ShiftMask | null;
}

/** Answers for each position of a canvas whether a field of view, or an object, may be centred there. */
export class MovementRestrictor implements PositionRestrictor {
  readonly mask: Uint8Array | null;
  readonly seedMask: Uint8Array | null;
  readonly #size: Zyx;
  readonly #shiftMask: ShiftMask | null;
  /** `[z, y, x]` of the shift mask: 1 where the shift is too large. */
  readonly #bad: Uint8Array;

  /** @param size Shape of the canvas. */
  constructor(size: Zyx, { mask = null, seedMask = null, shiftMask = null }: Restrictions) {
    this.mask = mask;
    this.seedMask = seedMask;
    this.#size = size;
    this.#shiftMask = shiftMask;
    this.#bad = shiftMask === null ? new Uint8Array(0) : badVoxels(shiftMask);
  }

  /** No position is left at all, so that there is nothing to segment. */
  get excludesEverything(): boolean {
    const isFull = (mask: Uint8Array | null) => mask !== null && mask.every((m) => m !== 0);
    return isFull(this.mask) || isFull(this.seedMask);
  }

  /** Whether fields of view may not be centred just anywhere. */
  get isRestricted(): boolean {
    return this.mask !== null || this.#shiftMask !== null;
  }

  isValidPosition(position: Zyx): boolean {
    if (this.mask !== null && this.mask[this.#indexOf(position)] !== 0) return false;
    return this.#shiftMask === null || !this.#isShifted(position, this.#shiftMask);
  }

  isValidSeed(position: Zyx): boolean {
    return this.seedMask === null || this.seedMask[this.#indexOf(position)] === 0;
  }

  #indexOf([z, y, x]: Zyx): number {
    return (z * this.#size[1] + y) * this.#size[2] + x;
  }

  /** Whether any voxel around a position is bad. The mask is not downsampled along z. */
  #isShifted(position: Zyx, { size, scale, fov }: ShiftMask): boolean {
    const scales: Zyx = [1, scale, scale];
    const coarse = (v: number, s: number) => Math.floor(v / s);
    const from = mapZyx(coarse, mapZyx((v) => Math.max(v, 0), addZyx(position, fov.start)), scales);
    const last = mapZyx((v) => v - 1, addZyx(position, endOf(fov)));
    const to = mapZyx((v, s, axis) => Math.min(coarse(v, s), size[axis] - 1), last, scales);
    for (let z = from[0]; z <= to[0]; z++) {
      for (let y = from[1]; y <= to[1]; y++) {
        const row = (z * size[1] + y) * size[2];
        for (let x = from[2]; x <= to[2]; x++) if (this.#bad[row + x] !== 0) return true;
      }
    }
    return false;
  }
}

function badVoxels({ shifts, size, threshold }: ShiftMask): Uint8Array {
  const bad = new Uint8Array(volumeOf(size));
  for (const shift of shifts) {
    for (let i = 0; i < bad.length; i++) {
      const value = shift[i];
      if ((value < 0 ? -value : value) >= threshold) bad[i] = 1;
    }
  }
  return bad;
}

/**
 * Reads the part of a shift volume that belongs to a subvolume; what lies outside counts as not shifted.
 *
 * @param volume At least two channels: shift in x and in y.
 * @param box The subvolume, at full resolution.
 * @throws {RangeError} when the volume has no two channels, or the scale is below 1.
 */
export async function readShiftMask(
  volume: Volume,
  box: Box,
  { scale, threshold, fov }: Pick<ShiftMask, "scale" | "threshold" | "fov">,
): Promise<ShiftMask> {
  if (volume.shape.length !== 4 || channelCount(volume) < 2) {
    throw new RangeError(
      `Cannot use "${volume.spec}" as a shift mask: it must have the shape (2 or more channels, z, y, x), ` +
        `current shape is [${volume.shape.join(", ")}]`,
    );
  }
  if (!Number.isInteger(scale) || scale < 1) {
    throw new RangeError(`Cannot use a shift mask: its scale must be 1 or more, current ${scale}`);
  }
  const scales: Zyx = [1, scale, scale];
  const coarse: Box = {
    start: mapZyx((v, s) => Math.floor(v / s), box.start, scales),
    size: mapZyx((v, s) => Math.ceil(v / s), box.size, scales),
  };
  const part = intersect(coarse, wholeBox(volume));
  const shifts: TypedArray[] = [];
  for (const channel of [0, 1]) {
    if (part === null) shifts.push(new Uint8Array(volumeOf(coarse.size)));
    else shifts.push(alignAndCrop(await volume.read(part, channel) as Int32Array, part, coarse));
  }
  return { shifts, size: coarse.size, scale, threshold, fov };
}

/** The box that is tested around a position where a request does not say: the model's image, centred. */
export function defaultShiftFov(imageSize: Zyx): Box {
  return { start: mapZyx((n) => -Math.floor(n / 2), imageSize), size: imageSize };
}
