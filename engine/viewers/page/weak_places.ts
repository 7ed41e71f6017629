import { type Box, endOf } from "../../geometry/box.ts";
import type { Zyx } from "../../geometry/vectors.ts";
import { expit32 } from "../../inference/logit.ts";

/** A place of an object that somebody should look at. */
export interface WeakPlace {
  readonly position: Zyx;
  /** What is doubtful there. */
  readonly reason: string;
  /** The object goes on beyond its canvas there. */
  readonly isExit?: boolean;
}

/** What an object is judged by; positions and arrays are those of its canvas. */
export interface JudgedObject {
  readonly size: Zyx;
  /** Object map `[z, y, x]` in logits; NaN where never predicted. */
  readonly seed: Float32Array;
  /** Labels `[z, y, x]` of the other objects. */
  readonly segmentation: Int32Array;
  /** Holds the object. */
  readonly box: Box;
  /** Logit from which a voxel belongs to it. */
  readonly threshold: number;
  /** Centres of its fields of view. */
  readonly path: readonly Zyx[];
}

/** Moves with less than this probability at their end are listed; networks are trained towards 0.95 at most. */
const SURE = 0.9;
const MOST_MOVES = 10;

/** The moves with the lowest margin, then the other objects that it touches, the largest contact first. */
export function weakPlaces(object: JudgedObject): WeakPlace[] {
  return [...weakMoves(object), ...contacts(object)];
}

function weakMoves({ size, seed, path }: JudgedObject): WeakPlace[] {
  const [, height, width] = size;
  return path
    .map((position) => {
      const [z, y, x] = position;
      return { position, prob: expit32(seed[(z * height + y) * width + x]) };
    })
    .filter(({ prob }) => prob < SURE)
    .sort((a, b) => a.prob - b.prob)
    .slice(0, MOST_MOVES)
    .map(({ position, prob }) => ({
      position,
      reason: `only ${(100 * prob).toFixed(0)} % sure at the centre of a field of view`,
    }));
}

/** One place for each other object: the contact nearest to the middle of all contacts with it. */
function contacts({ size, seed, segmentation, box, threshold }: JudgedObject): WeakPlace[] {
  const [depth, height, width] = size;
  const found = new Map<number, Zyx[]>();
  const end = endOf(box);
  const look = (z: number, y: number, x: number, from: Zyx) => {
    if (z < 0 || y < 0 || x < 0 || z >= depth || y >= height || x >= width) return;
    const label = segmentation[(z * height + y) * width + x];
    if (label <= 0) return;
    if (!found.has(label)) found.set(label, []);
    found.get(label)!.push(from);
  };
  for (let z = box.start[0]; z < end[0]; z++) {
    for (let y = box.start[1]; y < end[1]; y++) {
      for (let x = box.start[2]; x < end[2]; x++) {
        const i = (z * height + y) * width + x;
        if (!(seed[i] >= threshold) || segmentation[i] > 0) continue;
        const here: Zyx = [z, y, x];
        look(z - 1, y, x, here);
        look(z + 1, y, x, here);
        look(z, y - 1, x, here);
        look(z, y + 1, x, here);
        look(z, y, x - 1, here);
        look(z, y, x + 1, here);
      }
    }
  }
  return [...found]
    .sort((a, b) => b[1].length - a[1].length)
    .map(([label, places]) => ({
      position: nearestToMean(places),
      reason: `it touches object ${label} at ${places.length} face${
        places.length === 1 ? "" : "s"
      }`,
    }));
}

/** The one of these positions that lies nearest to the middle of all. */
export function nearestToMean(places: readonly Zyx[]): Zyx {
  const mean = [0, 1, 2].map((axis) => places.reduce((sum, p) => sum + p[axis], 0) / places.length);
  const distance = (p: Zyx) => Math.hypot(...p.map((v, axis) => v - mean[axis]));
  return places.reduce((best, p) => distance(p) < distance(best) ? p : best);
}
