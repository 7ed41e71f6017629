/** Vectors E1 to E3 of spec/training.md. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { EvalTracker, sectionImages } from "../../engine/training/eval_tracker.ts";
import { cropped } from "../../engine/training/fov_geometry.ts";

const SIZE: Zyx = [4, 5, 6];
const EVALUATION: Zyx = [2, 3, 4];
const SIZES = { label: SIZE, image: SIZE, seed: SIZE, evaluation: EVALUATION };

const filled = (value: (z: number, y: number, x: number) => number) =>
  Float32Array.from(
    { length: volumeOf(SIZE) },
    (_, i) => value(Math.floor(i / 30), Math.floor(i / 6) % 5, i % 6),
  );

const LOGITS = filled((z, y, x) => 1.5 * (x - 2) - 0.5 * (y - 2) + 0.25 * z);
const LABELS = filled((z, y, x) => (x + y + z) % 3 === 0 ? 0.05 : 0.95);
const WEIGHTS = filled((z, y, x) => (z === y && y === x && x < 2) ? 0 : 1);

/** Mean over the evaluated voxels of weight times cross entropy, from its definition. */
function weightedLoss(): number {
  const [labels, logits, weights] = [LABELS, LOGITS, WEIGHTS].map((data) =>
    cropped(data, SIZE, EVALUATION, [0, 0, 0])
  );
  const entropy = (p: number, t: number) => -t * Math.log(p) - (1 - t) * Math.log(1 - p);
  const probs = logits.map((l) => 1 / (1 + Math.exp(-l)));
  return labels.reduce((sum, t, i) => sum + weights[i] * entropy(probs[i], t), 0) / labels.length;
}

Deno.test("EvalTracker of vector E1: counts, loss, scores", () => {
  const tracker = new EvalTracker(SIZES, "validation/");
  deepStrictEqual([...tracker.scalars()], []);
  tracker.add(LABELS, LOGITS, WEIGHTS);
  const { truePositives, falsePositives, falseNegatives, trueNegatives } = tracker.totals;
  deepStrictEqual([truePositives, falsePositives, falseNegatives, trueNegatives], [5, 3, 11, 5]);
  const expected = {
    "masked_voxel_fraction": 0.04166667,
    "eval/patch_loss": 0.93318105,
    "eval/weighted_patch_loss": weightedLoss(),
    "eval/patches": 1,
    "eval/accuracy": 0.41666667,
    "eval/precision": 0.625,
    "eval/recall": 0.3125,
    "eval/specificity": 0.625,
    "eval/f1": 0.41666667,
    "eval/adjusted_rand_score": -0.01984797,
  };
  const scalars = tracker.scalars();
  strictEqual(scalars.size, Object.keys(expected).length);
  for (const [tag, value] of Object.entries(expected)) {
    const found = scalars.get(`validation/${tag}`)!;
    ok(Math.abs(found - value) < 1e-6, `${tag}: ${found}`);
  }
});

Deno.test("sectionImages() of vector E2", () => {
  const parts = [LABELS, LOGITS.map((l) => 1 / (1 + Math.exp(-l))), WEIGHTS]
    .map((data) => cropped(data, SIZE, EVALUATION, [0, 0, 0]));
  const white = (n: number) => new Array(n).fill(255);
  const [xy, xz, yz] = sectionImages(parts, EVALUATION);
  deepStrictEqual([xy.tag, xy.width, xy.height], ["final_xy", 12, 3]);
  deepStrictEqual([...xy.data], [
    ...[242, 242, 12, 242, 96, 186, 235, 250, ...white(4)],
    ...[242, 12, 242, 242, 68, 158, 224, 247, ...white(4)],
    ...[12, 242, 242, 12, 46, 127, 208, 242, ...white(4)],
  ]);
  deepStrictEqual([...xz.data], [
    ...[242, 242, 12, 242, 56, 143, 217, 245, ...white(4)],
    ...[242, 12, 242, 242, 68, 158, 224, 247, ...white(4)],
  ]);
  deepStrictEqual([...yz.data], [
    ...[242, 12, 242, 230, 217, 198, ...white(3)],
    ...[12, 242, 242, 235, 224, 208, ...white(3)],
  ]);
});

Deno.test("EvalTracker of vector E3: nothing to find and nothing found", () => {
  const tracker = new EvalTracker(SIZES);
  const flat = (value: number) => filled(() => value);
  tracker.add(flat(0.05), flat(-3), flat(1));
  const scalars = tracker.scalars();
  ok(Math.abs(scalars.get("eval/patch_loss")! - 0.19858736) < 1e-6);
  deepStrictEqual(
    ["accuracy", "precision", "recall", "specificity", "f1", "adjusted_rand_score"]
      .map((name) => scalars.get(`eval/${name}`)),
    [1, 0, 0, 1, 0, 1],
  );
});

Deno.test("EvalTracker.summaries() keeps the images of the newest 16 examples until it is reset", () => {
  const tracker = new EvalTracker(SIZES);
  for (let i = 0; i < 20; i++) tracker.add(LABELS, LOGITS, WEIGHTS);
  const tags = tracker.summaries().map(({ tag }) => tag);
  strictEqual(tags.filter((tag) => tag.startsWith("final_")).length, 48);
  ok(tags.includes("final_xy/0") && tags.includes("final_yz/15") && !tags.includes("final_xy/16"));
  tracker.reset();
  deepStrictEqual(tracker.summaries(), []);
});

Deno.test("EvalTracker.move() counts moves by length, and fieldsOfView() their weights", () => {
  const tracker = new EvalTracker(SIZES);
  tracker.add(LABELS, LOGITS, WEIGHTS);
  const moves: [boolean, boolean, Zyx][] = [
    [true, true, [0, 0, 0]],
    [true, true, [0, 8, 8]],
    [true, false, [8, -8, 0]],
    [false, true, [8, 8, 8]],
    [false, false, [8, 8, 8]],
  ];
  for (const [wanted, executed, offset] of moves) tracker.move({ wanted, executed, offset });
  tracker.fieldsOfView(Float32Array.of(0, 1, 0.5, 0.5));
  const scalars = tracker.scalars();
  const expected = {
    "moves/total": 4,
    "moves/all/correct": 0.5,
    "moves/all/missed": 0.25,
    "moves/all/spurious": 0.25,
    "moves/r=0/total": 1,
    "moves/r=11/correct": 0.5,
    "moves/r=11/missed": 0.5,
    "moves/r=13/total": 1,
    "moves/r=13/spurious": 1,
    "fov/masked_voxel_fraction": 0.25,
    "fov/average_weight": 0.5,
  };
  for (const [tag, value] of Object.entries(expected)) strictEqual(scalars.get(tag), value, tag);
  tracker.reset();
  strictEqual(tracker.scalars().size, 0);
});
