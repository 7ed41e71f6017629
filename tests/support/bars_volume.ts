/** The small volumes of `spec/inference.md` V11 and V12, with three bars and a defect, and the network they are run with. */
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import type { FovModel } from "../../engine/inference/canvas.ts";
import type { SeedPolicy, SeedPolicyState } from "../../engine/inference/seed_policies/policy.ts";

/** Size zyx of both volumes. */
export const BARS_SIZE: Zyx = [20, 20, 24];

/** `[z, y, x]` half-open boxes: bars A and B, and the small C. */
const BARS: readonly (readonly [number, number])[][] = [
  [[4, 9], [4, 9], [3, 21]],
  [[11, 16], [5, 16], [6, 11]],
  [[4, 7], [13, 15], [13, 15]],
];

/** Fills a `[z, y, x]` array of `BARS_SIZE` from a function of the position. */
function fill<T extends Float32Array | Uint8Array>(out: T, at: (p: Zyx) => number): T {
  let i = 0;
  for (let z = 0; z < BARS_SIZE[0]; z++) {
    for (let y = 0; y < BARS_SIZE[1]; y++) {
      for (let x = 0; x < BARS_SIZE[2]; x++) out[i++] = at([z, y, x]);
    }
  }
  return out;
}

function inside(p: Zyx, box: readonly (readonly [number, number])[]): boolean {
  return box.every(([from, end], axis) => p[axis] >= from && p[axis] < end);
}

const texture = ([z, y, x]: Zyx) => (7 * z + 5 * y + 3 * x) % 16;

/** V11: normalised float32. */
export function barsImage(): Float32Array {
  return fill(new Float32Array(volumeOf(BARS_SIZE)), (p) => {
    if (inside(p, [[9, 10], [4, 9], [3, 21]])) return -0.2;
    return BARS.some((bar) => inside(p, bar)) ? 1 + texture(p) / 64 : -1;
  });
}

/** V12: raw uint8. */
export function barsRaw(): Uint8Array {
  return fill(new Uint8Array(volumeOf(BARS_SIZE)), (p) => {
    if (inside(p, [[9, 11], [5, 8], [7, 10]])) return 136;
    return BARS.some((bar) => inside(p, bar)) ? 160 + texture(p) : 96;
  });
}

/** A model of one field of view, given as zyx sizes. */
export function modelOf(fovSize: Zyx, deltas: Zyx, predSize: Zyx = fovSize): FovModel {
  return { name: "stand-in", imageSize: fovSize, seedSize: fovSize, predSize, deltas };
}

/** Network of the vectors: `f32(f32(0.5 seed) + f32(gain image))`, gain 5 in the vectors, over the centre of the field of view. Takes any batch. */
export class StandInNetwork {
  readonly model: FovModel;
  readonly batchSize: number;
  /** Fields of view predicted. */
  predictions = 0;
  readonly #gain: number;

  constructor(
    fovSize: Zyx = [5, 5, 5],
    deltas: Zyx = [2, 2, 2],
    predSize: Zyx = fovSize,
    batchSize = 1,
    gain = 5,
  ) {
    this.#gain = gain;
    this.model = modelOf(fovSize, deltas, predSize);
    this.batchSize = batchSize;
  }

  predict(image: Float32Array, seed: Float32Array, logits: Float32Array): Promise<void> {
    const { seedSize, predSize } = this.model;
    const shift = seedSize.map((n, axis) => Math.floor((n - predSize[axis]) / 2));
    const count = image.length / volumeOf(seedSize);
    let to = 0;
    for (let n = 0; n < count; n++) {
      for (let z = 0; z < predSize[0]; z++) {
        for (let y = 0; y < predSize[1]; y++) {
          for (let x = 0; x < predSize[2]; x++) {
            const from = ((n * seedSize[0] + z + shift[0]) * seedSize[1] + y + shift[1]) *
                seedSize[2] + x + shift[2];
            logits[to++] = Math.fround(0.5 * seed[from]) + Math.fround(this.#gain * image[from]);
          }
        }
      }
    }
    this.predictions += count;
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** Yields given seeds, without those closer than `margin` to a face of `size`. */
export class ListedSeeds implements SeedPolicy {
  #coords: Int32Array;
  #index = 0;

  constructor(seeds: readonly Zyx[], size: Zyx, margin: Zyx) {
    const kept = seeds.filter((p) =>
      p.every((v, axis) => v >= margin[axis] && v + margin[axis] < size[axis])
    );
    this.#coords = Int32Array.from(kept.flat());
  }

  get total(): number {
    return this.#coords.length / 3;
  }

  next(): Promise<Zyx | null> {
    const at = 3 * this.#index;
    if (at >= this.#coords.length) return Promise.resolve(null);
    this.#index++;
    return Promise.resolve([this.#coords[at], this.#coords[at + 1], this.#coords[at + 2]]);
  }

  state(): SeedPolicyState {
    return { coords: this.#coords, index: this.#index };
  }

  restore(state: SeedPolicyState): void {
    this.#coords = state.coords;
    this.#index = state.index;
  }
}
