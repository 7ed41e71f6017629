import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { parseText } from "../../engine/formats/protobuf/text_reader.ts";
import { type MaskConfigs, MaskConfigsSchema } from "../../engine/formats/protobuf/masks.ts";
import { toZyx, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import {
  classesOfCounts,
  computePartitions,
  countVoxels,
  partitionedBox,
  partitionedLabels,
  type PartitionOptions,
} from "../../engine/training/partitions.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { open } from "../../engine/volumes/open.ts";
import type { Volume } from "../../engine/volumes/volume.ts";
import { h16 } from "../support/array_hash.ts";
import { seededRandom } from "../support/random.ts";
import { FIB25, testWith } from "../support/resources.ts";

/** A volume of labels from a formula over its coordinates. */
function labelled(shape: Zyx, label: (z: number, y: number, x: number) => number): Volume {
  const data = new Int32Array(volumeOf(shape));
  const [, height, width] = shape;
  data.forEach((_, i) => {
    const x = i % width, y = Math.floor(i / width) % height;
    data[i] = label(Math.floor(i / width / height), y, x);
  });
  return memoryVolume({ dtype: "int32", shape, data });
}

/** Classes `[z, y, x]` of the whole partitioned box and voxels per class, with 2 threads. */
async function partition(
  labels: Volume,
  options: Partial<PartitionOptions> & Pick<PartitionOptions, "thresholds" | "lomRadius">,
): Promise<{ size: Zyx; classes: Uint8Array; counts: [number, number][] }> {
  const full = { minSize: 1, threads: 2, ...options };
  const kept = partitionedLabels(await countVoxels(labels), full, "labels");
  const [, height, width] = labels.shape;
  const all = new Uint8Array(labels.shape.reduce((a, b) => a * b)).fill(99);
  const counts = await computePartitions(labels, kept, full, ({ start, size }, classes) => {
    for (let i = 0; i < classes.length; i++) {
      const x = i % size[2], y = Math.floor(i / size[2]) % size[1];
      const z = Math.floor(i / size[2] / size[1]);
      const at = ((start[0] + z) * height + start[1] + y) * width + start[2] + x;
      strictEqual(all[at], 99, "a voxel is written twice");
      all[at] = classes[i];
    }
    return Promise.resolve();
  });
  const { size } = partitionedBox(toZyxShape(labels), full.lomRadius);
  const classes = all.filter((value) => value !== 99);
  strictEqual(classes.length, volumeOf(size));
  return { size, classes, counts: [...counts] };
}

function toZyxShape({ shape: [z, y, x] }: Volume): Zyx {
  return [z, y, x];
}

const rows = (classes: Uint8Array, width: number) =>
  Array.from({ length: classes.length / width }, (_, i) => [
    ...classes.subarray(i * width, (i + 1) * width),
  ]);

const R1: Zyx = [1, 1, 1];

Deno.test("computePartitions() of vector P1: classes and radius order", async () => {
  const labels = labelled([5, 5, 5], (_z, _y, x) => x <= 2 ? 7 : x === 3 ? 0 : 9);
  const thresholds = [0.25, 0.5, 0.75];
  const found = await partition(labels, { thresholds, lomRadius: R1 });
  deepStrictEqual(rows(found.classes, 3), new Array(9).fill([4, 3, 0]));
  deepStrictEqual(found.counts, [[0, 9], [3, 9], [4, 9]]);
  const flat = await partition(labels, { thresholds, lomRadius: toZyx({ x: 1, y: 1, z: 0 }) });
  deepStrictEqual(flat.size, [5, 3, 3]);
  deepStrictEqual(rows(flat.classes, 3), new Array(15).fill([4, 3, 0]));
});

Deno.test("computePartitions() of vector P2: a share equal to a threshold is in the next class", async () => {
  const labels = labelled([3, 3, 3], (z, y, x) => z === 1 && y === 1 && x === 1 ? 1 : 0);
  for (const [thresholds, value] of [[[1 / 27], 2], [[1 / 27, 0.5], 2], [[0.04], 1]] as const) {
    const { classes } = await partition(labels, { thresholds, lomRadius: R1 });
    deepStrictEqual([...classes], [value]);
  }
  const counts = await countVoxels(labels);
  throws(
    () => partitionedLabels(counts, { minSize: 2 }, "a.h5:b"),
    /"a.h5:b": no label has min_size 2 voxels, the largest of 1 has 1/,
  );
});

const P3 = labelled(
  [5, 6, 7],
  (z, y, x) => Math.floor(((3 * x + 5 * y + 7 * z + x * y) % 11) / 4),
);
const P3_OPTIONS = { thresholds: [0.3, 0.36, 0.42], lomRadius: toZyx({ x: 2, y: 1, z: 1 }) };

Deno.test("computePartitions() of vector P3: axes, dust, spheres, also cut into small parts", async () => {
  const plain = [
    ...[[1, 0, 2], [3, 1, 2], [0, 3, 0], [1, 2, 0]],
    ...[[2, 1, 0], [0, 2, 0], [1, 0, 1], [3, 0, 3]],
    ...[[0, 2, 1], [2, 0, 2], [2, 1, 3], [0, 3, 0]],
  ];
  for (const partVoxels of [1e6, 80, 1]) {
    const found = await partition(P3, { ...P3_OPTIONS, partVoxels });
    deepStrictEqual(found.size, [3, 4, 3]);
    deepStrictEqual(rows(found.classes, 3), plain, `parts of ${partVoxels}`);
    deepStrictEqual(found.counts, [[0, 13], [1, 8], [2, 9], [3, 6]]);
    const dusted = await partition(P3, { ...P3_OPTIONS, partVoxels, minSize: 70 });
    deepStrictEqual(rows(dusted.classes, 3), [
      ...[[0, 0, 2], [3, 0, 2], [0, 3, 0], [0, 2, 0]],
      ...[[2, 0, 0], [0, 2, 0], [0, 0, 0], [3, 0, 3]],
      ...[[0, 2, 0], [0, 0, 2], [2, 0, 3], [0, 3, 0]],
    ]);
    const sphere = { center: toZyx({ x: 3, y: 2, z: 2 }), radius: 1 };
    const spared = await partition(P3, { ...P3_OPTIONS, partVoxels, exclusionRegions: [sphere] });
    deepStrictEqual(rows(spared.classes, 3), [
      ...[[1, 0, 2], [3, 255, 2], [0, 3, 0], [1, 2, 0]],
      ...[[2, 255, 0], [255, 255, 255], [1, 255, 1], [3, 0, 3]],
      ...[[0, 2, 1], [2, 255, 2], [2, 1, 3], [0, 3, 0]],
    ]);
  }
});

Deno.test("computePartitions() of vector P4: whitelist and masks", async () => {
  const labels = labelled([5, 5, 5], (_z, _y, x) => x <= 2 ? 7 : 9);
  const options = { thresholds: [0.25, 0.5, 0.75], lomRadius: R1 };
  const only = await partition(labels, { ...options, idWhitelist: [7n] });
  deepStrictEqual(rows(only.classes, 3), new Array(9).fill([4, 3, 0]));
  const { masks }: MaskConfigs = parseText(
    MaskConfigsSchema,
    'masks { coordinate_expression { expression: "(x == 0) & (y == 0) & (z == 0)" } }',
    "masks",
  );
  for (const partVoxels of [1e6, 27]) {
    const masked = await partition(labels, { ...options, masks, partVoxels });
    const expected = new Array(9).fill([4, 3, 3]);
    deepStrictEqual(rows(masked.classes, 3), [[255, 3, 3], ...expected.slice(1)]);
  }
  const counts = await countVoxels(labels);
  throws(
    () => partitionedLabels(counts, { minSize: 1, idWhitelist: [8n] }, "l"),
    /none of the labels in id_whitelist \(8\)/,
  );
});

/** Classes by counting every box. */
function plainPartition(
  labels: Volume,
  data: ArrayLike<number>,
  radius: Zyx,
  thresholds: number[],
): number[] {
  const [depth, height, width] = labels.shape;
  const [rz, ry, rx] = radius;
  const voxels = volumeOf([2 * rz + 1, 2 * ry + 1, 2 * rx + 1]);
  const classes: number[] = [];
  for (let z = rz; z < depth - rz; z++) {
    for (let y = ry; y < height - ry; y++) {
      for (let x = rx; x < width - rx; x++) {
        const own = data[(z * height + y) * width + x];
        let n = 0;
        for (let a = z - rz; a <= z + rz; a++) {
          for (let b = y - ry; b <= y + ry; b++) {
            for (let c = x - rx; c <= x + rx; c++) {
              if (data[(a * height + b) * width + c] === own) n++;
            }
          }
        }
        const i = thresholds.findIndex((t) => n / voxels < t);
        classes.push(own === 0 ? 0 : i < 0 ? thresholds.length + 1 : i + 1);
      }
    }
  }
  return classes;
}

Deno.test("computePartitions() equals counting every box, for blobs of labels and any radius", async () => {
  const random = seededRandom(11);
  const thresholds = [0.1, 0.2, 0.4, 0.6];
  const sizes: [Zyx, Zyx][] = [[[9, 8, 13], [1, 2, 3]], [[6, 11, 9], [0, 0, 0]], [[7, 7, 22], [
    3,
    1,
    0,
  ]]];
  for (const [shape, radius] of sizes) {
    const centres = Array.from({ length: 7 }, () => shape.map((n) => random() * n));
    const labels = labelled(shape, (z, y, x) => {
      const distances = centres.map(([a, b, c]) => (z - a) ** 2 + (y - b) ** 2 + (x - c) ** 2);
      return random() < 0.1 ? 0 : distances.indexOf(Math.min(...distances)) - 2;
    });
    const data = await labels.read({ start: [0, 0, 0], size: shape }) as Int32Array;
    const expected = plainPartition(labels, data, radius, thresholds);
    for (const [partVoxels, threads] of [[1e6, 1], [200, 3]]) {
      const found = await partition(labels, { thresholds, lomRadius: radius, partVoxels, threads });
      deepStrictEqual([...found.classes], expected, `${shape} radius ${radius}`);
    }
  }
});

Deno.test("classesOfCounts() and partitionedBox() refuse what makes no sense", () => {
  throws(() => classesOfCounts([0.5, 0.2], R1), /ascending numbers, current are 0.5, 0.2/);
  throws(() => classesOfCounts([], R1), /current are none/);
  throws(() => partitionedBox([10, 10, 48], [4, 4, 24]), /leaves nothing of size xyz 48,10,10/);
});

Deno.test("computePartitions() stops when it is cancelled", async () => {
  const stop = new AbortController();
  stop.abort(new Error("Cannot go on"));
  await rejects(partition(P3, { ...P3_OPTIONS, signal: stop.signal }), /Cannot go on/);
});

testWith(
  "shared",
  "computePartitions() of vector P6: training sample 2, radius 24 and 16",
  async () => {
    await using labels = await open(`${FIB25}/training_sample2/groundtruth.h5:stack`);
    const thresholds = [0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    const expected = [
      [24, "1e5cee2838d3203f3a8d3928962be83d69e872585650cbf1ace711202cf1405a"],
      [16, "56f5589e9eb0b27e7798f010d96c0a953cb8dc668c196495f79ea2fd2b000b23"],
    ] as const;
    for (const [r, hash] of expected) {
      const options = { thresholds, lomRadius: [r, r, r] as const, minSize: 10000 };
      const { classes, counts } = await partition(labels, options);
      strictEqual(await h16(classes), hash.slice(0, 16));
      if (r === 24) {
        deepStrictEqual(counts.map(([, count]) => count), [
          ...[113468, 10433, 101709, 180884, 291180, 969320, 605822, 751844],
          ...[926390, 943965, 796382, 714182, 665511, 1171318],
        ]);
      }
    }
  },
);
