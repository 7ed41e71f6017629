import { mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";

/** Numbers in [0, 1) that are equal on every machine: a 32-bit counter through integer mixing. */
export class RandomStream {
  #state: number;
  constructor(seed: number, stream: number) {
    this.#state = mix(seed, stream);
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return (mix(this.#state, 0x2545f491) >>> 0) / 2 ** 32;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform direction of length 1. */
  direction(): Zyx {
    for (;;) {
      const v: Zyx = [this.between(-1, 1), this.between(-1, 1), this.between(-1, 1)];
      const length = norm(v);
      if (length > 0.1 && length <= 1) return scale(v, 1 / length);
    }
  }
}

/** Mixes two 32-bit integers into one. */
export function mix(a: number, b: number): number {
  let h = a ^ Math.imul(b, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** One process: a smooth curve through the volume. */
export interface Neurite {
  /** Points zyx in voxels, `STEP` apart, in order; the ends lie outside the volume or at another process. */
  readonly points: readonly Zyx[];
  /** How much wider than average, in voxels of radius. */
  readonly extraRadius: number;
}

/** Distance of consecutive points of a curve, in voxels. */
export const STEP = 1.5;
/** No start is closer than this to an older curve, in voxels. */
const CLEARANCE = 13;
/** Curves are pushed apart where they come closer than this, in voxels. */
const REPULSION_RANGE = 21;
/** A curve ends before it comes closer than this to another or to itself, in voxels. */
const CLOSEST = 7;
/** The last points of a curve, 30 voxels of it, do not push its tip. */
const OWN_TIP = 20;
/** How far outside the volume a curve goes on before it ends, in voxels. */
const MARGIN = 9;

/**
 * Curves that fill a volume evenly: each starts where most room is left and winds both ways, pushed off older ones,
 * until it leaves the volume.
 */
export function growNeurites(size: Zyx, random: RandomStream): Neurite[] {
  const neurites: Neurite[] = [];
  const taken: Zyx[] = [];
  // Enough candidates that a gap of the size of a process is hit with near certainty.
  const candidates = Math.max(64, Math.ceil(volumeOf(size) / 2000));
  for (;;) {
    let start: Zyx = [0, 0, 0], room = -1;
    for (let i = 0; i < candidates; i++) {
      const point = mapZyx((n) => random.next() * n, size);
      const distance = nearest(point, taken);
      if (distance > room) [start, room] = [point, distance];
    }
    if (room < CLEARANCE) return neurites;
    const direction = random.direction();
    const forth = wind([start], direction, taken, size, random);
    const points = wind(forth.reverse(), scale(direction, -1), taken, size, random);
    neurites.push({ points, extraRadius: random.between(0, 3) });
    for (const point of points) taken.push(point);
  }
}

/** Extends a curve from its last point until it has left the volume or meets another or itself. */
function wind(
  begun: readonly Zyx[],
  direction: Zyx,
  taken: readonly Zyx[],
  size: Zyx,
  random: RandomStream,
): Zyx[] {
  const points = [...begun];
  let [heading, bend] = [direction, random.direction()];
  for (;;) {
    const tip = points[points.length - 1];
    const others = [...taken, ...points.slice(0, -OWN_TIP)];
    bend = unit(add(bend, scale(random.direction(), 0.5)));
    heading = unit(add(add(heading, scale(bend, 0.11)), scale(push(tip, others), 1.6)));
    const next = add(tip, scale(heading, STEP));
    if (nearest(next, others) < CLOSEST) return points;
    points.push(next);
    if (next.some((v, axis) => v < -MARGIN || v > size[axis] + MARGIN)) return points;
  }
}

/** Sum of the pushes of older points, each falling to 0 at the range. */
function push(point: Zyx, taken: readonly Zyx[]): Zyx {
  let [z, y, x] = [0, 0, 0];
  for (const other of taken) {
    const [dz, dy, dx] = [point[0] - other[0], point[1] - other[1], point[2] - other[2]];
    const squared = dz * dz + dy * dy + dx * dx;
    if (squared >= REPULSION_RANGE * REPULSION_RANGE || squared === 0) continue;
    const distance = Math.sqrt(squared);
    const strength = (1 / distance - 1 / REPULSION_RANGE) / distance;
    z += dz * strength;
    y += dy * strength;
    x += dx * strength;
  }
  return [z, y, x];
}

function nearest(point: Zyx, others: readonly Zyx[]): number {
  let best = Infinity;
  for (const other of others) {
    const [dz, dy, dx] = [point[0] - other[0], point[1] - other[1], point[2] - other[2]];
    best = Math.min(best, dz * dz + dy * dy + dx * dx);
  }
  return Math.sqrt(best);
}

function add(a: Zyx, b: Zyx): Zyx {
  return mapZyx((u, v) => u + v, a, b);
}

function scale(a: Zyx, by: number): Zyx {
  return mapZyx((v) => v * by, a);
}

function norm(a: Zyx): number {
  return Math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
}

function unit(a: Zyx): Zyx {
  return scale(a, 1 / Math.max(norm(a), 1e-6));
}
