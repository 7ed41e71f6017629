import { type Box, endOf, intersect } from "./box.ts";
import { addZyx, mapZyx, subZyx, type Zyx } from "./vectors.ts";

/** How a box is tiled. */
export interface TilingOptions {
  /** Size of the tiles; an axis that is null is not cut. */
  readonly size: readonly [z: number | null, y: number | null, x: number | null];
  /** Voxels that neighbours share on each axis. */
  readonly overlap: Zyx;
  /** Also yields tiles at the far side that are not larger than the overlap. */
  readonly includeSmall?: boolean;
  /** Shifts tiles at the far side back to their full size instead of cutting them. */
  readonly backShift?: boolean;
}

/**
 * Overlapping tiles of a box, numbered with the last axis (x) fastest. The tiles at the far side are cut to the box; those
 * that would lie in the overlap of their neighbour are left out.
 */
export class SubBoxes {
  readonly outer: Box;
  /** Tiles along each axis. */
  readonly counts: Zyx;
  readonly #size: Zyx;
  readonly #stride: Zyx;
  readonly #backShift: boolean;

  /** @throws {RangeError} when a tile is not larger than the overlap. */
  constructor(
    outer: Box,
    { size, overlap, includeSmall = false, backShift = false }: TilingOptions,
  ) {
    this.outer = outer;
    this.#backShift = backShift;
    this.#size = mapZyx((whole, _, axis) => size[axis] ?? whole, outer.size);
    this.#stride = subZyx(this.#size, overlap);
    if (!this.#stride.every((n) => n > 0)) {
      throw new RangeError(
        `Cannot tile a box with overlap zyx (${
          overlap.join(", ")
        }): it must be smaller than the tiles, ` +
          `current size is (${this.#size.join(", ")})`,
      );
    }
    const covered = includeSmall ? outer.size : subZyx(outer.size, overlap);
    this.counts = mapZyx((n, stride) => Math.max(0, Math.ceil(n / stride)), covered, this.#stride);
  }

  /** Number of tiles. */
  get count(): number {
    return this.counts[0] * this.counts[1] * this.counts[2];
  }

  /** Tile of a number. */
  at(index: number): Box {
    const full = {
      start: addZyx(this.outer.start, mapZyx((i, n) => i * n, this.coordsOf(index), this.#stride)),
      size: this.#size,
    };
    if (!this.#backShift) return intersect(full, this.outer)!;
    const beyond = mapZyx((a, b) => Math.max(a - b, 0), endOf(full), endOf(this.outer));
    return { start: subZyx(full.start, beyond), size: full.size };
  }

  /** Position of a tile on each axis, counted in tiles. */
  coordsOf(index: number): Zyx {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(
        `Cannot take tile ${index}: the box has ${this.count} tiles, numbered from 0`,
      );
    }
    const [, height, width] = this.counts;
    return [
      Math.floor(index / (width * height)),
      Math.floor(index / width) % height,
      index % width,
    ];
  }

  /** Number of the tile that lies `offset` tiles from another one, or null where there is none. */
  neighbour(index: number, offset: Zyx): number | null {
    const coords = addZyx(this.coordsOf(index), offset);
    if (!coords.every((n, axis) => n >= 0 && n < this.counts[axis])) return null;
    return (coords[0] * this.counts[1] + coords[1]) * this.counts[2] + coords[2];
  }

  /** Whether a tile is the first, and whether it is the last, on each axis. */
  bordersOf(index: number): { first: boolean[]; last: boolean[] } {
    const coords = this.coordsOf(index);
    return {
      first: coords.map((n) => n === 0),
      last: coords.map((n, axis) => n === this.counts[axis] - 1),
    };
  }

  /** All tiles in the order of their numbers. */
  *[Symbol.iterator](): Generator<Box> {
    for (let index = 0; index < this.count; index++) yield this.at(index);
  }
}

/** Numbers that worker `rank` of `workers` takes: every `workers`-th, from `rank` on. */
export function shareOf(count: number, rank: number, workers: number): number[] {
  if (!Number.isInteger(workers) || !Number.isInteger(rank) || rank < 0 || rank >= workers) {
    throw new RangeError(
      `Cannot divide work: rank must go from 0 to workers - 1, current rank ${rank} of ${workers}`,
    );
  }
  const share: number[] = [];
  for (let index = rank; index < count; index += workers) share.push(index);
  return share;
}
