import { setTimeout } from "node:timers/promises";
import type { TypedArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { SubBoxes } from "../geometry/sub_boxes.ts";
import { addZyx, mapZyx, type Zyx } from "../geometry/vectors.ts";
import type { Volume } from "../volumes/volume.ts";
import { assertLabels } from "../segmentation/distinct_labels.ts";

/** Edge of the boxes that are searched one at a time. */
const BUCKET = 64;

/** Two objects that come close to each other, and where. */
export interface CandidatePair {
  /** The smaller id. */
  readonly idA: bigint;
  readonly idB: bigint;
  /** Between the two voxels that are nearest, in the volume. */
  readonly position: Zyx;
  /** Distance of these voxels' centres, in voxels. */
  readonly distance: number;
}

/** What a search found. */
export interface CandidatePairs {
  /** Ordered by ids. */
  readonly pairs: readonly CandidatePair[];
  /** Distinct objects seen. */
  readonly objects: number;
}

/**
 * Finds pairs of objects in a box whose nearest voxels are less than `maxDistance` apart. Adjacent objects are 1 apart; a
 * gap of one voxel makes 2, which the reference's default of 2.0 leaves out.
 */
export async function findPairs(
  labels: Volume,
  box: Box,
  maxDistance: number,
  { signal, onBucket }: { signal?: AbortSignal; onBucket?(done: number, all: number): void } = {},
): Promise<CandidatePairs> {
  if (!(maxDistance > 0) || !Number.isFinite(maxDistance) || Math.ceil(2 * maxDistance) >= BUCKET) {
    throw new RangeError(
      `Cannot find pairs up to distance ${maxDistance}: it must be above 0 and below ${BUCKET / 2}`,
    );
  }
  const overlap = Math.ceil(2 * maxDistance);
  const buckets = new SubBoxes(box, {
    size: [BUCKET, BUCKET, BUCKET],
    overlap: [overlap, overlap, overlap],
    includeSmall: true,
  });
  const found = new Map<string, CandidatePair>();
  const objects = new Set<bigint>();
  for (let i = 0; i < buckets.count; i++) {
    signal?.throwIfAborted();
    const bucket = buckets.at(i);
    const search = new BucketSearch(await labels.read(bucket), bucket.size, maxDistance);
    for (const id of search.ids) objects.add(id);
    for (const pair of search.pairs()) {
      const key = `${pair.idA},${pair.idB}`;
      const known = found.get(key);
      // Of equal distances the first bucket's counts, so that the result does not depend on timing.
      if (known !== undefined && known.distance <= pair.distance) continue;
      found.set(key, { ...pair, position: addZyx(pair.position, bucket.start) });
    }
    onBucket?.(i + 1, buckets.count);
    await setTimeout(0);
  }
  const pairs = [...found.values()].sort((p, q) =>
    p.idA === q.idA ? (p.idB < q.idB ? -1 : 1) : p.idA < q.idA ? -1 : 1
  );
  return { pairs, objects: objects.size };
}

/** Nearest pair of shell voxels of two objects, as indices. */
interface Nearest {
  squared: number;
  p: number;
  q: number;
}

/** The objects of one box, by their shells: voxels with a face neighbour of another label. */
class BucketSearch {
  /** Non-zero labels, ascending. */
  readonly ids: readonly bigint[];
  readonly #size: Zyx;
  readonly #max: number;
  /** Rank of its object, from 1, for every shell voxel `[z, y, x]`; 0 elsewhere. */
  readonly #shell: Uint32Array;

  constructor(labels: TypedArray, size: Zyx, maxDistance: number) {
    assertLabels("find pairs of objects", labels);
    this.#size = size;
    this.#max = maxDistance;
    this.ids = [...new Set<bigint | number>(labels)].filter((id) => id != 0).map(BigInt)
      .sort((a, b) => (a < b ? -1 : 1));
    const isWide = labels instanceof BigUint64Array || labels instanceof BigInt64Array;
    const ranks = new Map<bigint | number, number>(
      this.ids.map((id, i) => [isWide ? id : Number(id), i + 1]),
    );
    this.#shell = new Uint32Array(labels.length);
    const [depth, height, width] = size;
    for (let z = 0, i = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, i++) {
          const label = labels[i];
          const isShell = label != 0 &&
            ((x > 0 && labels[i - 1] !== label) || (x + 1 < width && labels[i + 1] !== label) ||
              (y > 0 && labels[i - width] !== label) ||
              (y + 1 < height && labels[i + width] !== label) ||
              (z > 0 && labels[i - width * height] !== label) ||
              (z + 1 < depth && labels[i + width * height] !== label));
          if (isShell) this.#shell[i] = ranks.get(label)!;
        }
      }
    }
  }

  /**
   * Every pair closer than the limit, once. Of several nearest voxels the first in C order of the object with the smaller
   * id counts, then the first of the other one.
   */
  *pairs(): Generator<CandidatePair> {
    const count = this.ids.length;
    const nearest = new Map<number, Nearest>();
    const around = offsetsWithin(this.#max, this.#size);
    const [depth, height, width] = this.#size;
    for (let z = 0, p = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, p++) {
          const a = this.#shell[p];
          if (a === 0) continue;
          for (const { dz, dy, dx, squared } of around) {
            const [qz, qy, qx] = [z + dz, y + dy, x + dx];
            if (qz < 0 || qy < 0 || qx < 0 || qz >= depth || qy >= height || qx >= width) continue;
            const q = (qz * height + qy) * width + qx;
            const b = this.#shell[q];
            if (b <= a) continue;
            const key = a * (count + 1) + b;
            const known = nearest.get(key);
            if (known === undefined) nearest.set(key, { squared, p, q });
            else if (
              squared < known.squared || (squared === known.squared && p === known.p && q < known.q)
            ) Object.assign(known, { squared, p, q });
          }
        }
      }
    }
    for (const [key, { squared, p, q }] of nearest) {
      const a = Math.floor(key / (count + 1));
      yield {
        idA: this.ids[a - 1],
        idB: this.ids[key % (count + 1) - 1],
        position: mapZyx((u, v) => halfToEven(u + v), this.#at(p), this.#at(q)),
        distance: Math.sqrt(squared),
      };
    }
  }

  #at(i: number): Zyx {
    const [, height, width] = this.#size;
    return [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
  }
}

/** Steps shorter than `max`, nearest first. */
function offsetsWithin(max: number, size: Zyx) {
  const reach = mapZyx((n) => Math.min(Math.ceil(max), n - 1), size);
  const found: { dz: number; dy: number; dx: number; squared: number }[] = [];
  for (let dz = -reach[0]; dz <= reach[0]; dz++) {
    for (let dy = -reach[1]; dy <= reach[1]; dy++) {
      for (let dx = -reach[2]; dx <= reach[2]; dx++) {
        const squared = dz * dz + dy * dy + dx * dx;
        if (squared > 0 && Math.sqrt(squared) < max) found.push({ dz, dy, dx, squared });
      }
    }
  }
  return found.sort((s, t) => s.squared - t.squared);
}

/** Half of an integer, ties to the even neighbour. */
function halfToEven(sum: number): number {
  return sum % 2 === 0 ? sum / 2 : 2 * Math.round(sum / 4);
}
