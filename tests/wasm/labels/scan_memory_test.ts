import {
  deepStrictEqual,
  notDeepStrictEqual,
  notStrictEqual,
  rejects,
  strictEqual,
  throws,
} from "node:assert/strict";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { ArrayMaker } from "../../../wasm/labels/array_maker.ts";
import { ComponentScan, labelComponents } from "../../../wasm/labels/component_scan.ts";
import { ScanMemory } from "../../../wasm/labels/scan_memory.ts";

/** Enough voxels for a thread to get the result's memory. */
const SIZE: Zyx = [70, 128, 128];

/** Cubes of a volume, a label of their own each or in alternation. */
function cubes(edge: number): { labels: Uint16Array; count: number } {
  const labels = new Uint16Array(volumeOf(SIZE));
  const [ny, nx] = [SIZE[1] / edge, SIZE[2] / edge];
  for (let i = 0; i < labels.length; i++) {
    const [z, y, x] = [Math.floor(i / SIZE[1] / SIZE[2]), Math.floor(i / SIZE[2]) % SIZE[1], i]
      .map((n, axis) => Math.floor((axis === 2 ? n % SIZE[2] : n) / edge));
    labels[i] = 1 + (z * ny + y) * nx + x;
  }
  return { labels, count: Math.ceil(SIZE[0] / edge) * ny * nx };
}

for (const threads of [1, 2] as const) {
  Deno.test(`ScanMemory serves scan after scan, none of which touches the results before it (threads: ${threads})`, async () => {
    using memory = await ScanMemory.open(threads);
    const kept: { found: Uint32Array; expected: Uint32Array }[] = [];
    for (const edge of [8, 32, 16]) {
      // Every cube has a label of its own, given in C order of first voxels.
      const { labels, count } = cubes(edge);
      const found = await labelComponents(labels, SIZE, 6, undefined, memory);
      deepStrictEqual(found.count, count);
      kept.push({ found: found.labels, expected: Uint32Array.from(labels) });
    }
    for (const { found, expected } of kept) deepStrictEqual(found, expected);
    notDeepStrictEqual(kept[0].found, kept[1].found);
  });
}

Deno.test("ScanMemory.reuse() gives the memory of labels to a later scan, and takes it from who still holds them", async () => {
  using memory = await ScanMemory.open();
  const { labels } = cubes(8);
  const first = await labelComponents(labels, SIZE, 6, undefined, memory);
  const view = first.labels.subarray(5);
  memory.reuse(first.labels);
  deepStrictEqual([first.labels.length, view.length], [0, 0]);
  const empty = await labelComponents(new Uint8Array(labels.length), SIZE, 6, undefined, memory);
  deepStrictEqual(empty, { labels: new Uint32Array(labels.length), count: 0 });

  // Part of a buffer stays with its owner, and so does what has another size than the next result.
  const part = new Uint32Array(4 * labels.length).subarray(labels.length, 2 * labels.length);
  memory.reuse(part);
  deepStrictEqual(part.length, labels.length);
  memory.reuse(new Uint32Array(7).fill(3));
  const found = await labelComponents(labels, SIZE, 6, undefined, memory);
  deepStrictEqual(found.labels, Uint32Array.from(labels));
});

Deno.test("ArrayMaker.make() gives zeros of the length that was asked for, also when asked twice or closed", async () => {
  const maker = await ArrayMaker.open();
  for (const length of [0, 5, 2 ** 20 + 3]) {
    const arrays = await Promise.all([maker.make(length), maker.make(length)]);
    for (const array of arrays) deepStrictEqual(array, new Uint32Array(length));
    notStrictEqual(arrays[0].buffer, arrays[1].buffer);
  }
  const late = maker.make(2 ** 20);
  maker[Symbol.dispose]();
  deepStrictEqual(await late, new Uint32Array(2 ** 20));
  deepStrictEqual((await maker.make(2 ** 20)).length, 2 ** 20);
});

Deno.test("ScanMemory.take() refuses a second scan at a time, and one after its end", async () => {
  const memory = await ScanMemory.open(2);
  {
    using _scan = await ComponentScan.create(SIZE, 6, memory);
    await rejects(() => ComponentScan.create(SIZE, 6, memory), {
      name: "RangeError",
      message: /^Cannot scan components: the given memory is that of another scan/,
    });
  }
  (await ComponentScan.create(SIZE, 6, memory))[Symbol.dispose]();
  memory[Symbol.dispose]();
  throws(() => memory.take(), /the given memory is disposed/);
});

Deno.test("ScanMemory.keep() serves scans that are given none; those at the same time have their own", async () => {
  const { labels, count } = cubes(16);
  {
    using kept = await ScanMemory.keep();
    strictEqual(ScanMemory.kept, kept);
    using _scan = await ComponentScan.create(SIZE);
    strictEqual(ScanMemory.kept, null);
    deepStrictEqual((await labelComponents(labels, SIZE)).count, count);
  }
  strictEqual(ScanMemory.kept, null);
  deepStrictEqual((await labelComponents(labels, SIZE)).count, count);
});

Deno.test("labelComponents() of many voxels gets its result from a thread", async () => {
  const size: Zyx = [2, 4200, 4200];
  const labels = new Uint8Array(volumeOf(size)).fill(1);
  labels[0] = 0;
  const { labels: found, count } = await labelComponents(labels, size);
  deepStrictEqual([count, found[0], found[1], found.at(-1)], [1, 0, 1, 1]);
});
