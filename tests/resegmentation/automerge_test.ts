import { deepStrictEqual, match, rejects, throws } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { automerge, describeMerges, type Mapping } from "../../engine/resegmentation/automerge.ts";
import { readMapping, writeMapping } from "../../engine/resegmentation/mapping_file.ts";
import {
  type Affinity,
  decodeMergeTable,
  encodeMergeTable,
  mergeTableCsv,
  readMergeTable,
} from "../../engine/resegmentation/merge_table.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** The table of `spec/formats.md` §6.3. */
const RECORDED_TABLE =
  "k05VTVBZAQD2AHsnZGVzY3InOiBbKCdpZF9hJywgJzx1OCcpLCAoJ2lkX2InLCAnPHU4JyksICgneGEnLCAnPHU0JyksICgneWEnLCAnPHU0JyksICgnemEnLCAnPHU0JyksICgneGInLCAnPHU0JyksICgneWInLCAnPHU0JyksICgnemInLCAnPHU0JyksICgnc2NvcmUnLCAnPGY0JyldLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgCgEAAAAAAAAAAgAAAAAAAAAKAAAACwAAAAwAAAANAAAADgAAAA8AAAAAAEA/AwAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAD8=";

const ORIGIN: Zyx = [0, 0, 0];
const edge = (idA: number, idB: number, score: number): Affinity => ({
  ...{ idA: BigInt(idA), idB: BigInt(idB), score: Math.fround(score) },
  ...{ positionA: ORIGIN, positionB: ORIGIN },
});
const numbers = (mapping: Mapping) => [...mapping].map(([a, b]) => [Number(a), Number(b)]);

const T11 = [
  ...[edge(1, 2, 0.9), edge(3, 2, 0.8), edge(4, 5, 0.5), edge(6, 7, 0.95), edge(8, 1, 0.75)],
  edge(9, 10, 0.76),
];

Deno.test("encodeMergeTable() writes the recorded bytes (T11 and the format's vector)", () => {
  const rows: Affinity[] = [
    { ...edge(1, 2, 0.75), positionA: [12, 11, 10], positionB: [15, 14, 13] },
    edge(3, 2 ** 40, 0.5),
  ];
  const bytes = new Uint8Array(encodeMergeTable(rows).flatMap((part) => [...part]));
  deepStrictEqual(bytes.toBase64(), RECORDED_TABLE);
  deepStrictEqual(decodeMergeTable(bytes, "table"), rows);
  const row: Affinity = {
    ...edge(700, 800, 0.9846154),
    ...{ positionA: [6, 6, 5], positionB: [6, 6, 14] },
  };
  const one = new Uint8Array(encodeMergeTable([row]).flatMap((part) => [...part])).subarray(-44);
  deepStrictEqual(
    one.toHex(),
    "bc0200000000000020030000000000000500000006000000060000000e0000000600000006000000c10f7c3f",
  );
});

Deno.test("readMergeTable() reads text and NumPy files alike, and refuses others", async () => {
  await using folder = await temporaryFolder();
  const rows = [...T11, edge(2 ** 40, 11, NaN)];
  await Deno.writeTextFile(folder.of("t.csv"), mergeTableCsv(rows));
  const parts = encodeMergeTable(rows);
  await Deno.writeFile(folder.of("t.npy"), new Uint8Array(parts.flatMap((part) => [...part])));
  deepStrictEqual(await readMergeTable(folder.of("t.csv")), rows);
  deepStrictEqual(await readMergeTable(folder.of("t.npy")), rows);
  await Deno.writeTextFile(folder.of("bad.csv"), mergeTableCsv(rows).replace(",0.5", ",high"));
  await rejects(() => readMergeTable(folder.of("bad.csv")), { message: /line 4 is "4,5,.*high"/ });
  await rejects(() => readMergeTable(folder.of("none.npy")), { name: "NotFoundError" });
  await Deno.writeTextFile(folder.of("t.pkl"), "");
  await rejects(() => readMergeTable(folder.of("t.pkl")), { name: "UnsupportedError" });
});

Deno.test("automerge() joins as recorded (T11)", () => {
  const { mapping, bodies, edges } = automerge(T11, { threshold: 0.75 });
  deepStrictEqual(numbers(mapping), [[1, 1], [2, 1], [3, 1], [6, 6], [7, 6], [9, 9], [10, 9]]);
  deepStrictEqual(bodies, [[1n, 2n, 3n], [6n, 7n], [9n, 10n]]);
  deepStrictEqual(edges, { merged: 4, free: 6, all: 6 });
  const preserved = new Map([[7n, 70n], [10n, 10n]]);
  const left = automerge(T11, { threshold: 0.75, preserved });
  deepStrictEqual(numbers(left.mapping), [[1, 1], [2, 1], [3, 1]]);
});

Deno.test("automerge() takes the last row of a pair in either order, and ids beyond 2^53", () => {
  const big = 2n ** 60n;
  const wide = { ...edge(0, 0, 0.9), idA: big + 1n, idB: big + 2n };
  const rows = [edge(1, 2, 0.9), edge(2, 1, 0.1), edge(4, 3, 0.1), edge(3, 4, 0.9), wide];
  const { mapping } = automerge(rows, { threshold: 0.5 });
  deepStrictEqual([...mapping], [
    ...[[3n, 3n], [4n, 3n], [big + 1n, big + 1n], [big + 2n, big + 1n]],
  ]);
  throws(() => automerge([edge(0, 1, 0.9)], { threshold: 0.5 }), { name: "RangeError" });
  throws(() => automerge([], { threshold: 1 }), { message: /between 0 and 1, current is 1/ });
});

Deno.test("automerge() joins two large bodies on strong evidence only", () => {
  const voxels = new Map([[1n, 900], [2n, 50], [3n, 60], [4n, 800]]);
  const rows = [edge(1, 4, 0.7), edge(1, 2, 0.6), edge(2, 3, 0.65), edge(3, 4, 0.55)];
  const large = { minVoxels: 200, threshold: 0.8, voxels };
  // 1 and 4 are large; 2 and 3 join 1 first, so that the edge between 3 and 4 would join large bodies too.
  const { mapping } = automerge(rows, { threshold: 0.5, large });
  deepStrictEqual(numbers(mapping), [[1, 1], [2, 1], [3, 1]]);
  const all = automerge([...rows, edge(1, 4, 0.9)], { threshold: 0.5, large });
  deepStrictEqual(all.bodies, [[1n, 2n, 3n, 4n]]);
});

Deno.test("describeMerges() draws how many supervoxels bodies have", () => {
  const lines = describeMerges(automerge(T11, { threshold: 0.75 })).split("\n");
  match(lines[0], /merged 4 of 6 edges \(0 at preserved supervoxels\), 3 bodies/);
  match(lines[1], /mean 2.33, median 2, std 0.47/);
  deepStrictEqual(lines[2], "min: 2, median: 2, max: 3");
  deepStrictEqual(lines.length, 3 + 16);
  deepStrictEqual(lines[3], `2.00 | ${"#".repeat(72)}`);
  deepStrictEqual(lines[4], "2.06");
  deepStrictEqual(lines[18], `2.94 | ${"#".repeat(36)}`);
  match(describeMerges(automerge([], { threshold: 0.5 })), /0 bodies$/);
});

Deno.test("readMapping() reads every kind of file that writeMapping() writes", async () => {
  await using folder = await temporaryFolder();
  const mapping = new Map([[2n ** 63n + 1n, 5n], [5n, 5n]]);
  for (const name of ["m.csv", "m.npy", "m.npz"]) {
    await writeMapping(folder.of(name), mapping);
    deepStrictEqual(await readMapping(folder.of(name)), mapping);
  }
  await rejects(() => writeMapping(folder.of("m.pkl"), mapping), {
    name: "UnsupportedError",
    message: /it must end in .csv, .npy or .npz, current is ".pkl"/,
  });
  await Deno.writeTextFile(folder.of("bad.csv"), "supervoxel,body\n1,x\n");
  await rejects(() => readMapping(folder.of("bad.csv")), { message: /line 2 is "1,x"/ });
});
