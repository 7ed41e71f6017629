/** Sizes, crops and moves of training examples: vectors G1 to G4, V2 and A1 of spec/training.md. */
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { toXyz, toZyx, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { logit, logit32 } from "../../engine/inference/logit.ts";
import {
  adjustBrightness,
  adjustContrast,
  drawOrientation,
  oriented,
} from "../../engine/training/augmentation.ts";
import {
  type AugmentationOptions,
  type Example,
  ExampleLoader,
} from "../../engine/training/example_loader.ts";
import {
  cropped,
  cropStart,
  exampleSizes,
  fixedShifts,
  type FovPolicyName,
  gridShifts,
  pasteCrop,
} from "../../engine/training/fov_geometry.ts";
import { FovLoop } from "../../engine/training/fov_loop.ts";
import { Random } from "../../engine/training/random.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { smallModel } from "../support/small_networks.ts";

const xyz = (x: number, y: number, z: number) => toZyx({ x, y, z });

Deno.test("exampleSizes() of vector G1", () => {
  const sizes = (fov: Zyx, deltas: Zyx, policy: FovPolicyName) =>
    Object.values(exampleSizes(smallModel(fov, deltas), policy, 1)).map((size) => size.join());
  const [cube, flat] = [xyz(33, 33, 33), xyz(33, 33, 17)];
  deepStrictEqual(sizes(cube, xyz(8, 8, 8), "fixed"), new Array(4).fill("49,49,49"));
  deepStrictEqual(sizes(cube, xyz(8, 8, 8), "max_pred_moves"), [
    ...new Array(3).fill("65,65,65"),
    "49,49,49",
  ]);
  deepStrictEqual(sizes(flat, xyz(8, 8, 4), "fixed"), new Array(4).fill("25,49,49"));
  deepStrictEqual(sizes(flat, xyz(8, 8, 4), "max_pred_moves"), [
    ...new Array(3).fill("33,65,65"),
    "25,49,49",
  ]);
});

Deno.test("fixedShifts() of vector G2, without repetitions where a delta is 0", () => {
  const shifts = fixedShifts([8, 8, 8]).map((s) => Object.values(toXyz(s)).join());
  strictEqual(shifts.length, 26);
  deepStrictEqual(shifts.slice(0, 4), ["-8,-8,-8", "-8,-8,0", "-8,-8,8", "-8,0,-8"]);
  deepStrictEqual([shifts[12], shifts[13], shifts[25]], ["0,0,-8", "0,0,8", "8,8,8"]);
  strictEqual(new Set(fixedShifts(xyz(1, 0, 2)).map(String)).size, 8);
  strictEqual(fixedShifts(xyz(1, 0, 2)).length, 8);
});

Deno.test("cropped() and pasteCrop() of vector G3, and a crop that reaches beyond the sides", () => {
  const whole: Zyx = [5, 6, 7];
  const data = Float32Array.from({ length: 210 }, (_, i) => i);
  deepStrictEqual([...cropped(data, whole, [3, 2, 3], xyz(1, -1, 0))], [
    ...[52, 53, 54, 59, 60, 61],
    ...[94, 95, 96, 101, 102, 103],
    ...[136, 137, 138, 143, 144, 145],
  ]);
  const canvas = new Float32Array(210);
  pasteCrop(new Float32Array(8).fill(1), whole, [2, 2, 2], xyz(-1, 1, 1), canvas);
  const written = [...canvas.keys()].filter((i) => canvas[i] === 1);
  const places = [2, 3].flatMap((z) =>
    [3, 4].flatMap((y) => [1, 2].map((x) => (z * 6 + y) * 7 + x))
  );
  deepStrictEqual(written, places);
  throws(() => cropStart(whole, [3, 3, 3], xyz(3, 0, 0)), /reaches beyond the sides/);
});

Deno.test("ExampleLoader.load() of vector G4: which voxels are read", async () => {
  const data = Uint16Array.from({ length: 336 }, (_, i) => i);
  const image = memoryVolume({ dtype: "uint16", shape: [6, 7, 8], data });
  const volume = { name: "v", image, labels: image, offset: 0, scale: 1 };
  const load = async (size: Zyx): Promise<Example> => {
    const sizes = { label: size, image: size, seed: size, evaluation: size };
    const loader = new ExampleLoader([volume], sizes, { permutableAxes: [], reflectableAxes: [] });
    const coordinate = { center: xyz(4, 3, 2), volume: "v" };
    ok(loader.fits(coordinate, "record 0"));
    return await loader.load(loader.draw(coordinate, new Random(0)));
  };
  const odd = await load([3, 3, 3]);
  deepStrictEqual([...odd.image.subarray(0, 3)], [75, 76, 77]);
  deepStrictEqual([...odd.image.subarray(24)], [203, 204, 205]);
  deepStrictEqual([...odd.labels.keys()].filter((i) => odd.labels[i] > 0.5), [13]);
  const even = await load(xyz(2, 4, 3));
  deepStrictEqual([...even.image.subarray(0, 2)], [76, 77]);
});

Deno.test("ExampleLoader.fits() refuses other volumes and centres outside, and tells patches that leave", () => {
  const image = memoryVolume({ dtype: "uint8", shape: [6, 7, 8], data: new Uint8Array(336) });
  const size: Zyx = [3, 3, 3];
  const sizes = { label: size, image: [5, 5, 5] as Zyx, seed: size, evaluation: size };
  const volume = { name: "v", image, labels: image, offset: 0, scale: 1 };
  const loader = new ExampleLoader([volume], sizes, { permutableAxes: [], reflectableAxes: [] });
  strictEqual(loader.fits({ center: xyz(2, 2, 2), volume: "v" }, "r"), true);
  strictEqual(loader.fits({ center: xyz(1, 2, 2), volume: "v" }, "r"), false);
  strictEqual(loader.fits({ center: xyz(5, 4, 3), volume: "v" }, "r"), true);
  strictEqual(loader.fits({ center: xyz(6, 4, 3), volume: "v" }, "r"), false);
  throws(
    () => loader.fits({ center: xyz(1, 1, 1), volume: "w" }, 'record 3 of "c"'),
    /record 3 of "c": it is in volume "w", the volumes given are "v"/,
  );
  throws(
    () => loader.fits({ center: xyz(8, 1, 1), volume: "v" }, 'record 3 of "c"'),
    /centre xyz \(8, 1, 1\) lies outside "v" of size xyz \(8, 7, 6\)/,
  );
});

Deno.test("ExampleLoader.load() weighs, masks, clips, and adjusts only where it shall", async () => {
  const size: Zyx = [3, 3, 3];
  const bytes = (value: (i: number) => number) =>
    memoryVolume({
      dtype: "uint8",
      shape: [...size],
      data: Uint8Array.from({ length: 27 }, (_, i) => value(i)),
    });
  const volume = {
    name: "v",
    image: bytes((i) => 5 * i),
    labels: bytes((i) => i % 2),
    lossMask: bytes((i) => i < 9 ? 1 : 0),
    lossWeights: memoryVolume({
      dtype: "float32",
      shape: [...size],
      data: Float32Array.from({ length: 27 }, (_, i) => i / 4),
    }),
    offset: 10,
    scale: 2,
  };
  const sizes = { label: size, image: size, seed: size, evaluation: size };
  const load = async (more: Partial<AugmentationOptions>) => {
    const options = { permutableAxes: [], reflectableAxes: [], ...more };
    const loader = new ExampleLoader([volume], sizes, options);
    return await loader.load(loader.draw({ center: [1, 1, 1], volume: "v" }, new Random(0)));
  };
  const all = [...Array(27).keys()];
  const plain = await load({});
  deepStrictEqual([...plain.weights], all.map((i) => i < 9 ? 0 : i / 4));
  deepStrictEqual([...plain.image], all.map((i) => (5 * i - 10) / 2));
  const inverted = await load({ invertLossMask: true });
  deepStrictEqual([...inverted.weights], all.map((i) => i < 9 ? i / 4 : 0));
  const clipped = await load({ clipMax: 100 });
  deepStrictEqual([...clipped.image], all.map((i) => (Math.min(5 * i, 100) - 10) / 2));
  for (const [adjusted, wanted] of [["foreground", 1], ["background", 0], ["all", null]] as const) {
    const { image } = await load({ adjusted, brightnessRange: [0.1, 0.1] });
    const changed = all.filter((i) => image[i] !== plain.image[i]);
    deepStrictEqual(changed, all.filter((i) => wanted === null || i % 2 === wanted), adjusted);
  }
  const bad = { ...volume, lossWeights: bytes(() => 0) };
  bad.lossWeights.read = () => Promise.resolve(new Float32Array(27).fill(NaN));
  const loader = new ExampleLoader([bad], sizes, { permutableAxes: [], reflectableAxes: [] });
  await rejects(
    loader.load(loader.draw({ center: [1, 1, 1], volume: "v" }, new Random(0))),
    /weights of "v" around xyz \(1, 1, 1\): they must be 0 or more, current value is NaN/,
  );
});

Deno.test("FovLoop spreads examples over batches, and goes on from a saved state", async () => {
  const model = smallModel([5, 5, 5], [2, 2, 2]);
  const sizes = exampleSizes(model, "fixed", 1);
  const count = volumeOf(sizes.image);
  const example = (n: number): Example => ({
    draw: {
      center: [n, 0, 0],
      volume: "v",
      orientation: drawOrientation([], [], new Random(0)),
    },
    image: new Float32Array(count).fill(n),
    labels: new Float32Array(count),
    weights: new Float32Array(count),
  });
  const make = (mixBatches: number, first: number) => {
    let made = first;
    return new FovLoop({
      ...{ model, sizes, mixBatches, policy: "fixed", batchSize: 2, seedPad: 0.05 },
      shifts: gridShifts(model.deltas, 1).slice(0, 2),
      threshold: Math.fround(logit(0.9)),
    }, {
      next: () => Promise.resolve(example(made++)),
      load: ({ center }) => Promise.resolve(example(center[0])),
      finished: () => {},
    });
  };
  /** Numbers of the examples of so many batches; every move is valid, so an example lasts three of its steps. */
  const run = async (loop: FovLoop, batches: number) => {
    const seen: string[] = [];
    for (let i = 0; i < batches; i++) {
      const { image } = await loop.next();
      seen.push(`${image[0]},${image[125]}`);
      loop.writeBack(new Float32Array(250).fill(4));
    }
    return seen.join(" ");
  };
  strictEqual(await run(make(1, 0), 5), "0,1 0,1 0,1 2,3 2,3");
  const loop = make(3, 0);
  strictEqual(await run(loop, 8), "0,1 2,3 4,5 0,1 2,3 4,5 0,1 2,3");
  const state = loop.state();
  const other = make(3, 6);
  await other.restore(structuredClone(state));
  const rest = await run(loop, 5);
  strictEqual(rest, "4,5 6,7 8,9 10,11 6,7");
  strictEqual(await run(other, 5), rest);
  // Saved before every slot has an example.
  const early = make(3, 0);
  await run(early, 2);
  const late = make(3, 4);
  await late.restore(early.state());
  strictEqual(await run(late, 4), await run(early, 4));
});

/** The field that stands for a network in vector V2. */
function field([Z, Y, X]: Zyx): number {
  return 4 - 0.75 * Math.abs(Y - X / 2) - 1.25 * Math.abs(Z - (X > 1 ? 1 : 0));
}

/** Steps (xyz) of one example, and its canvas at the end. */
async function analyticRun(
  policy: FovPolicyName,
): Promise<{ steps: string[]; canvas: Float32Array }> {
  const model = smallModel(xyz(5, 5, 3), xyz(2, 2, 1));
  const sizes = exampleSizes(model, policy, 1);
  const count = volumeOf(sizes.image);
  const draw = {
    center: [0, 0, 0] as Zyx,
    volume: "v",
    orientation: drawOrientation([], [], new Random(0)),
  };
  // The image holds the flat index of each voxel, by which a crop tells where it is.
  const image = Float32Array.from({ length: count }, (_, i) => i);
  const example = {
    draw,
    image,
    labels: new Float32Array(count),
    weights: new Float32Array(count),
  };
  let canvas: Float32Array | null = null;
  const loop = new FovLoop({
    ...{ model, sizes, policy, batchSize: 1, seedPad: 0.05 },
    shifts: fixedShifts(model.deltas),
    threshold: Math.fround(logit(0.9)),
  }, {
    next: () => Promise.resolve(example),
    load: () => Promise.resolve(example),
    finished: (_, last) => void (canvas ??= last.slice()),
  });
  const steps: string[] = [];
  const [, height, width] = sizes.image;
  const place = (i: number): Zyx => [
    Math.floor(i / height / width) - (sizes.image[0] >> 1),
    Math.floor(i / width) % height - (height >> 1),
    i % width - (width >> 1),
  ];
  for (;;) {
    const batch = await loop.next();
    if (canvas) return { steps, canvas };
    steps.push(Object.values(toXyz(place(batch.image[batch.image.length >> 1]))).join());
    loop.writeBack(batch.image.map((i) => field(place(i))));
  }
}

Deno.test("the policy fixed takes the steps of vector V2", async () => {
  const { steps, canvas } = await analyticRun("fixed");
  deepStrictEqual(steps, [
    ...["0,0,0", "-2,-2,0", "-2,0,0", "0,-2,0", "0,0,-1", "0,0,1", "0,2,0", "2,0,1", "2,2,1"],
  ]);
  ok(Math.abs(canvas.reduce((a, b) => a + b, 0) - -23.527061) < 1e-4);
  strictEqual(canvas.filter((v) => v >= Math.fround(logit(0.9))).length, 67);
});

Deno.test("the policy max_pred_moves takes the steps of vector V2", async () => {
  const { steps, canvas } = await analyticRun("max_pred_moves");
  deepStrictEqual(steps, [
    ...["0,0,0", "2,1,1", "-2,-1,0", "2,2,1", "-2,-1,-1", "4,2,1", "0,-1,0", "2,1,2", "-4,-2,0"],
    ...["-4,-3,0", "-4,-2,1", "-4,-2,-1", "4,4,1", "2,1,0", "-2,-3,0", "0,0,1", "2,-1,1", "-2,0,0"],
    ...["4,2,2", "4,2,0", "0,0,-1", "4,1,1", "0,2,0"],
  ]);
  ok(Math.abs(canvas.reduce((a, b) => a + b, 0) - -1454.218475) < 1e-3);
  strictEqual(canvas.filter((v) => v >= Math.fround(logit(0.9))).length, 97);
});

Deno.test("logit32() of vector L1: what canvases begin with", () => {
  deepStrictEqual([0.05, 0.95, 0.5].map(logit32), [-2.944439, 2.9444387, 0].map(Math.fround));
});

Deno.test("adjustContrast() and adjustBrightness() of vector A1", () => {
  const bytes = [10, 20, 30, 200, 5, 10, 15, 100];
  const changed = (change: (data: Float32Array) => void) => {
    const data = Float32Array.from(bytes);
    change(data);
    return [...data];
  };
  const size: Zyx = [2, 2, 2];
  deepStrictEqual(changed((d) => adjustContrast(d, size, 1.5, true)), [
    0,
    0,
    12,
    255,
    0,
    0,
    6,
    134,
  ]);
  deepStrictEqual(changed((d) => adjustBrightness(d, 0.1, true)), [
    35,
    45,
    55,
    225,
    30,
    35,
    40,
    125,
  ]);
  deepStrictEqual(changed((d) => adjustContrast(d, size, 1.5, false)), [
    ...[-17.5, -2.5, 12.5, 267.5],
    ...[-8.75, -1.25, 6.25, 133.75],
  ]);
});

Deno.test("drawOrientation() gives each of the 16 outcomes of vector A1 as often", () => {
  const random = new Random(4);
  const counts = new Map<string, number>();
  for (let i = 0; i < 16_000; i++) {
    const key = JSON.stringify(drawOrientation([1, 2], [0, 1, 2], random));
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  strictEqual(counts.size, 16);
  ok([...counts.values()].every((n) => Math.abs(n - 1000) < 160), String([...counts.values()]));
});

Deno.test("oriented() first lets axes change places, then reverses them", () => {
  const data = Float32Array.from({ length: 18 }, (_, i) => i);
  // Output [z, y, x] takes input axes z, x, y: out[z][y][x] = in[z][x][y]; then y is reversed.
  const turned = oriented(data, [2, 3, 3], { order: [0, 2, 1], flipped: [false, true, false] });
  deepStrictEqual([...turned.subarray(0, 9)], [2, 5, 8, 1, 4, 7, 0, 3, 6]);
});
