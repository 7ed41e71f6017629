/** V11 and V13 of `spec/inference.md`: every value was produced by the reference. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { floorDivZyx, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import type { Canvas } from "../../engine/inference/canvas.ts";
import type { CanvasOptions } from "../../engine/inference/canvas_options.ts";
import type { CanvasInput } from "../../engine/inference/canvas_input.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import { MovementRestrictor } from "../../engine/inference/restrictor.ts";
import { h16 } from "../support/array_hash.ts";
import {
  BARS_SIZE,
  barsImage,
  barsRaw,
  ListedSeeds,
  StandInNetwork,
} from "../support/bars_volume.ts";

const OPTIONS: CanvasOptions = {
  initActivation: 0.95,
  padValue: 0.05,
  moveThreshold: 0.9,
  segmentThreshold: 0.6,
  minSegmentSize: 10,
  minBoundaryDist: [1, 1, 1],
};

interface Setup extends Partial<Omit<CanvasInput, "options">> {
  readonly options?: Partial<CanvasOptions>;
  readonly network?: StandInNetwork;
  /** Before any seed is tried. */
  prepare?(canvas: Canvas): void;
}

interface Outcome {
  readonly canvas: Canvas;
  readonly network: StandInNetwork;
  readonly positions: Zyx[];
  readonly log: string[];
  readonly segmentation: Int32Array;
  readonly segProb: Uint8Array;
  /** Object id to `[start, iters, voxels]`. */
  readonly objects: Record<number, [Zyx, number, number]>;
  /** Positions marked -1, in C order. */
  readonly rejected: Zyx[];
}

async function run(seeds: Zyx[], setup: Setup = {}): Promise<Outcome> {
  const network = setup.network ?? new StandInNetwork();
  const canvas: Canvas = new HostCanvas({
    image: barsImage(),
    size: BARS_SIZE,
    predictor: network,
    ...setup,
    options: { ...OPTIONS, ...setup.options },
  });
  setup.prepare?.(canvas);
  const positions: Zyx[] = [];
  const log: string[] = [];
  const margin = floorDivZyx(network.model.imageSize, 2);
  await canvas.segmentAll(new ListedSeeds(seeds, BARS_SIZE, margin), {
    onStep: (position) => positions.push(position),
    log: (line) => log.push(line),
  });
  const { segmentation, segProb, origins } = await canvas.result();
  const objects: Outcome["objects"] = {};
  for (const [id, { startZyx, iters }] of origins) {
    objects[id] = [startZyx, iters, count(segmentation, id)];
  }
  const rejected: Zyx[] = [];
  segmentation.forEach((label, i) => label === -1 && rejected.push(positionOf(i)));
  return { canvas, network, positions, log, segmentation, segProb, objects, rejected };
}

const count = (array: Int32Array, value: number) => array.filter((v) => v === value).length;
const indexOf = ([z, y, x]: Zyx) => (z * BARS_SIZE[1] + y) * BARS_SIZE[2] + x;
const positionOf = (i: number): Zyx => [
  Math.floor(i / BARS_SIZE[2] / BARS_SIZE[1]),
  Math.floor(i / BARS_SIZE[2]) % BARS_SIZE[1],
  i % BARS_SIZE[2],
];

Deno.test("the bars volumes are those of V11 and V12", async () => {
  strictEqual(await h16(barsImage()), "1b1704d3c415af1c");
  strictEqual(await h16(barsRaw()), "7b3a6300288d636b");
});

Deno.test("segmentAll() gives the objects, marks and counters of V11 a", async () => {
  const seeds: Zyx[] = [
    [6, 6, 6],
    [6, 6, 10],
    [13, 7, 8],
    [5, 13, 13],
    [10, 2, 2],
    [1, 1, 1],
    [13, 12, 8],
    [2, 17, 20],
    [6, 6, 20],
  ];
  const { canvas, segmentation, segProb, objects, rejected } = await run(seeds);
  deepStrictEqual(objects, {
    1: [[6, 6, 6], 50, 450],
    2: [[13, 7, 8], 28, 275],
    3: [[5, 13, 13], 1, 12],
  });
  deepStrictEqual(rejected, [[2, 17, 20], [10, 2, 2]]);
  strictEqual(await h16(segmentation), "f909af81b7e9c0f7");
  strictEqual(await h16(segProb), "62cfa858565903bb");
  const histogram = new Map<number, number>();
  segProb.forEach((q) => q > 0 && histogram.set(q, (histogram.get(q) ?? 0) + 1));
  deepStrictEqual([...histogram].sort(([a], [b]) => a - b), [
    [247, 2],
    [248, 2],
    [249, 3],
    [250, 4],
    [251, 5],
    [252, 2],
    [254, 719],
  ]);
  const counters = canvas.counters.toRecord();
  strictEqual(counters["update_at-calls"], 81);
  strictEqual(counters["predict-calls"], 81);
  strictEqual(counters["seed-policy-calls"], 9);
  strictEqual(counters["segment_at-loop-calls"], 5);
  strictEqual(counters["skip_invalid_pos"], 4);
  strictEqual(counters["voxels-segmented"], 737);
});

Deno.test("segmentAll() visits the positions of V11 b in order", async () => {
  const { positions } = await run([[6, 6, 6]]);
  deepStrictEqual(positions.slice(0, 12), [
    [6, 6, 6],
    [8, 8, 5],
    [6, 5, 4],
    [5, 4, 8],
    [4, 4, 5],
    [7, 8, 7],
    [8, 6, 3],
    [6, 7, 6],
    [7, 5, 6],
    [5, 6, 10],
    [6, 6, 7],
    [6, 4, 5],
  ]);
  strictEqual(positions.length, 50);
  deepStrictEqual(positions.at(-1), [5, 7, 19]);
});

for (
  const [disco, logits, hash] of [
    [-1, [11.562368392944336, -2.0590274333953857, -2.0295138359069824], "6c6e0b7e1d59ec14"],
    [0, [11.562368392944336, -2.472219467163086, -2.472219467163086], "a85b6a84818e242a"],
    [0.5, [11.562368392944336, -2.236109733581543, -2.236109733581543], "d72cdbcd5ef0bfdc"],
  ] as const
) {
  Deno.test(`segmentAll() freezes voxels as V11 c with disco_seed_threshold ${disco}`, async () => {
    const { canvas, segmentation, positions } = await run([[6, 6, 6]], {
      options: { discoSeedThreshold: disco },
    });
    const seed = await canvas.objectMap();
    deepStrictEqual([[6, 6, 6], [9, 6, 6], [9, 6, 8]].map((p) => seed[indexOf(p as never)]), [
      ...logits,
    ]);
    strictEqual(await h16(seed.map((v) => Number.isNaN(v) ? -99 : v)), hash);
    strictEqual(positions.length, 50);
    strictEqual(await h16(segmentation), "8f95879775fd1907");
  });
}

Deno.test("segmentAll() rejects small, crowded and weak seeds as V11 d", async () => {
  const seeds: Zyx[] = [[5, 13, 13], [6, 6, 6], [6, 6, 10], [10, 6, 6], [9, 6, 6]];
  const { canvas, log, segmentation, objects, rejected } = await run(seeds, {
    options: { minSegmentSize: 13 },
  });
  deepStrictEqual(log, [
    "Starting segmentation at 5, 13, 13 (zyx)",
    "Failed: too small: 12",
    "Starting segmentation at 6, 6, 6 (zyx)",
    "Created supervoxel:1  seed(zyx):6, 6, 6  size:450  iters:50",
    "Starting segmentation at 10, 6, 6 (zyx)",
    "Failed: weak seed",
    "Segmentation done.",
  ]);
  deepStrictEqual(Object.values(objects).map(([, , voxels]) => voxels), [450]);
  deepStrictEqual(rejected, [[5, 13, 13], [9, 6, 6], [10, 6, 6]]);
  strictEqual(canvas.counters.get("seed_got_too_weak"), 1);
  strictEqual(canvas.counters.get("skip_invalid_pos"), 1);
  strictEqual(canvas.counters.get("update_at-calls"), 52);
  strictEqual(await h16(segmentation), "b1d6951dbee88540");
});

Deno.test("segmentAll() clips the clearance box at the canvas (V11 e, decision G8)", async () => {
  const { canvas, rejected } = await run([[6, 6, 6], [2, 2, 3]], {
    options: { minBoundaryDist: [4, 4, 4] },
  });
  deepStrictEqual(rejected, [[2, 2, 3]]);
  // The reference finds an empty slice there and predicts once more.
  strictEqual(canvas.counters.get("update_at-calls"), 50);
});

Deno.test("initSegmentation() keeps earlier labels as V11 f", async () => {
  const labels = new BigInt64Array(volumeOf(BARS_SIZE));
  for (let i = 0; i < labels.length; i++) {
    const [z, y, x] = positionOf(i);
    if (z < 2 && y < 2 && x < 2) labels[i] = 5n;
    if (z >= 4 && z <= 8 && y >= 4 && y <= 8 && x >= 12 && x <= 13) labels[i] = 900000000000n;
  }
  const { canvas, segmentation, segProb, objects } = await run([[6, 6, 6]], {
    prepare: (canvas) =>
      deepStrictEqual([...canvas.initSegmentation(labels)], [[0n, 0], [5n, 1], [
        900000000000n,
        2,
      ]]),
  });
  deepStrictEqual(objects, { 3: [[6, 6, 6], 18, 215] });
  deepStrictEqual([...(await canvas.result()).overlaps], [[3, { ids: [2], counts: [20] }]]);
  ok(labels.every((label, i) => label === 0n || segProb[i] === 255));
  strictEqual(await h16(segmentation), "b996c82bf8f0bb7d");
});

Deno.test("segmentAll() predicts until consistent as V11 g", async () => {
  const loose = await run([[6, 6, 6]], { options: { consistencyThreshold: 0.02 } });
  strictEqual(loose.positions.length, 47);
  strictEqual(loose.network.predictions, 66);
  strictEqual(await h16(loose.segmentation), "8f95879775fd1907");
  strictEqual(await h16(loose.segProb), "90b13c1e6f016aaa");
  const strict = await run([[5, 13, 13]], { options: { consistencyThreshold: 1e-9 } });
  strictEqual(strict.positions.length, 1);
  strictEqual(strict.network.predictions, 19);
});

Deno.test("segmentAll() halts as V11 h", async () => {
  const halted: Zyx[] = [];
  const { canvas, objects, rejected } = await run([[6, 6, 6]], {
    halt: ({ position, start, image }) => {
      const threshold = position === start || `${position}` === `${start}` ? 1 : 0.5;
      const selfPrediction = image[Math.floor(image.length / 2)] > 1.15 ? 1 : 0;
      if (selfPrediction > threshold) halted.push(position);
      return selfPrediction > threshold;
    },
  });
  deepStrictEqual(halted, [[8, 8, 5]]);
  strictEqual(canvas.counters.get("update_at-calls"), 2);
  strictEqual(canvas.counters.get("halts"), 1);
  deepStrictEqual(objects, {});
  deepStrictEqual(rejected, [[6, 6, 6]]);
});

Deno.test("segmentAll() keeps centres out of a mask, not objects (V11 i)", async () => {
  const mask = Uint8Array.from(
    { length: volumeOf(BARS_SIZE) },
    (_, i) => Number(positionOf(i)[2] >= 12),
  );
  const { canvas, objects, segmentation } = await run([[6, 6, 6], [6, 6, 14]], {
    restrictor: new MovementRestrictor(BARS_SIZE, { mask }),
  });
  deepStrictEqual(objects, { 1: [[6, 6, 6], 18, 235] });
  strictEqual(canvas.counters.get("skip_restriced_pos"), 1);
  strictEqual(await h16(segmentation), "a9d10d04e2237b87");
});

Deno.test("segmentAll() starts no object in a seed mask (V11 j)", async () => {
  const seedMask = new Uint8Array(volumeOf(BARS_SIZE));
  seedMask[indexOf([6, 6, 6])] = 1;
  const { objects } = await run([[6, 6, 6], [6, 6, 7]], {
    restrictor: new MovementRestrictor(BARS_SIZE, { seedMask }),
  });
  deepStrictEqual(objects[1].slice(0, 2), [[6, 6, 7], 48]);
});

Deno.test("segmentAll() stays away from shifted sections (V11 k)", async () => {
  const size: Zyx = [20, 10, 12];
  const shifts = [new Int32Array(volumeOf(size)), new Int32Array(volumeOf(size))];
  shifts[1][(6 * 10 + 2) * 12 + 8] = -4;
  const fov = { start: [0, -2, -2], size: [1, 5, 5] } as const;
  const restrictor = new MovementRestrictor(BARS_SIZE, {
    shiftMask: { shifts, size, scale: 2, threshold: 4, fov },
  });
  const { canvas, positions, objects, segmentation } = await run([[6, 6, 6]], { restrictor });
  strictEqual(positions.length, 44);
  strictEqual(canvas.counters.get("skip_restriced_pos"), 2);
  deepStrictEqual(objects, { 1: [[6, 6, 6], 44, 439] });
  strictEqual(await h16(segmentation), "2f434d74a360df89");
});

Deno.test("segmentAll() moves in a plane with a 2-d field of view (V11 l)", async () => {
  const { positions, objects, segmentation } = await run([[6, 6, 6]], {
    network: new StandInNetwork([1, 5, 5], [0, 1, 2]),
    options: { minSegmentSize: 5 },
  });
  strictEqual(positions.length, 27);
  ok(positions.every(([z]) => z === 6));
  deepStrictEqual(objects, { 1: [[6, 6, 6], 27, 90] });
  strictEqual(await h16(segmentation), "a207ab1ec8831090");
});

Deno.test("segmentAll() writes predictions smaller than the seed (V13)", async () => {
  const image = Float32Array.from(barsRaw(), (v) => (v - 128) / 32);
  const { objects, segmentation } = await run([[6, 6, 6], [5, 13, 13]], {
    image,
    network: new StandInNetwork([5, 5, 5], [1, 1, 1], [3, 3, 3]),
  });
  deepStrictEqual(objects, { 1: [[6, 6, 6], 147, 425], 2: [[5, 13, 13], 4, 12] });
  strictEqual(await h16(segmentation), "2ba9b0759c4d38ff");
});
