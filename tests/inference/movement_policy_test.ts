import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { mapZyx, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { compareMoves, scoreMoveOffsets } from "../../engine/inference/move_offsets.ts";
import {
  createMovementPolicy,
  type MovementContext,
} from "../../engine/inference/movement_policy.ts";
import { VisitedCells } from "../../engine/inference/visited_cells.ts";
import { seededRandom } from "../support/random.ts";

/** Moves as `[score, offset]`. */
function movesOf(deltas: Zyx, logits: Float32Array, size: Zyx, threshold: number) {
  return scoreMoveOffsets(deltas, logits, size, threshold).map((m) => [m.score, m.offset]);
}

const cube = (n: number): Zyx => [n, n, n];

Deno.test("scoreMoveOffsets() drops weak faces and equal moves (V3)", () => {
  const logits = new Float32Array(125).fill(-9);
  const set = (z: number, y: number, x: number, v: number) => logits[25 * z + 5 * y + x] = v;
  set(1, 1, 1, 3);
  set(1, 2, 2, 3);
  set(3, 3, 2, 2.5);
  set(2, 2, 3, 2);
  set(2, 1, 3, 2.25);
  deepStrictEqual(movesOf(cube(1), logits, cube(5), 2.1972243), [
    [3, [-1, -1, -1]],
    [2.5, [1, 1, 0]],
    [2.25, [0, -1, 1]],
  ]);
});

Deno.test("compareMoves() puts the larger offset first among equal scores (V3)", () => {
  const moves = scoreMoveOffsets(cube(1), new Float32Array(27), cube(3), 0);
  deepStrictEqual(moves.map((m) => m.offset), [[-1, -1, -1], [1, -1, -1], [-1, 1, -1], [
    -1,
    -1,
    1,
  ]]);
  deepStrictEqual(moves.sort(compareMoves).map((m) => m.offset), [
    [1, -1, -1],
    [-1, 1, -1],
    [-1, -1, 1],
    [-1, -1, -1],
  ]);
});

Deno.test("scoreMoveOffsets() takes the faces at the deltas, none where a delta is 0 (V3)", () => {
  const logits = new Float32Array(729);
  for (let z = 0, i = 0; z < 9; z++) {
    for (let y = 0; y < 9; y++) {
      for (let x = 0; x < 9; x++) logits[i++] = ((37 * z + 101 * y + 53 * x) % 97) / 10;
    }
  }
  const rounded = (deltas: Zyx) =>
    movesOf(deltas, logits, cube(9), 9).map(([s, o]) => [Number((s as number).toFixed(1)), o]);
  deepStrictEqual(rounded([2, 3, 4]), [
    [9.6, [-2, -3, 0]],
    [9.4, [2, -3, -1]],
    [9.5, [-1, 3, -3]],
    [9.6, [1, -2, -4]],
    [9.5, [0, -2, 4]],
  ]);
  deepStrictEqual(rounded([0, 2, 2]), [[9.3, [0, 2, 0]], [9.4, [0, 0, 2]]]);
});

Deno.test("VisitedCells.quantise() gives the cells of V4", () => {
  const cells = new VisitedCells(cube(100), [4, 8, 8]);
  cells.reset([50, 50, 50]);
  deepStrictEqual(cells.quantise([51, 53, 54]), [0, 0, 1]);
  deepStrictEqual(cells.quantise([52, 54, 54]), [1, 1, 1]);
  deepStrictEqual(cells.quantise([48, 46, 46]), [0, 0, 0]);
  deepStrictEqual(cells.quantise([47, 45, 45]), [-1, -1, -1]);
  deepStrictEqual(cells.quantise([53, 57, 57]), [1, 1, 1]);
  deepStrictEqual(cells.quantise([46, 42, 42]), [-1, -1, -1]);
  const flat = new VisitedCells(cube(20), [3, 5, 0]);
  flat.reset([10, 10, 10]);
  deepStrictEqual(flat.quantise([11, 12, 10]), [0, 0, 0]);
  deepStrictEqual(flat.quantise([12, 13, 11]), [1, 1, 1]);
  deepStrictEqual(flat.quantise([8, 7, 9]), [-1, -1, -1]);
  deepStrictEqual(flat.quantise([9, 8, 10]), [0, 0, 0]);
});

Deno.test("VisitedCells hold exactly what a set of strings holds, over random starts and deltas", () => {
  const random = seededRandom(11);
  const below = (n: number) => Math.floor(random() * n);
  for (let round = 0; round < 200; round++) {
    const size: Zyx = [1 + below(12), 1 + below(12), 1 + below(12)];
    const deltas: Zyx = [below(5), below(5), below(5)];
    const cells = new VisitedCells(size, deltas);
    for (let object = 0; object < 3; object++) {
      const anywhere = () => mapZyx((n) => below(n), size);
      cells.reset(anywhere());
      const set = new Set<string>();
      for (let i = 0; i < 30; i++) {
        const p = anywhere();
        strictEqual(cells.has(p), set.has(`${cells.quantise(p)}`), `${size} ${deltas} ${p}`);
        if (i % 2 === 0) {
          cells.add(p);
          set.add(`${cells.quantise(p)}`);
        }
      }
      const saved = cells.toArray();
      deepStrictEqual(
        [...Array(saved.length / 3).keys()].map((i) => `${saved.slice(3 * i, 3 * i + 3)}`),
        [...set],
      );
    }
  }
});

const context: MovementContext = {
  canvasSize: cube(100),
  predSize: cube(17),
  deltas: cube(8),
  scoreThreshold: 0,
  isValidPosition: () => true,
};

Deno.test("FaceMaxMovementPolicy hands out as many positions as it is given, and state() restores it", () => {
  const random = seededRandom(5);
  const policy = createMovementPolicy("", {}, { ...context, deltas: [2, 2, 2] });
  policy.reset([50, 50, 50]);
  // Long enough for the queue to outgrow its first arrays.
  const logits = new Float32Array(volumeOf(context.predSize));
  const seen: Zyx[] = [];
  for (let i = 0; i < 400; i++) {
    const position = policy.next();
    if (position === null) break;
    seen.push(position);
    for (let k = 0; k < logits.length; k++) logits[k] = random() - 0.1;
    policy.update(logits, position);
  }
  strictEqual(seen.length, 400);
  strictEqual(new Set(seen.map(String)).size, 400);
  const other = createMovementPolicy("FaceMaxMovementPolicy", {}, {
    ...context,
    deltas: [2, 2, 2],
  });
  other.restore(policy.state());
  deepStrictEqual(other.state(), policy.state());
  for (let i = 0; i < 400; i++) deepStrictEqual(other.next(), policy.next());
});

Deno.test("createMovementPolicy() reads deltas and score_threshold from its arguments (zyx, logit)", () => {
  const policy = createMovementPolicy(
    "ffn.inference.movement.FaceMaxMovementPolicy",
    { deltas: [0, 0, 3], score_threshold: 0.5 },
    context,
  );
  policy.reset([50, 50, 50]);
  deepStrictEqual(policy.next(), [50, 50, 50]);
  policy.update(new Float32Array(volumeOf(context.predSize)).fill(0.5), [50, 50, 50]);
  deepStrictEqual([policy.next(), policy.next(), policy.next()], [
    [50, 50, 53],
    [50, 50, 47],
    null,
  ]);
  policy.update(new Float32Array(volumeOf(context.predSize)).fill(0.49), [50, 50, 60]);
  strictEqual(policy.next(), null);
});

Deno.test("createMovementPolicy() refuses unknown names, arguments and impossible deltas", () => {
  const make = (name: string, args: Record<string, unknown>) => () =>
    createMovementPolicy(name, args, context);
  throws(make("Walk", {}), /Cannot use movement_policy_name "Walk": known policies are FaceMax/);
  throws(make("toString", {}), RangeError);
  throws(make("", { delta: 3 }), /allowed are "deltas" and "score_threshold", current has "delta"/);
  throws(make("", { deltas: [8, 8] }), RangeError);
  throws(
    make("", { deltas: [8, 8, 9] }),
    /deltas \[8,8,9\] \(zyx\): each must be at most \[8,8,8\]/,
  );
  throws(make("", { deltas: [0, 0, 0] }), RangeError);
  throws(make("", { score_threshold: "1" }), RangeError);
});
