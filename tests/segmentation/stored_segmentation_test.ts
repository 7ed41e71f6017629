/** Storage layout, saving and loading: V17 of `spec/inference.md`. */
import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { dirname, join } from "node:path";
import { encodeNpz, openNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins, encodeOrigins } from "../../engine/formats/origins.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { SegmentationSource } from "../../engine/formats/protobuf/masks.ts";
import {
  loadOrigins,
  loadSegmentation,
  loadSegmentationFromSource,
} from "../../engine/segmentation/load_segmentation.ts";
import { reduceIdBits } from "../../engine/segmentation/reduce_id_bits.ts";
import { saveSegmentation } from "../../engine/segmentation/save_segmentation.ts";
import {
  cornerOfPath,
  legacySubvolumePath,
  listSegmentations,
  removeUnfinished,
  subvolumePath,
} from "../../engine/segmentation/subvolume_paths.ts";

const CORNER: Zyx = [30, 20, 10];

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The subvolume of V17: size (3, 4, 5), object 1 in two parts, object 300 in one. */
function subvolume() {
  const size: Zyx = [3, 4, 5];
  const segmentation = new Int32Array(60);
  const segProb = new Uint8Array(60);
  const set = (id: number, z: number, ys: number[], xs: number[]) => {
    for (const y of ys) {
      for (const x of xs) {
        segmentation[(z * 4 + y) * 5 + x] = id;
        segProb[(z * 4 + y) * 5 + x] = 254;
      }
    }
  };
  set(1, 0, [0, 1], [0, 1]);
  set(1, 2, [3], [3, 4]);
  set(300, 1, [2], [2, 3, 4]);
  segProb[0] = 153;
  segProb[59] = 200;
  segmentation[30] = -1;
  return {
    size,
    segmentation,
    segProb,
    origins: new Map([
      [1, { startZyx: [0, 0, 1] as Zyx, iters: 7, walltimeSec: 0.5 }],
      [300, { startZyx: [1, 2, 3] as Zyx, iters: 2, walltimeSec: 0.25 }],
    ]),
    overlaps: new Map([[300, { ids: [1], counts: [37] }]]),
    request: Uint8Array.of(0x15, 0, 0, 0, 0x43, 0x1d, 0, 0, 4, 0),
    counters: { "update_at-calls": 9, "voxels-segmented": 9 },
  };
}

/** Voxels of every label above 0. */
function sizes(labels: ArrayLike<number | bigint>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const label of Array.from(labels)) {
    if (label > 0) counts[`${label}`] = (counts[`${label}`] ?? 0) + 1;
  }
  return counts;
}

Deno.test("subvolumePath() puts the corner in xyz into folders and name (V17)", () => {
  strictEqual(subvolumePath("out", CORNER, "npz"), join("out", "10", "20", "seg-10_20_30.npz"));
  strictEqual(subvolumePath("out", CORNER, "cpoint"), join("out/10/20/seg-10_20_30.cpoint"));
  strictEqual(subvolumePath("out", CORNER, "prob"), join("out/10/20/seg-10_20_30.prob"));
  strictEqual(legacySubvolumePath("out", CORNER, "npz"), join("out/seg-10_20_30.npz"));
});

Deno.test("cornerOfPath() reads the first x_y_z before .npz (V17)", () => {
  deepStrictEqual(cornerOfPath("a/1_2_3.npz/seg-10_20_30.npz"), [30, 20, 10]);
  deepStrictEqual(cornerOfPath("seg-1_-2_3_4.npz"), [4, 3, 2]);
  throws(() => cornerOfPath("seg-1_2.npz"), SyntaxError);
});

Deno.test("reduceIdBits() takes the smallest type (V17)", () => {
  const dtypeOf = (max: number) => reduceIdBits(BigUint64Array.of(BigInt(max), 0n), [2]).dtype;
  deepStrictEqual(
    [255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32].map(dtypeOf),
    ["uint8", "uint16", "uint16", "uint32", "uint32", "uint64"],
  );
  const wide = reduceIdBits(BigUint64Array.of(2n ** 40n, 3n), [2]);
  deepStrictEqual(wide.data, BigUint64Array.of(2n ** 40n, 3n));
  deepStrictEqual(reduceIdBits(BigInt64Array.of(255n, 0n), [2]).data, Uint8Array.of(255, 0));
  throws(() => reduceIdBits(Int32Array.of(-1), [1]), /must be >= 0, current has -1/);
});

Deno.test("saveSegmentation() writes the members in order, and a probability map beside them", () =>
  inFolder(async (dir) => {
    const saved = subvolume();
    const path = await saveSegmentation(dir, CORNER, saved);
    strictEqual(path, subvolumePath(dir, CORNER, "npz"));
    const archive = await openNpz(await Deno.readFile(path), path);
    deepStrictEqual(archive.names, [
      "segmentation",
      "origins",
      "request",
      "counters",
      "overlaps",
      "origins.json",
    ]);
    const stored = await archive.readArray("segmentation");
    strictEqual(stored.dtype, "uint16");
    deepStrictEqual(stored.shape, [3, 4, 5]);
    deepStrictEqual(sizes(stored.data), { 1: 6, 300: 3 });
    deepStrictEqual(decodeOrigins(await archive.readObject("origins")), saved.origins);
    deepStrictEqual(await archive.readBytes("request"), saved.request);
    deepStrictEqual(JSON.parse(await archive.readText("counters")), saved.counters);
    deepStrictEqual(JSON.parse(await archive.readText("origins.json"))["300"], {
      start_zyx: [1, 2, 3],
      iters: 2,
      walltime_sec: 0.25,
    });
    const prob = subvolumePath(dir, CORNER, "prob");
    const qprob = await (await openNpz(await Deno.readFile(prob), prob)).readArray("qprob");
    deepStrictEqual(qprob.data, saved.segProb);
    const files = [...Deno.readDirSync(dirname(path))].map((entry) => entry.name).sort();
    deepStrictEqual(files, ["seg-10_20_30.npz", "seg-10_20_30.prob"]);
  }));

Deno.test("loadSegmentation() splits, removes dust and applies thresholds (V17)", () =>
  inFolder(async (dir) => {
    const { origins } = subvolume();
    await saveSegmentation(dir, CORNER, subvolume());
    const load = async (options = {}) => {
      const loaded = await loadSegmentation(dir, CORNER, options);
      return { sizes: sizes(loaded.labels), origins: loaded.origins };
    };
    const split = await load();
    deepStrictEqual(split.sizes, { 1: 4, 2: 3, 3: 2 });
    const [first, second] = [origins.get(1)!, origins.get(300)!];
    deepStrictEqual([...split.origins], [[1, first], [2, second], [3, first]]);
    const whole = await load({ splitCc: false, minSize: 4 });
    deepStrictEqual(whole, { sizes: { 1: 6 }, origins: new Map([[1, first]]) });
    deepStrictEqual((await load({ minSize: 3 })).sizes, { 1: 4, 2: 3 });
    deepStrictEqual((await load({ threshold: 0.7 })).sizes, { 1: 3, 2: 3, 3: 2 });
    const probable = await load({ threshold: 0.6, splitCc: false });
    deepStrictEqual(probable, { sizes: { 1: 5, 300: 3 }, origins });
    const masked = await load({
      splitCc: false,
      mask: (corner: Zyx, size: Zyx) => {
        deepStrictEqual([corner, size], [CORNER, [3, 4, 5]]);
        return Promise.resolve(new Uint8Array(60).fill(1, 40));
      },
    });
    deepStrictEqual(masked.sizes, { 1: 4, 300: 3 });
    deepStrictEqual(await loadOrigins(dir, CORNER), origins);
  }));

Deno.test("loadSegmentationFromSource() applies what is set, the defaults where it is not", () =>
  inFolder(async (dir) => {
    await saveSegmentation(dir, CORNER, subvolume());
    const load = async (source: SegmentationSource) =>
      sizes((await loadSegmentationFromSource({ directory: dir, ...source }, CORNER)).labels);
    deepStrictEqual(await load({}), { 1: 4, 2: 3, 3: 2 });
    deepStrictEqual(await load({ threshold: 0.7, minSize: 3 }), { 1: 3, 2: 3 });
    // Coordinates of masks are global: the corner has z = 30.
    const mask = { masks: [{ coordinateExpression: { expression: "z == 31" } }] };
    deepStrictEqual(await load({ splitCc: false, mask }), { 1: 6 });
    await rejects(loadSegmentationFromSource({}, CORNER), /its source names no directory/);
  }));

Deno.test("loadSegmentation() finds the old layout, then a checkpoint where that is allowed", () =>
  inFolder(async (dir) => {
    await saveSegmentation(dir, CORNER, subvolume());
    await Deno.rename(subvolumePath(dir, CORNER, "npz"), legacySubvolumePath(dir, CORNER, "npz"));
    const legacy = await loadSegmentation(dir, CORNER, { splitCc: false });
    strictEqual(legacy.path, legacySubvolumePath(dir, CORNER, "npz"));
    await Deno.remove(legacy.path);
    await rejects(loadSegmentation(dir, CORNER), /Cannot load .* no file ".*seg-10_20_30.npz"/);
    const { segmentation, size, origins } = subvolume();
    await Deno.writeFile(
      subvolumePath(dir, CORNER, "cpoint"),
      await encodeNpz([
        { name: "segmentation", value: { dtype: "int32", shape: size, data: segmentation } },
        { name: "origins", value: encodeOrigins(origins) },
      ]),
    );
    await rejects(loadSegmentation(dir, CORNER), { name: "NotFoundError" });
    const unfinished = await loadSegmentation(dir, CORNER, {
      allowCheckpoint: true,
      splitCc: false,
    });
    // The mark of a rejected seed is no label.
    deepStrictEqual(sizes(unfinished.labels), { 1: 6, 300: 3 });
    ok(unfinished.labels.every((label) => label >= 0));
  }));

Deno.test("loadSegmentation() names the file that is missing or does not fit", () =>
  inFolder(async (dir) => {
    await saveSegmentation(dir, CORNER, subvolume());
    const prob = subvolumePath(dir, CORNER, "prob");
    const qprob = { dtype: "uint8", shape: [60], data: new Uint8Array(60) } as const;
    await Deno.writeFile(prob, await encodeNpz([{ name: "qprob", value: qprob }]));
    await rejects(loadSegmentation(dir, CORNER, { threshold: 0.5 }), {
      name: "FormatError",
      message: /seg-10_20_30.prob": qprob must be uint8 \(3, 4, 5\).*, current uint8 \(60\)/,
    });
    await Deno.remove(prob);
    await rejects(loadSegmentation(dir, CORNER, { threshold: 0.5 }), /no probability map ".*prob"/);
    const path = subvolumePath(dir, CORNER, "npz");
    const whole = await Deno.readFile(path);
    await Deno.writeFile(path, whole.subarray(0, whole.length - 100));
    await rejects(loadSegmentation(dir, CORNER), { name: "FormatError" });
  }));

Deno.test("removeUnfinished() removes the checkpoint and leftovers of one subvolume only", () =>
  inFolder(async (dir) => {
    await saveSegmentation(dir, CORNER, subvolume());
    const folder = dirname(subvolumePath(dir, CORNER, "npz"));
    for (
      const name of [
        "seg-10_20_30.cpoint",
        "seg-10_20_30.cpoint.77-abcdef01.tmp",
        "seg-10_20_30.npz.78-abcdef01.tmp",
        "seg-10_20_300.cpoint",
        "seg-10_20_31.npz.78-abcdef01.tmp",
      ]
    ) await Deno.writeTextFile(join(folder, name), "");
    await Deno.writeTextFile(legacySubvolumePath(dir, CORNER, "cpoint"), "");
    await removeUnfinished(dir, CORNER);
    deepStrictEqual([...Deno.readDirSync(folder)].map((entry) => entry.name).sort(), [
      "seg-10_20_30.npz",
      "seg-10_20_30.prob",
      "seg-10_20_300.cpoint",
      "seg-10_20_31.npz.78-abcdef01.tmp",
    ]);
    strictEqual([...Deno.readDirSync(dir)].length, 1);
  }));

Deno.test("listSegmentations() lists both layouts and nothing else", () =>
  inFolder(async (dir) => {
    deepStrictEqual(await listSegmentations(join(dir, "missing")), []);
    await saveSegmentation(dir, CORNER, subvolume());
    await saveSegmentation(dir, [0, 0, 0], subvolume());
    await Deno.copyFile(
      subvolumePath(dir, CORNER, "npz"),
      legacySubvolumePath(dir, [1, 2, 3], "npz"),
    );
    await Deno.writeTextFile(join(dir, "10", "seg-7_7_7.npz"), "");
    await Deno.writeTextFile(join(dir, "seg-x_y_z.npz"), "");
    const corners = (await listSegmentations(dir)).map(({ corner }) => corner);
    deepStrictEqual(corners, [[0, 0, 0], [30, 20, 10], [1, 2, 3]]);
  }));
