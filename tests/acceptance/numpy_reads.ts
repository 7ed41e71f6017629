/**
 * NumPy 1.26 and 2.1 load the files that a run writes (with the reference's `OriginInfo` class), and we load what they
 * save. Needs python3; downloads both NumPys on the first run.
 */
import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import type { NpyInput } from "../../engine/formats/npy.ts";
import { encodeNpz, openNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins, type Origins } from "../../engine/formats/origins.ts";
import { decodeOverlaps, type Overlaps } from "../../engine/formats/overlaps.ts";
import { saveSegmentation } from "../../engine/segmentation/save_segmentation.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "NumPy 1.26 and 2.1 load our files, and we load theirs";
export const ci = true;

const NUMPY = ["1.26.4", "2.1.3"];
const requirementsOf = (version: string) => [`numpy==${version}`];
export const environments = NUMPY.map(requirementsOf);

const SIZE = [3, 4, 5] as const;
const LABELS = Int32Array.from({ length: 60 }, (_, i) => [0, 1, 2, 300, -1][i % 5]);
const QPROB = Uint8Array.from({ length: 60 }, (_, i) => i * 4);
const ORIGINS: Origins = new Map([
  [1, { startZyx: [16, 18, 109], iters: 1884, walltimeSec: 26.242855072021484 }],
  [2, { startZyx: [0, 300, 70000], iters: 70000, walltimeSec: 0.5 }],
  [300, { startZyx: [2 ** 31, 2 ** 40, 255], iters: 256, walltimeSec: 0 }],
]);
const OVERLAPS: Overlaps = new Map([
  [2, { ids: [1], counts: [37] }],
  [300, { ids: Array.from({ length: 40 }, (_, i) => i + 1), counts: new Array(40).fill(2 ** 40) }],
]);
const REQUEST = Uint8Array.fromHex("15000000431d00000442");
const COUNTERS = { "predict-calls": 3, "voxels-segmented": 36 };

/** Arrays of every element type, as in canvas checkpoints and resegmentation results, and a table. */
const ARRAYS: Record<string, NdArray> = {
  bool: { dtype: "bool", shape: [2], data: new Uint8Array([1, 0]) },
  int8: { dtype: "int8", shape: [1, 1], data: new Int8Array([-128]) },
  uint16: { dtype: "uint16", shape: [1], data: new Uint16Array([65535]) },
  int16: { dtype: "int16", shape: [0, 3], data: new Int16Array(0) },
  uint32: { dtype: "uint32", shape: [], data: new Uint32Array([2 ** 32 - 1]) },
  int32: { dtype: "int32", shape: [3], data: new Int32Array([-1, 0, 7]) },
  uint64: { dtype: "uint64", shape: [1], data: new BigUint64Array([2n ** 64n - 1n]) },
  int64: { dtype: "int64", shape: [1], data: new BigInt64Array([-(2n ** 63n)]) },
  float16: { dtype: "float16", shape: [2], data: new Uint16Array([0x3c00, 0xc000]) },
  float32: { dtype: "float32", shape: [3], data: new Float32Array([0.5, NaN, -Infinity]) },
  float64: { dtype: "float64", shape: [1], data: new Float64Array([1e-300]) },
};
const TABLE = new Map<string, NdArray>([
  ["id_a", { dtype: "uint64", shape: [2], data: new BigUint64Array([1n, 2n ** 40n]) }],
  ["score", { dtype: "float32", shape: [2], data: new Float32Array([0.75, 0.5]) }],
]);

/** What numpy_reads.py must report of each file, in its JSON form. */
const SEGMENTATION_REPORT = [
  ["segmentation", ["<u2", [...SIZE], [...LABELS].map((id) => String(Math.max(0, id)))]],
  [
    "origins",
    [...ORIGINS].map(([id, o]) => [id, ["OriginInfo", o.startZyx, o.iters, o.walltimeSec]]),
  ],
  ["request", ["|S10", [], REQUEST.toHex()]],
  ["counters", [`<U${JSON.stringify(COUNTERS).length}`, [], JSON.stringify(COUNTERS)]],
  [
    "overlaps",
    [...OVERLAPS].map(([id, { ids, counts }]) => [
      id,
      ["<i8", [2, ids.length], [...ids, ...counts].map(String)],
    ]),
  ],
];
const ARRAYS_REPORT = [
  ["bool", ["|b1", [2], ["True", "False"]]],
  ["int8", ["|i1", [1, 1], ["-128"]]],
  ["uint16", ["<u2", [1], ["65535"]]],
  ["int16", ["<i2", [0, 3], []]],
  ["uint32", ["<u4", [], 2 ** 32 - 1]],
  ["int32", ["<i4", [3], ["-1", "0", "7"]]],
  ["uint64", ["<u8", [1], [String(2n ** 64n - 1n)]]],
  ["int64", ["<i8", [1], [String(-(2n ** 63n))]]],
  ["float16", ["<f2", [2], ["1.0", "-2.0"]]],
  ["float32", ["<f4", [3], ["0.5", "nan", "-inf"]]],
  ["float64", ["<f8", [1], ["1e-300"]]],
  ["table", ["[('id_a', '<u8'), ('score', '<f4')]", ["(1, 0.75)", `(${2 ** 40}, 0.5)`]]],
  ["empty_text", ["<U0", [], ""]],
  ["text", ["<U4", [], "é{}\u{1f9e0}"]],
];

export async function run({ folder, check }: AcceptanceContext): Promise<void> {
  for (const version of NUMPY) {
    const python = await pythonWith(requirementsOf(version));
    const out = join(folder, version);
    const segmentation = await saveSegmentation(out, [30, 20, 10], {
      size: [...SIZE],
      segmentation: LABELS,
      segProb: QPROB,
      origins: ORIGINS,
      overlaps: OVERLAPS,
      request: REQUEST,
      counters: COUNTERS,
    });
    const prob = segmentation.replace(/npz$/, "prob");
    const arrays = join(out, "arrays.npz");
    const members: { name: string; value: NpyInput }[] = [
      ...Object.entries(ARRAYS).map(([name, value]) => ({ name, value })),
      { name: "table", value: { columns: TABLE } },
      { name: "empty_text", value: { text: "" } },
      { name: "text", value: { text: "é{}\u{1f9e0}" } },
    ];
    await Deno.writeFile(arrays, await encodeNpz(members));

    const script = new URL("numpy_reads.py", import.meta.url).pathname;
    const report = JSON.parse(await runProgram(python, [script, segmentation, prob, arrays]));
    check("NumPy", report.numpy, version, report.numpy === version);
    const reads = (what: string, path: string, wanted: unknown[]) => {
      const names = wanted.map((member) => (member as [string])[0]);
      const found = report.files[path].filter(([name]: [string]) => names.includes(name));
      const differing = wanted.filter((member, i) => !isEqual(found[i], member));
      const detail = `${wanted.length - differing.length} of ${wanted.length} members as written`;
      check(`NumPy ${version} reads ${what}`, detail, "all", differing.length === 0);
      deepStrictEqual(found, wanted);
    };
    reads("the segmentation", segmentation, SEGMENTATION_REPORT);
    reads("the probabilities", prob, [["qprob", ["|u1", [...SIZE], [...QPROB].map(String)]]]);
    reads("arrays of every type", arrays, ARRAYS_REPORT);

    const again = await openNpz(await Deno.readFile(`${segmentation}.again`), "again");
    deepStrictEqual(
      [...(await again.readArray("segmentation")).data],
      [...LABELS].map((id) => Math.max(0, id)),
    );
    deepStrictEqual(decodeOrigins(await again.readObject("origins")), ORIGINS);
    deepStrictEqual(decodeOverlaps(await again.readObject("overlaps")), OVERLAPS);
    deepStrictEqual(await again.readBytes("request"), REQUEST);
    deepStrictEqual(JSON.parse(await again.readText("counters")), COUNTERS);
    const arraysAgain = await openNpz(await Deno.readFile(`${arrays}.again`), "arrays again");
    for (const [name, array] of Object.entries(ARRAYS)) {
      deepStrictEqual(await arraysAgain.readArray(name), array);
    }
    check(`we read what NumPy ${version} saves of them`, "equal", "equal", true);
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
