import type { Zyx } from "../../geometry/vectors.ts";
import type { SeedPolicy, SeedPolicyContext, SeedPolicyState } from "./policy.ts";

/** Makes the whole list of seeds, `[n, 3]` zyx in the order they are to be tried, margin not yet applied. */
export type CoordinateSource = (context: SeedPolicyContext) => Int32Array | Promise<Int32Array>;

/** The seed policy over a list of coordinates: every policy is one of these. */
export class CoordinatePolicy implements SeedPolicy {
  readonly #context: SeedPolicyContext;
  readonly #source: CoordinateSource;
  #coords: Int32Array | null = null;
  #index = 0;

  constructor(source: CoordinateSource, context: SeedPolicyContext) {
    this.#source = source;
    this.#context = context;
  }

  get total(): number | undefined {
    return this.#coords === null ? undefined : this.#coords.length / 3;
  }

  async next(): Promise<Zyx | null> {
    this.#coords ??= insideMargin(await this.#source(this.#context), this.#context).coords;
    const at = 3 * this.#index;
    if (at >= this.#coords.length) return null;
    this.#index++;
    return [this.#coords[at], this.#coords[at + 1], this.#coords[at + 2]];
  }

  state(): SeedPolicyState {
    return { coords: this.#coords ?? new Int32Array(0), index: this.#index };
  }

  restore({ coords, index }: SeedPolicyState): void {
    const rows = coords.length / 3;
    if (!Number.isInteger(rows) || !Number.isInteger(index) || index < 0 || index > rows) {
      throw new RangeError(
        `Cannot restore seeds: the index must be in 0 … number of coordinate triples, current ${index} of ${rows}`,
      );
    }
    const inside = insideMargin(coords, this.#context, index);
    this.#coords = rows > 0 ? inside.coords : null;
    this.#index = inside.index;
  }
}

/**
 * The rows of `coords` (`[n, 3]` zyx) whose field of view lies in the canvas, and which of them `index` counts as read.
 */
export function insideMargin(
  coords: Int32Array,
  { size, margin }: Pick<SeedPolicyContext, "size" | "margin">,
  index = 0,
): SeedPolicyState {
  const kept = new Int32Array(coords.length);
  let length = 0;
  let read = 0;
  for (let at = 0; at < coords.length; at += 3) {
    let inside = true;
    for (let axis = 0; axis < 3; axis++) {
      const c = coords[at + axis];
      inside &&= c - margin[axis] >= 0 && c + margin[axis] < size[axis];
    }
    if (!inside) continue;
    if (at < 3 * index) read++;
    kept[length] = coords[at];
    kept[length + 1] = coords[at + 1];
    kept[length + 2] = coords[at + 2];
    length += 3;
  }
  return { coords: kept.slice(0, length), index: read };
}

/** `[n, 3]` zyx of C-order indices into a volume of `size`. */
export function coordinatesOf(indices: ArrayLike<number>, size: Zyx): Int32Array {
  const [, height, width] = size;
  const coords = new Int32Array(3 * indices.length);
  for (let i = 0; i < indices.length; i++) {
    const row = Math.floor(indices[i] / width);
    coords[3 * i] = Math.floor(row / height);
    coords[3 * i + 1] = row % height;
    coords[3 * i + 2] = indices[i] % width;
  }
  return coords;
}
