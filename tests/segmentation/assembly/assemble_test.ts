import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import type { Box } from "../../../engine/geometry/box.ts";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import {
  assemble,
  type AssemblyInput,
  type AssemblyOptions,
} from "../../../engine/segmentation/assembly/assemble.ts";
import { pasteLikeReference } from "../../../engine/segmentation/assembly/paste.ts";
import { compareLabels } from "../../../engine/segmentation/metrics.ts";
import { boxesAt, scrambledPart } from "../../support/inference_results.ts";
import { seededRandom } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary_folder.ts";

const RECONCILE: AssemblyOptions = {
  assembly: "reconcile",
  overlapRule: "both",
  minOutSize: 0,
};

/** Assembles in a folder of its own and reads everything. */
async function assembled(input: Omit<AssemblyInput, "folder" | "settings"> & { folder?: string }) {
  await using folder = await temporaryFolder();
  using volume = await assemble({ settings: {}, folder: folder.path, ...input });
  const labels = await volume.read({ start: [0, 0, 0], size: volume.size });
  return { labels, ...volume };
}

Deno.test("pasteLikeReference() gives the recorded labels (T3)", async () => {
  const cases: [number[], number[], number, number[], number][] = [
    [[0, 0, 0, 0, 0, 0], [3, 3, 0, 3, 4, 4], 0, [2, 2, 0, 3, 4, 4], 4],
    [[7, 7, 0, 0, 0, 0], [3, 3, 3, 0, 4, 4], 7, [7, 7, 9, 0, 10, 10], 10],
    [[7, 7, 0, 0], [3, 3, 3, 4], 20, [7, 7, 22, 23], 23],
    [[0, 0, 0], [2, 2, 2], 0, [1, 1, 1], 1],
    [[0, 0, 0], [2, 2, 5], 0, [1, 1, 2], 2],
    [[5, 5], [9, 0], 6, [5, 5], 6],
  ];
  for (const [before, fresh, oldMax, expected, newMax] of cases) {
    const { labels, maxId } = await pasteLikeReference(
      Uint32Array.from(before),
      Uint32Array.from(fresh),
      [1, 1, before.length],
      oldMax,
    );
    deepStrictEqual([...labels], expected);
    deepStrictEqual(maxId, newMax);
  }
});

/** The two subvolumes of vector T6, object 3 at x 34 or 20. */
function t6(x3: number): Uint32Array[] {
  const [first, second] = [new Uint32Array(64 ** 3), new Uint32Array(64 ** 3)];
  const at = (z: number, y: number, x: number) => (z * 64 + y) * 64 + x;
  first.fill(1, at(10, 10, 0), at(10, 10, 64));
  first.fill(2, at(10, 20, 0), at(10, 20, 10));
  first.fill(3, at(10, 40, x3), at(10, 40, x3 + 4));
  second.fill(5, at(10, 10, 0), at(10, 10, 64));
  second.fill(6, at(10, 30, 40), at(10, 30, 64));
  second[at(5, 5, 50)] = 7;
  second[at(5, 7, 60)] = 8;
  return [first, second];
}

const T6_BOXES: Box[] = [[0, 0, 0], [0, 0, 36]].map((start) => ({
  start: start as unknown as Zyx,
  size: [64, 64, 64],
}));

Deno.test("assemble() pastes as recorded, with dust counted in the whole volume (T6, P5, P7)", async () => {
  for (const [minOutSize, x3] of [[0, 34], [3, 34], [3, 20]]) {
    const parts = t6(x3);
    const { labels, size, maxId } = await assembled({
      boxes: T6_BOXES,
      load: (i) => Promise.resolve(parts[i]),
      options: { assembly: "paste", overlapRule: "both", minOutSize },
    });
    deepStrictEqual(size, [64, 64, 100]);
    deepStrictEqual(maxId, 9);
    const row = (z: number, y: number) => [...labels.subarray((z * 64 + y) * 100).subarray(0, 100)];
    const wanted = (...runs: [number, number, number][]) => {
      const out = new Array<number>(100).fill(0);
      for (const [label, from, to] of runs) out.fill(label, from, to);
      return out;
    };
    deepStrictEqual(row(10, 10), wanted([2, 0, 64], [8, 64, 100]));
    deepStrictEqual(row(10, 20), wanted([3, 0, 10]));
    deepStrictEqual(row(10, 30), wanted([9, 76, 100]));
    deepStrictEqual(row(10, 40), wanted([4, x3, x3 + 4]));
    const dust = minOutSize > 0 ? [0, 0] : [6, 7];
    deepStrictEqual([row(5, 5)[86], row(5, 7)[96]], dust);
  }
});

Deno.test("assemble() reconciles the line that goes on, and numbers objects densely", async () => {
  const parts = t6(34);
  const { labels, objects, maxId } = await assembled({
    boxes: T6_BOXES,
    load: (i) => Promise.resolve(parts[i]),
    options: { ...RECONCILE, minOutSize: 2 },
  });
  deepStrictEqual([objects, maxId], [4, 4]);
  const row = (y: number) => labels.subarray((10 * 64 + y) * 100, (10 * 64 + y + 1) * 100);
  deepStrictEqual(new Set(row(10)), new Set([1]));
  deepStrictEqual([row(20)[0], row(40)[36], row(30)[80]], [2, 3, 4]);
});

/** Cubes of 5³ voxels, each an object or background. */
function cubes(size: Zyx, seed: number): Uint32Array {
  const random = seededRandom(seed);
  const ids = Array.from({ length: 512 }, () => random() < 0.2 ? 0 : 1 + Math.floor(random() * 60));
  return Uint32Array.from({ length: volumeOf(size) }, (_, i) => {
    const [z, y, x] = [
      Math.floor(i / (size[1] * size[2])),
      Math.floor(i / size[2]) % size[1],
      i % size[2],
    ].map((n) => Math.floor(n / 5));
    return ids[(z * 8 + y) * 8 + x];
  });
}

/** Beams that go through the whole volume along z. */
function beams(size: Zyx): Uint32Array {
  return Uint32Array.from({ length: volumeOf(size) }, (_, i) => {
    const [y, x] = [Math.floor(i / size[2]) % size[1], i % size[2]];
    return x % 9 === 8 ? 0 : 1 + Math.floor(x / 9) + 4 * Math.floor(y / 18);
  });
}

Deno.test("assemble() restores a volume that was cut into boxes with scrambled labels", async () => {
  const size: Zyx = [36, 36, 36];
  const truth = beams(size);
  const boxes = boxesAt([0, 10, 20], [16, 16, 16]);
  const { labels, objects } = await assembled({
    boxes,
    load: (i) => Promise.resolve(scrambledPart(truth, size, boxes[i], i)),
    options: RECONCILE,
  });
  const { all } = compareLabels(labels, truth);
  deepStrictEqual([all.split, all.merge, objects], [0, 0, 8]);
});

Deno.test("assemble() joins by half of both, or of either", async () => {
  const boxes: Box[] = [
    { start: [0, 0, 0], size: [1, 1, 12] },
    { start: [0, 0, 2], size: [1, 1, 12] },
  ];
  // All of object 1, and most of object 2, lie in the one object of the second box.
  const first = Uint32Array.of(0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2);
  const second = new Uint32Array(12).fill(3);
  const run = async (overlapRule: "both" | "either") => {
    const load = (i: number) => Promise.resolve([first, second][i]);
    return [...(await assembled({ boxes, load, options: { ...RECONCILE, overlapRule } })).labels];
  };
  deepStrictEqual(await run("both"), [0, 0, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
  deepStrictEqual(await run("either"), [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
});

Deno.test("assemble() continues a run that was stopped, and gives the same labels", async () => {
  const size: Zyx = [36, 36, 36];
  const truth = cubes(size, 9);
  const boxes = boxesAt([0, 10, 20], [16, 16, 16]);
  const load = (i: number) => Promise.resolve(scrambledPart(truth, size, boxes[i], i));
  const whole = await assembled({ boxes, load, options: RECONCILE });
  await using folder = await temporaryFolder();
  const settings = { of: "test" };
  const input = { boxes, options: RECONCILE, folder: folder.path, settings };
  let loads = 0;
  await rejects(() =>
    assemble({
      ...input,
      load: (i) => ++loads > 11 ? Promise.reject(new Error("stopped")) : load(i),
    }), { message: "stopped" });
  // The journal lost its last line half-written, as a kill may leave it: that subvolume is pasted anew.
  const journal = folder.of("journal.jsonl");
  const text = await Deno.readTextFile(journal);
  await Deno.writeTextFile(journal, text.slice(0, -30));
  const again: number[] = [];
  using volume = await assemble({ ...input, load: (i) => (again.push(i), load(i)) });
  deepStrictEqual(again.length, 27 - 10);
  const labels = await volume.read({ start: [0, 0, 0], size: volume.size });
  deepStrictEqual(labels, whole.labels);
  await rejects(
    () => assemble({ ...input, load, settings: { of: "something else" } }),
    { name: "RangeError", message: /begun with .*"of":"test".* current settings/ },
  );
});

Deno.test("assemble() stops when it is cancelled, and refuses labels of another size", async () => {
  await using folder = await temporaryFolder();
  const boxes = boxesAt([0], [4, 4, 4]);
  const input = { boxes, options: RECONCILE, folder: folder.path, settings: {} };
  const signal = AbortSignal.abort(new Error("enough"));
  const load = () => Promise.resolve(new Uint32Array(64));
  await rejects(() => assemble({ ...input, load, signal }), { message: "enough" });
  await rejects(() => assemble({ ...input, load: () => Promise.resolve(new Uint32Array(63)) }), {
    name: "RangeError",
    message: /its box has 64 voxels, current labels are 63/,
  });
  using empty = await assemble({ ...input, load });
  ok(empty.objects === 0 && empty.maxId === 0);
});

Deno.test("assemble() refuses more objects than uint32 has numbers", async () => {
  await using folder = await temporaryFolder();
  const boxes: Box[] = [0, 2].map((x) => ({ start: [0, 0, x], size: [1, 1, 4] }));
  const input = { boxes, options: RECONCILE, folder: folder.path, settings: {} };
  const stop = new Error("stopped");
  await rejects(() => assemble({ ...input, load: () => Promise.reject(stop) }), stop);
  // As after a first subvolume that took nearly all of them.
  const entry = { subvolume: 0, maxId: 2 ** 32 - 4, counts: [], joins: [] };
  await Deno.writeTextFile(folder.of("journal.jsonl"), `${JSON.stringify(entry)}\n`, {
    append: true,
  });
  const load = () => Promise.resolve(Uint32Array.of(1, 2, 3, 4));
  await rejects(() => assemble({ ...input, load }), {
    name: "RangeError",
    message: /labels go up to 4294967294, current 4294967296; remove dust/,
  });
});
