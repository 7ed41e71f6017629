import { deepStrictEqual, notDeepStrictEqual, rejects, throws } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { KernelMemory, kernelModule } from "../../../wasm/kernel_memory.ts";
import { ComponentScan, labelComponents } from "../../../wasm/labels/component_scan.ts";
import { KernelThreads } from "../../../wasm/labels/kernel_threads.ts";
import { ScanThreads } from "../../../wasm/labels/scan_threads.ts";

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

Deno.test("ScanThreads serve scan after scan, and no scan touches the result of one before", async () => {
  using threads = await ScanThreads.open(2);
  const kept: { found: Uint32Array; expected: Uint32Array }[] = [];
  for (const edge of [8, 32, 16]) {
    // Every cube has a label of its own, given in C order of first voxels.
    const { labels, count } = cubes(edge);
    const found = await labelComponents(labels, SIZE, 6, undefined, threads);
    deepStrictEqual(found.count, count);
    kept.push({ found: found.labels, expected: Uint32Array.from(labels) });
  }
  for (const { found, expected } of kept) deepStrictEqual(found, expected);
  notDeepStrictEqual(kept[0].found, kept[1].found);
});

Deno.test("ScanThreads.zeros() are zeros of the length that was asked for, also when asked twice", async () => {
  using threads = await ScanThreads.open(2);
  for (const length of [0, 5, 2 ** 20 + 3]) {
    const arrays = await Promise.all([threads.zeros(length), threads.zeros(length)]);
    for (const array of arrays) deepStrictEqual(array, new Uint32Array(length));
    deepStrictEqual(arrays[0].buffer === arrays[1].buffer, false);
  }
});

Deno.test("ScanThreads.take() refuses a second scan at a time, and one after the threads' end", async () => {
  const threads = await ScanThreads.open(2);
  {
    using _scan = await ComponentScan.create(SIZE, 6, threads);
    await rejects(() => ComponentScan.create(SIZE, 6, threads), {
      name: "RangeError",
      message: /^Cannot scan components: the given threads have another scan to work for/,
    });
  }
  (await ComponentScan.create(SIZE, 6, threads))[Symbol.dispose]();
  threads[Symbol.dispose]();
  throws(() => threads.take(), /the given threads are disposed/);
});

Deno.test("ScanThreads.keep() serves scans that are given no threads, of which others have their own", async () => {
  const { labels, count } = cubes(16);
  {
    using kept = await ScanThreads.keep(2);
    deepStrictEqual(ScanThreads.kept, kept);
    using _scan = await ComponentScan.create(SIZE);
    deepStrictEqual(ScanThreads.kept, null);
    deepStrictEqual((await labelComponents(labels, SIZE)).count, count);
  }
  deepStrictEqual(ScanThreads.kept, null);
  deepStrictEqual((await labelComponents(labels, SIZE)).count, count);
});

Deno.test("KernelThreads.run() and begin() throw what a call threw, and go on", async () => {
  const memory = new KernelMemory({ shared: true });
  const kernel = await memory.load("labels_components");
  const module = await kernelModule("labels_components");
  using threads = await KernelThreads.open("labels_components", module, memory.memory, 2);
  const call = (runs: number) => ({ name: "number_runs", arguments: [0, runs] });
  const wrong = {
    name: "KernelError",
    message:
      /^Cannot run "labels_components" on threads: RuntimeError: memory access out of bounds/,
  };
  await rejects(() => threads.run([call(0), call(2 ** 20), call(0)]), wrong);
  await threads.run([call(0)]);
  throws(threads.begin(kernel as object, [call(0), call(2 ** 20)]), wrong);
  threads.begin(kernel as object, Array.from({ length: 100 }, () => call(0)))();
});
