/** The published network over recorded training examples of FIB-25: loss, gradients, moves, evaluation (vectors N1 to N3). */
import type { Backend } from "../../engine/backends/backend.ts";
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { toXyz, toZyx, type Zyx } from "../../engine/geometry/vectors.ts";
import { logit } from "../../engine/inference/logit.ts";
import { createModel } from "../../engine/models/registry.ts";
import { readVariables } from "../../engine/training/checkpoint_store.ts";
import { EvalTracker } from "../../engine/training/eval_tracker.ts";
import { ExampleLoader, keptInMemory } from "../../engine/training/example_loader.ts";
import {
  exampleSizes,
  fixedShifts,
  type FovPolicyName,
} from "../../engine/training/fov_geometry.ts";
import { FovLoop } from "../../engine/training/fov_loop.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { type Batch, TrainingStep } from "../../engine/training/training_step.ts";
import { open } from "../../engine/volumes/open.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "the published network on recorded training examples: loss, gradients, moves";
export const ci = true;

/** Steps (xyz) of the example at N1 under the policy `fixed`, and their losses. */
const N2_FIXED = [
  ...[
    "0,0,0",
    "-8,-8,-8",
    "-8,-8,0",
    "-8,-8,8",
    "-8,0,-8",
    "-8,0,0",
    "-8,8,-8",
    "0,-8,0",
    "0,0,-8",
  ],
];
const N2_LOSSES = [
  ...[0.2382735, 0.2395390, 0.2444522, 0.2529341, 0.2379612, 0.2389284, 0.2298926, 0.2468306],
  0.2315223,
];
const N2_MAX_PRED = [
  ...["0,0,0", "-1,4,-8", "-8,-3,7", "-8,-6,8", "-6,-8,-5", "-9,5,-4", "-7,1,0", "-10,-11,12"],
  ...["-16,-7,-1", "-12,1,0"],
];
const N1_NORMS = {
  "conv0_a/weights": 0.71604565,
  "conv0_a/biases": 0.047998836,
  "conv0_b/weights": 0.4215608,
  "conv5_b/weights": 0.35639341,
  "conv11_b/weights": 0.32067455,
  "conv_lom/weights": 0.33278311,
  "conv_lom/biases": 0.027615968,
};

export async function run({ fib25, threads, check }: AcceptanceContext): Promise<void> {
  const model = createModel("convstack_3d.ConvStack3DFFNModel", {
    depth: 12,
    fov_size: [33, 33, 33],
    deltas: [8, 8, 8],
  });
  const variables = await readVariables(`${fib25}/model/model.ckpt-27465036`);
  await using backend: Backend = await openKernelProcess({ threads });
  await using training = await TrainingStep.open(model, 1, DEFAULT_OPTIMIZER, variables, backend);
  const sample = `${fib25}/training_sample2`;
  const volume = {
    name: "v",
    image: await keptInMemory(await open(`${sample}/grayscale_maps.h5:raw`)),
    labels: await keptInMemory(await open(`${sample}/groundtruth.h5:stack`)),
    offset: 128,
    scale: 33,
  };
  const keep = () => false;

  /** Steps of one example; `predict` sees each batch and gives logits. */
  const follow = async (
    center: Zyx,
    policy: FovPolicyName,
    predict: (batch: Batch) => Promise<Float32Array>,
  ) => {
    const sizes = exampleSizes(model, policy, 1);
    const loader = new ExampleLoader([volume], sizes, { permutableAxes: [], reflectableAxes: [] });
    const example = await loader.load(loader.draw({ center, volume: "v" }, new Random(0)));
    const tracker = new EvalTracker(sizes);
    const loop = new FovLoop({
      ...{ model, sizes, policy, batchSize: 1, seedPad: 0.05 },
      shifts: fixedShifts(model.deltas),
      threshold: Math.fround(logit(0.9)),
    }, {
      next: () => Promise.resolve(example),
      load: () => Promise.resolve(example),
      finished: ({ labels, weights }, canvas) => tracker.add(labels, canvas, weights),
    });
    const steps: string[] = [];
    for (;;) {
      const batch = await loop.next();
      if (tracker.totals.patches > 0) return { steps, tracker };
      steps.push(/offset \(([^)]*)\)/.exec(loop.describe())![1].replaceAll(" ", ""));
      loop.writeBack(await predict(batch));
    }
  };
  const near = (what: string, value: number, wanted: number, tolerance: number) =>
    check(
      what,
      value.toPrecision(7),
      `${wanted}`,
      Math.abs(value - wanted) <= tolerance * Math.abs(wanted),
    );
  const counts = (
    { totals: t }: EvalTracker,
  ) => [t.truePositives, t.falsePositives, t.falseNegatives, t.trueNegatives];

  const thin = toZyx({ x: 134, y: 92, z: 119 });
  const losses: number[] = [];
  const fixed = await follow(thin, "fixed", async (batch) => {
    const { loss, logits } = await training.step(batch, keep);
    losses.push(loss);
    if (losses.length === 1) {
      near("N1 image sum", batch.image.reduce((a, b) => a + b, 0), -8858.242, 1e-6);
      const positive = batch.labels.filter((v) => v > 0.5).length;
      check("N1 positive labels", positive, "6509", positive === 6509);
      near("N1 sum of logits", logits.reduce((a, b) => a + b, 0), -55889.636, 1e-5);
      near("N1 logit (16,16,17)", logits[(16 * 33 + 16) * 33 + 17], 2.430026, 1e-4);
      near("N1 logit (0,16,16)", logits[16 * 33 + 16], -2.769293, 1e-4);
      const gradients = await training.gradients();
      for (const [name, norm] of Object.entries(N1_NORMS)) {
        near(
          `N1 gradient of ${name}`,
          Math.hypot(...gradients.get(`seed_update/${name}`)!),
          norm,
          1e-3,
        );
      }
    }
    return logits;
  });
  check("N2 fixed steps", fixed.steps.length, "as recorded", `${fixed.steps}` === `${N2_FIXED}`);
  losses.forEach((loss, i) => near(`N2 loss of step ${i}`, loss, N2_LOSSES[i], 1e-4));
  const exact = counts(fixed.tracker);
  check(
    "N2 fixed tp, fp, fn, tn",
    exact.join(),
    "8243,259,637,108510",
    isNear(exact, [8243, 259, 637, 108510]),
  );
  near("N2 fixed patch loss", fixed.tracker.scalars().get("eval/patch_loss")!, 0.2202649, 1e-4);
  near("N2 fixed ARI", fixed.tracker.scalars().get("eval/adjusted_rand_score")!, 0.9360106, 1e-3);

  const predict = (batch: Batch) => training.predict(batch);
  const followed = await follow(thin, "max_pred_moves", predict);
  const first = followed.steps.slice(0, 10);
  check("N2 max_pred first steps", first.join(" "), "as recorded", `${first}` === `${N2_MAX_PRED}`);
  const found = counts(followed.tracker);
  check(
    "N2 max_pred tp, fp, fn, tn",
    found.join(),
    "8278,702,602,108067",
    isNear(found, [8278, 702, 602, 108067]),
  );

  const thick = await follow(toZyx({ x: 125, y: 125, z: 125 }), "fixed", predict);
  const all = [[0, 0, 0] as Zyx, ...fixedShifts(model.deltas)].map((s) =>
    Object.values(toXyz(s)).join()
  );
  check("N3 steps", thick.steps.length, "27 in order", `${thick.steps}` === `${all}`);
  const big = counts(thick.tracker);
  check(
    "N3 tp, fp, fn, tn",
    big.join(),
    "95464,158,3491,18536",
    isNear(big, [95464, 158, 3491, 18536]),
  );
  near("N3 f1", thick.tracker.scalars().get("eval/f1")!, 0.9812465, 1e-4);
}

/** Within half a per cent, or one voxel in a thousand of a small count. */
function isNear(found: readonly number[], wanted: readonly number[]): boolean {
  return found.every((n, i) => Math.abs(n - wanted[i]) <= Math.max(2, 0.005 * wanted[i]));
}
