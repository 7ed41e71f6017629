/** Sizes of what a training example holds, and crops of it. Offsets are zyx, relative to the centre, index n // 2 of each axis. */
import { addZyx, floorDivZyx, mapZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { Model } from "../models/model.ts";
import type { Random } from "./random.ts";

/** How the field of view moves over an example. */
export const FOV_POLICIES = [
  "fixed",
  "max_pred_moves",
  "fixed_offsets",
  "fixed_offsets_window",
  "max_pred_offsets",
  "no_step",
] as const;

/** A name of `FOV_POLICIES`. */
export type FovPolicyName = (typeof FOV_POLICIES)[number];

/** Sizes zyx of an example. */
export interface ExampleSizes {
  readonly label: Zyx;
  readonly image: Zyx;
  /** Canvas of logits. */
  readonly seed: Zyx;
  /** What the evaluation looks at, in the middle. */
  readonly evaluation: Zyx;
}

/** Sizes for a number of moves per axis; following predictions needs one more ring, so that the evaluated part is filled. */
export function exampleSizes(
  model: Pick<Model, "deltas" | "imageSize" | "seedSize" | "predSize">,
  policy: FovPolicyName,
  fovMoves: number,
): ExampleSizes {
  const steps = policy === "no_step" ? 0 : fovMoves;
  const followsPredictions = policy === "max_pred_moves" || policy === "max_pred_offsets";
  const moves = followsPredictions ? steps + 1 : steps;
  const grown = (size: Zyx, by: number) => mapZyx((n, d) => n + 2 * d * by, size, model.deltas);
  return {
    label: grown(model.predSize, moves),
    image: grown(model.imageSize, moves),
    seed: grown(model.seedSize, moves),
    evaluation: grown(model.predSize, steps),
  };
}

/** All moves by a delta on any axes, x outermost and z innermost, without the origin and without repetitions. */
export function fixedShifts([dz, dy, dx]: Zyx): Zyx[] {
  const steps = (delta: number) => delta === 0 ? [0] : [-delta, 0, delta];
  const shifts: Zyx[] = [];
  for (const x of steps(dx)) {
    for (const y of steps(dy)) {
      for (const z of steps(dz)) if (z !== 0 || y !== 0 || x !== 0) shifts.push([z, y, x]);
    }
  }
  return shifts;
}

/**
 * All offsets by multiples of the deltas, up to `moves` on each axis and without the origin, the nearest (sum of the
 * distances per axis) first; among equally near ones x outermost and z innermost.
 */
export function gridShifts(deltas: Zyx, moves: number): Zyx[] {
  const steps = (delta: number) =>
    delta === 0 ? [0] : Array.from({ length: 2 * moves + 1 }, (_, i) => (i - moves) * delta);
  const [zs, ys, xs] = deltas.map(steps);
  const shifts = xs.flatMap((x) => ys.flatMap((y) => zs.map((z): Zyx => [z, y, x])));
  const away = shifts.filter((shift) => distance(shift) > 0);
  return away.sort((a, b) => distance(a) - distance(b));
}

/** Puts {@linkcode gridShifts} into random order, those equally near among each other. */
export function shuffledByDistance(shifts: readonly Zyx[], random: Random): Zyx[] {
  const rings = Map.groupBy(shifts, distance);
  return [...rings.values()].flatMap((ring) => random.shuffle([...ring]));
}

function distance([z, y, x]: Zyx): number {
  return Math.abs(z) + Math.abs(y) + Math.abs(x);
}

/**
 * Voxels within `radius` per axis of an offset that lie on the surface of the box around the origin that the offset lies
 * on: that of ± the deltas for a single move.
 */
export function surfaceWindow(offset: Zyx, deltas: Zyx, radius: number): Zyx[] {
  const moves = Math.max(...offset.map((o, axis) => Math.abs(o) / Math.max(deltas[axis], 1)));
  const box = mapZyx((delta) => delta * moves, deltas);
  const range = (axis: number) =>
    Array.from({ length: 2 * radius + 1 }, (_, i) => offset[axis] - radius + i)
      .filter((v) => Math.abs(v) <= box[axis]);
  const isOnSurface = (voxel: Zyx) => voxel.some((v, axis) => Math.abs(v) === box[axis]);
  const all = range(0).flatMap((z) => range(1).flatMap((y) => range(2).map((x): Zyx => [z, y, x])));
  return all.filter(isOnSurface);
}

/**
 * First voxel of a crop whose centre lies `offset` from the centre of a whole.
 *
 * @throws {RangeError} when the crop does not lie inside.
 */
export function cropStart(whole: Zyx, crop: Zyx, offset: Zyx): Zyx {
  const start = addZyx(subZyx(floorDivZyx(whole, 2), floorDivZyx(crop, 2)), offset);
  if (start.every((s, axis) => s >= 0 && s + crop[axis] <= whole[axis])) return start;
  throw new RangeError(
    `Cannot crop size zyx ${crop} at offset ${offset} out of ${whole}: it reaches beyond the sides`,
  );
}

/** Copies a crop of `from` (`[z, y, x]` of `whole`) into `to` (`[z, y, x]` of `crop`), from index `at` on. */
export function copyCrop(
  from: Float32Array,
  whole: Zyx,
  crop: Zyx,
  offset: Zyx,
  to: Float32Array,
  at = 0,
): void {
  eachRow(whole, crop, offset, (inside, i) => {
    to.set(from.subarray(inside, inside + crop[2]), at + i);
  });
}

/** Copies `from` (`[z, y, x]` of `crop`, from index `at` on) into its place in `to` (`[z, y, x]` of `whole`). */
export function pasteCrop(
  from: Float32Array,
  whole: Zyx,
  crop: Zyx,
  offset: Zyx,
  to: Float32Array,
  at = 0,
): void {
  eachRow(whole, crop, offset, (inside, i) => {
    to.set(from.subarray(at + i, at + i + crop[2]), inside);
  });
}

/** A crop as an array of its own. */
export function cropped(from: Float32Array, whole: Zyx, crop: Zyx, offset: Zyx): Float32Array {
  const to = new Float32Array(volumeOf(crop));
  copyCrop(from, whole, crop, offset, to);
  return to;
}

/** Index of a voxel by its offset from the centre. */
export function indexAt([depth, height, width]: Zyx, [z, y, x]: Zyx): number {
  const [cz, cy, cx] = floorDivZyx([depth, height, width], 2);
  return ((cz + z) * height + cy + y) * width + cx + x;
}

function eachRow(
  whole: Zyx,
  crop: Zyx,
  offset: Zyx,
  use: (inside: number, i: number) => void,
): void {
  const [sz, sy, sx] = cropStart(whole, crop, offset);
  for (let z = 0, i = 0; z < crop[0]; z++) {
    for (let y = 0; y < crop[1]; y++, i += crop[2]) {
      use(((sz + z) * whole[1] + sy + y) * whole[2] + sx, i);
    }
  }
}
