/** Moves of the policies: vectors V1 and V3 of spec/training.md, and what newer upstream adds. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { toXyz, toZyx, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { logit } from "../../engine/inference/logit.ts";
import { compareMoves, scoreMoveOffsets } from "../../engine/inference/move_offsets.ts";
import {
  exampleSizes,
  FOV_POLICIES,
  gridShifts,
  indexAt,
  shuffledByDistance,
  surfaceWindow,
} from "../../engine/training/fov_geometry.ts";
import { FixedPolicy, type MoveRecord, POLICIES } from "../../engine/training/fov_policies.ts";
import { Random } from "../../engine/training/random.ts";
import { TRAIN_OPTIONS } from "../../engine/commands/train_options.ts";
import { smallModel } from "../support/small_networks.ts";

const xyz = (x: number, y: number, z: number) => toZyx({ x, y, z });
const THRESHOLD = Math.fround(logit(0.9));

Deno.test("scoreMoveOffsets() of vector V1: faces, equal maxima, ties, a delta of 0", () => {
  const size: Zyx = [7, 9, 11];
  const map = new Float32Array(volumeOf(size)).fill(-3);
  const put = (offset: Zyx, value: number) => map[indexAt(size, offset)] = value;
  put([1, 2, -3], 5);
  put([-1, 0, 0], 2.5);
  put([0, -2, 1], 2.1972246);
  put([0, 0, 3], 2.19);
  put([0, 1, -3], 4);
  const moves = scoreMoveOffsets([1, 2, 3], map, size, THRESHOLD);
  deepStrictEqual(moves.map(({ score, offset }) => [score, ...offset]), [
    [2.5, -1, 0, 0],
    [5, 1, 2, -3],
    [Math.fround(2.1972246), 0, -2, 1],
  ]);
  deepStrictEqual(moves.sort(compareMoves).map(({ score }) => score), [
    ...[5, 2.5, Math.fround(2.1972246)],
  ]);
  map.fill(3);
  const constant = (deltas: Zyx) =>
    scoreMoveOffsets(deltas, map, size, THRESHOLD).map(({ offset }) => offset.join());
  deepStrictEqual(constant([1, 2, 3]), ["-1,-2,-3", "1,-2,-3", "-1,2,-3", "-1,-2,3"]);
  deepStrictEqual(constant([0, 2, 3]), ["0,-2,-3", "0,2,-3", "0,-2,3"]);
  const sorted = scoreMoveOffsets([1, 2, 3], map, size, THRESHOLD).sort(compareMoves);
  deepStrictEqual(sorted.map(({ offset }) => offset.join()), [
    ...["1,-2,-3", "-1,2,-3", "-1,-2,3", "-1,-2,-3"],
  ]);
});

const SIZE: Zyx = [9, 9, 9];

/** Context, canvas and example of vector V3, with the moves that a policy records. */
function vectorV3() {
  const model = smallModel([5, 5, 5], [2, 2, 2]);
  const context = {
    sizes: exampleSizes(model, "fixed", 1),
    deltas: model.deltas,
    imageSize: model.imageSize,
    predSize: model.predSize,
    shifts: [xyz(2, 0, 0), xyz(-2, 0, 0), xyz(0, 2, 0)],
    threshold: THRESHOLD,
  };
  const canvas = new Float32Array(729).fill(-3);
  const labels = new Float32Array(729).fill(0.05);
  const recorded: MoveRecord[] = [];
  canvas[indexAt(SIZE, [0, 0, 0])] = canvas[indexAt(SIZE, xyz(3, 0, 0))] = 3;
  labels[indexAt(SIZE, [0, 0, 0])] = labels[indexAt(SIZE, xyz(2, 0, 0))] = 0.95;
  const example = { labels, record: (move: MoveRecord) => void recorded.push(move) };
  return { context, canvas, example, recorded };
}

/** All offsets (xyz) that a policy gives for a canvas that does not change. */
function offsets(policy: { next(canvas: Float32Array): Zyx | null }, canvas: Float32Array) {
  const found: string[] = [];
  for (let at; (at = policy.next(canvas)) !== null;) found.push(Object.values(toXyz(at)).join());
  return found;
}

const RECORDED = [[true, true], [true, false], [false, false], [false, false]];

Deno.test("the policy fixed records the moves of vector V3", () => {
  const { context, canvas, example, recorded } = vectorV3();
  deepStrictEqual(offsets(POLICIES.fixed(context, example), canvas), ["0,0,0"]);
  deepStrictEqual(recorded.map(({ wanted, executed }) => [wanted, executed]), RECORDED);
  deepStrictEqual(recorded.map(({ offset }) => offset), [[0, 0, 0], ...context.shifts]);
});

Deno.test("the policy fixed_offsets_window of vector V3 sees voxels beside the offset", () => {
  const { context, canvas, example, recorded } = vectorV3();
  // The voxel at x + 3 is reached, but does not lie on the surface.
  deepStrictEqual(offsets(new FixedPolicy(context, example, 1), canvas), ["0,0,0"]);
  deepStrictEqual(recorded.map(({ wanted, executed }) => [wanted, executed]), RECORDED);
  canvas[indexAt(SIZE, xyz(2, 0, 1))] = 3;
  deepStrictEqual(offsets(new FixedPolicy(context, example, 1), canvas), ["0,0,0", "2,0,0"]);
  deepStrictEqual(offsets(POLICIES.fixed(context, example), canvas), ["0,0,0"]);
});

Deno.test("surfaceWindow() gives the voxels near an offset that lie on its box", () => {
  const window = new Set(surfaceWindow([2, 0, 0], [2, 2, 2], 1).map(String));
  const expected: string[] = [];
  for (let y = -1; y <= 1; y++) for (let x = -1; x <= 1; x++) expected.push(`2,${y},${x}`);
  deepStrictEqual([...window].sort(), expected.sort());
  // Two moves away, the surface is that of the box two moves away.
  ok(surfaceWindow([4, 0, 0], [2, 2, 2], 1).every(([z]) => z === 4));
});

Deno.test("the policy max_pred_offsets leaves out moves that the labels do not want", () => {
  const model = smallModel([5, 5, 5], [2, 2, 2]);
  const sizes = exampleSizes(model, "max_pred_offsets", 1);
  const context = { ...vectorV3().context, sizes, shifts: [] };
  const labels = new Float32Array(volumeOf(sizes.label)).fill(0.05);
  for (let x = -6; x <= 6; x++) labels[indexAt(sizes.label, xyz(x, 0, 0))] = 0.95;
  const canvas = new Float32Array(volumeOf(sizes.seed)).fill(-3);
  // The network sees a process along x, which the labels have, and one along y, which is a false merge.
  for (let i = -6; i <= 6; i++) {
    canvas[indexAt(sizes.seed, xyz(i, 0, 0))] = canvas[indexAt(sizes.seed, xyz(0, i, 0))] = 4;
  }
  const recorded: MoveRecord[] = [];
  const example = { labels, record: (move: MoveRecord) => void recorded.push(move) };
  const wanted = offsets(POLICIES.max_pred_offsets(context, example), canvas);
  deepStrictEqual(wanted.toSorted(), ["0,0,0", "2,0,0", "-2,0,0", "4,0,0", "-4,0,0"].sort());
  const all = offsets(POLICIES.max_pred_moves(context, example), canvas);
  ok(all.includes("0,2,0") && all.includes("0,-4,0"), all.join(" "));
  ok(recorded.some((move) => !move.wanted && move.executed), "false merges are counted");
  ok(recorded.every(({ offset }) => offset.every((o) => o === 0)));
  // A move must still be valid when its turn comes.
  const policy = POLICIES.max_pred_offsets(context, example);
  strictEqual(String(policy.next(canvas)), "0,0,0");
  const saved = structuredClone(policy.state());
  strictEqual(Math.abs(policy.next(canvas)![2]), 2);
  const again = POLICIES.max_pred_offsets(context, example);
  again.restore(saved);
  const gone = canvas.slice();
  ok(again.next(canvas) !== null);
  for (const x of [-4, -2, 2, 4]) gone[indexAt(sizes.seed, xyz(x, 0, 0))] = -3;
  strictEqual(again.next(gone), null);
});

Deno.test("the policy no_step stays, and fixed moves have an order of their own per example", () => {
  const { context, canvas, example } = vectorV3();
  canvas.fill(3);
  deepStrictEqual(offsets(POLICIES.no_step(context, example), canvas), ["0,0,0"]);
  const shifts = gridShifts([2, 2, 2], 1);
  const order = (moveSeed?: number) =>
    offsets(POLICIES.fixed({ ...context, shifts }, { ...example, moveSeed }), canvas);
  strictEqual(order().length, 27);
  deepStrictEqual(order(7), order(7));
  ok(`${order(7)}` !== `${order(8)}`);
  deepStrictEqual(order(7).toSorted(), order().toSorted());
  const still = exampleSizes(smallModel([5, 5, 5], [2, 2, 2]), "no_step", 1);
  deepStrictEqual(Object.values(still), new Array(4).fill([5, 5, 5]));
});

Deno.test("gridShifts() goes several moves far, nearest first; shuffling keeps that", () => {
  const distance = (shift: Zyx) => shift.reduce((sum, o) => sum + Math.abs(o), 0);
  const isSorted = (shifts: Zyx[]) =>
    shifts.every((s, i) => i === 0 || distance(shifts[i - 1]) <= distance(s));
  for (const [moves, count] of [[1, 26], [2, 124]]) {
    const shifts = gridShifts([8, 8, 8], moves);
    strictEqual(new Set(shifts.map(String)).size, count);
    ok(isSorted(shifts));
    const shuffled = shuffledByDistance(shifts, new Random(1));
    ok(isSorted(shuffled) && `${shuffled}` !== `${shifts}`);
    deepStrictEqual(shuffled.map(String).sort(), shifts.map(String).sort());
  }
  strictEqual(gridShifts([0, 8, 8], 1).length, 8);
});

Deno.test("--fov-policy takes every policy", () => {
  deepStrictEqual([...TRAIN_OPTIONS.fovPolicy.choices], [...FOV_POLICIES]);
  deepStrictEqual(Object.keys(POLICIES), [...FOV_POLICIES]);
});
