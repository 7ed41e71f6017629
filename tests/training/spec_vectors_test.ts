/** Vectors of spec/training.md §13 that span rooms: K1, L2, M1, B1, 13.13, and the gradients of 13.14. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount, type NdArray } from "../../engine/formats/nd_array.ts";
import type { MaskConfig } from "../../engine/formats/protobuf/masks.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { logit } from "../../engine/inference/logit.ts";
import type { Model } from "../../engine/models/model.ts";
import { createModel } from "../../engine/models/registry.ts";
import { sigmoidCrossEntropy } from "../../engine/ops/sigmoid_cross_entropy.ts";
import { unsupervisedMetrics } from "../../engine/segmentation/unsupervised_metrics.ts";
import { BoxCoordinates } from "../../engine/training/coordinate_sources.ts";
import { EvalTracker } from "../../engine/training/eval_tracker.ts";
import { ExampleLoader, keptInMemory } from "../../engine/training/example_loader.ts";
import { ExampleQueue } from "../../engine/training/example_queue.ts";
import { exampleSizes, fixedShifts } from "../../engine/training/fov_geometry.ts";
import { FovLoop } from "../../engine/training/fov_loop.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { buildMask } from "../../engine/volumes/masks.ts";

import { open } from "../../engine/volumes/open.ts";
import { fillLayerNorm } from "../support/spec_fill.ts";
import { smallModel } from "../support/small_networks.ts";
import { FIB25, testWith } from "../support/resources.ts";

Deno.test("buildMask() of vector K1", async () => {
  const image = { dtype: "uint8", shape: [1, 2, 2], data: Uint8Array.of(0, 5, 10, 20) } as const;
  const mask = async (...configs: MaskConfig[]) => {
    const found = await buildMask(configs, { start: [0, 0, 0], size: [1, 2, 2] }, {
      openVolume: () => Promise.reject(new Error("No volume is named")),
      image: image.data,
    });
    return [...found!].map(Number);
  };
  const range = { channel: 0, minValue: 5, maxValue: 10 };
  deepStrictEqual(await mask({ image: { channels: [range] } }), [0, 1, 1, 0]);
  deepStrictEqual(await mask({ image: { channels: [{ ...range, invert: true }] } }), [1, 0, 0, 1]);
  const values = { channel: 0, values: [20n, 0n] };
  deepStrictEqual(await mask({ image: { channels: [values] } }), [1, 0, 0, 1]);
  const inverted = { image: { channels: [range] }, invert: true };
  const column = { coordinateExpression: { expression: "x == 1" } };
  deepStrictEqual(await mask(inverted, column), [1, 1, 0, 1]);
  deepStrictEqual(await mask({ image: { channels: [{ channel: 0 }] } }), [1, 0, 0, 0]);
});

Deno.test("sigmoidCrossEntropy of vector L2", () => {
  const logits = [-5, -1, 0, 0.5, 2, 30, -90];
  const expected = {
    0.05: [0.25671536, 0.3632617, 0.6931472, 0.949077, 2.026928, 28.5, 4.5],
    0.95: [4.7567153, 1.2632617, 0.6931472, 0.499077, 0.22692803, 1.5, 85.5],
  };
  for (const [target, losses] of Object.entries(expected)) {
    losses.forEach((loss, i) => {
      const host = (value: number) => ({ shape: [1], data: Float64Array.of(value) });
      const output = host(NaN);
      sigmoidCrossEntropy.reference(
        [host(logits[i]), host(Number(target)), host(1)],
        [output],
        {},
      );
      ok(Math.abs(output.data[0] - loss) < 1e-6 * Math.max(1, loss), `${output.data[0]}`);
    });
  }
});

Deno.test("unsupervisedMetrics() of vector M1", async () => {
  const size: Zyx = [60, 60, 60];
  const labels = new Uint8Array(60 ** 3);
  const fill = (from: Zyx, to: Zyx, label: number) => {
    for (let z = from[0]; z < to[0]; z++) {
      for (let y = from[1]; y < to[1]; y++) {
        labels.fill(label, (z * 60 + y) * 60 + from[2], (z * 60 + y) * 60 + to[2]);
      }
    }
  };
  fill([0, 0, 0], [10, 10, 10], 1);
  fill([25, 25, 25], [35, 35, 35], 2);
  fill([30, 40, 5], [32, 42, 7], 3);
  labels[(30 * 60 + 50) * 60 + 30] = 3;
  const { density, objects, split, decrumbed } = await unsupervisedMetrics(labels, size);
  ok(Math.abs(density - 0.0093009259) < 1e-10);
  const { meanSize, ...rest } = objects;
  ok(Math.abs(meanSize - 669.6667) < 1e-4);
  deepStrictEqual(rest, { nsegs: 3, minSize: 9, medianSize: 1000, maxSize: 1000, nIslands: 1 });
  deepStrictEqual(split, {
    ...{ nsegs: 4, minSize: 1, meanSize: 502.25, medianSize: 504, maxSize: 1000, nIslands: 1 },
  });
  const { density: after, ...sizes } = decrumbed;
  ok(Math.abs(after - 0.0092592593) < 1e-10);
  deepStrictEqual(sizes, {
    ...{ nsegs: 2, minSize: 1000, meanSize: 1000, medianSize: 1000, maxSize: 1000, nIslands: 1 },
  });
});

testWith(
  "shared",
  "the index of the published checkpoint is laid out as vector B1 says",
  async () => {
    const index = await Deno.readFile(`${FIB25}/model/model.ckpt-27465036.index`);
    const footer = index.subarray(-48);
    deepStrictEqual(footer.subarray(-8), Uint8Array.fromHex("57fb808b247547db"));
    // Two handles of two varints each: metaindex, index.
    const numbers: number[] = [];
    for (let i = 0, shift = 0, value = 0; numbers.length < 4; i++) {
      value += (footer[i] & 127) * 2 ** shift;
      shift += 7;
      if (footer[i] < 128) {
        numbers.push(value);
        [value, shift] = [0, 0];
      }
    }
    deepStrictEqual(numbers, [2262, 8, 2275, 15]);
    strictEqual(new DataView(index.buffer).getUint32(2257 - 4, true), 4, "restarts");
    // The first entry: shared 0, no key, a header of 6 bytes.
    deepStrictEqual([...index.subarray(0, 9)], [0, 0, 6, 8, 1, 0x1a, 2, 8, 1]);
    const { size } = await Deno.stat(`${FIB25}/model/model.ckpt-27465036.data-00000-of-00001`);
    strictEqual(size, 2_553_784);
  },
);

/** L2 norms of the gradients of mean(output²), vector 13.14. */
const NORMS: Readonly<Record<string, number>> = {
  "pre_a/kernel": 3.72926,
  "LayerNorm_0/scale": 0.256986,
  "LayerNorm_0/bias": 0.353523,
  "res1b/kernel": 1.69473,
  "LayerNorm_3/scale": 1.28281,
  "output/kernel": 1.61753,
};

for (const name of ["reference", "wasm"] as const) {
  Deno.test(`ResConvStack has the gradients of vector 13.14 (${name})`, async () => {
    await using backend = name === "wasm"
      ? await openWasmBackend({ threads: 2 })
      : openReferenceBackend();
    const model = createModel("convstack.ResConvStack", {
      ...{ fov_size: [5, 5, 5], deltas: [1, 1, 1], depth: 2, features: 4 },
      additive_seed_update: false,
    });
    const variables = new Map<string, NdArray>(
      model.variables.map(({ name, shape }) => [name, {
        dtype: "float32",
        shape,
        data: fillLayerNorm(name, shape, 0),
      }]),
    );
    const optimizer = { ...DEFAULT_OPTIMIZER, clip: Infinity };
    await using training = await TrainingStep.open(model, 1, optimizer, variables, backend);
    const shape = [1, 5, 5, 5, 1];
    const [image, seed] = ["image", "seed"].map((input) => fillLayerNorm(input, shape, -1));
    const output = (await training.predict({ image, seed })).slice();
    const squares = output.reduce((sum, v) => sum + v * v, 0) / output.length;
    ok(Math.abs(squares - 1.0618292) < 1e-5, `${squares}`);
    // Cross entropy has the gradient (sigmoid(l) - t) / N: with this t it is that of the mean square.
    const labels = output.map((l) => 1 / (1 + Math.exp(-l)) - 2 * l);
    const batch = { image, seed, labels, weights: new Float32Array(125).fill(1) };
    await training.step(batch, () => false);
    const gradients = await training.gradients();
    for (const [layer, norm] of Object.entries(NORMS)) {
      const found = Math.hypot(...gradients.get(`params/${layer}`)!);
      ok(Math.abs(found / norm - 1) < 1e-4, `${layer}: ${found} is not ${norm}`);
    }
    strictEqual(
      model.variables.reduce((n, { shape }) => n + elementCount(shape), 0),
      2437,
    );
  });
}

Deno.test("initialVariables() draws weights as section 5.2 says, and those of flax as 11.8 says", () => {
  const spread = (data: Float32Array) =>
    Math.sqrt(data.reduce((s, v) => s + v * v, 0) / data.length);
  const of = (model: Model) => initialVariables(model, new Random(2));
  const stack = of(smallModel([5, 5, 5], [1, 1, 1], 2, 32));
  for (const [layer, limit] of Object.entries({ conv0_a: 0.0808452, conv1_a: 0.0589256 })) {
    const data = stack.get(`seed_update/${layer}/weights`)!.data as Float32Array;
    const most = data.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    ok(most <= limit && most > 0.99 * limit, `${layer}: ${most}`);
    ok(Math.abs(spread(data) / (limit / Math.sqrt(3)) - 1) < 0.05);
    ok(stack.get(`seed_update/${layer}/biases`)!.data.every((v) => v === 0));
  }
  const sizes = { fov_size: [5, 5, 5], deltas: [1, 1, 1], depth: 1 };
  const flax = of(createModel("convstack.ResConvStack", sizes));
  const kernel = flax.get("params/res0a/kernel")!.data as Float32Array;
  const stdev = Math.sqrt(1 / (27 * 32));
  ok(Math.abs(spread(kernel) / stdev - 1) < 0.02, `${spread(kernel)} is not ${stdev}`);
  ok(kernel.every((v) => Math.abs(v) <= 2 * stdev / 0.8796));
  ok(kernel.some((v) => Math.abs(v) > 1.9 * stdev / 0.8796), "nothing near the cut");
  ok(flax.get("params/LayerNorm_0/scale")!.data.every((v) => v === 1));
});

testWith("shared", "a small network learns as section 13.13 says, and never too well", async () => {
  const model = smallModel([9, 9, 9], [2, 2, 2], 2, 32);
  const sizes = exampleSizes(model, "fixed", 1);
  const sample = `${FIB25}/training_sample2`;
  const volume = {
    name: "v",
    image: await keptInMemory(await open(`${sample}/grayscale_maps.h5:raw`)),
    labels: await keptInMemory(await open(`${sample}/groundtruth.h5:stack`)),
    offset: 128,
    scale: 33,
  };
  const axes = { permutableAxes: [1, 2], reflectableAxes: [0, 1, 2] };
  const box = { start: [40, 40, 40] as const, size: [170, 170, 170] as const };
  await using queue = new ExampleQueue(
    new ExampleLoader([volume], sizes, axes),
    new BoxCoordinates([{ volume: "v", box }], 1),
    ...[2, 1] as const,
  );
  const tracker = new EvalTracker(sizes);
  const loop = new FovLoop({
    ...{ model, sizes, policy: "fixed", batchSize: 2, seedPad: 0.5 },
    shifts: new Random(1).shuffle(fixedShifts(model.deltas)),
    threshold: Math.fround(logit(0.6)),
  }, {
    next: () => queue.next(),
    load: (draw) => queue.loader.load(draw),
    finished: ({ labels, weights }, canvas) => tracker.add(labels, canvas, weights),
  });
  await using backend = await openWasmBackend({ threads: 2 });
  await using training = await TrainingStep.open(
    ...[model, 2, { ...DEFAULT_OPTIMIZER, name: "adam" }] as const,
    ...[initialVariables(model, new Random(1)), backend] as const,
  );
  const losses: number[] = [];
  for (let i = 0; i < 300; i++) {
    const { loss, logits } = await training.step(await loop.next());
    loop.writeBack(logits);
    losses.push(loss);
  }
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
  const last = mean(losses.slice(-100));
  // Voxels that were not visited are undecided (the manual's seed_pad), so a fresh network costs about ln 2.
  ok(Math.abs(losses[0] - 0.7) < 0.12, `the first loss is ${losses[0]}`);
  // Soft labels cost at least H(0.05).
  ok(last < 0.57 && last > 0.1985, `the last losses are ${last}`);
  ok(losses.every((loss) => loss > 0.19));
  strictEqual(volumeOf(sizes.evaluation), 13 ** 3);
});
