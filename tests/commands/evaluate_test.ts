import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { decodePng } from "../../engine/formats/png.ts";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { FIB25, testWith } from "../support/resources.ts";

async function folderWith(files: Record<string, { shape: number[]; labels: number[] }>) {
  const folder = await temporaryFolder();
  for (const [name, { shape, labels }] of Object.entries(files)) {
    const value = { dtype: "int32", shape, data: Int32Array.from(labels) } as const;
    const bytes = await encodeNpz([{ name: "segmentation", value }]);
    await Deno.writeFile(folder.of(name), bytes);
  }
  return folder;
}

// Half of a row of eight is object 1, half is object 2; the segmentation joins them.
const TRUTH = { shape: [1, 2, 8], labels: [1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 2, 2, 2, 2] };
const JOINED = { shape: [1, 2, 8], labels: TRUTH.labels.map(() => 5) };

Deno.test("ffn evaluate prints the measures of two arrays of one size", async () => {
  await using folder = await folderWith({ "truth.npz": TRUTH, "joined.npz": JOINED });
  const result = await ffn("evaluate", folder.of("joined.npz"), folder.of("truth.npz"));
  strictEqual(result.code, 0, result.stderr);
  // Two equally likely objects in one segment: one bit of merge, no split.
  match(result.stdout, /VI split \(bits\) +0\.000000 +0\.000000/);
  match(result.stdout, /VI merge \(bits\) +1\.000000 +1\.000000/);
  match(result.stdout, /1 segments against 2 of the truth; coverage 1\.0000/);
});

Deno.test("ffn evaluate --json prints every measure", async () => {
  await using folder = await folderWith({ "truth.npz": TRUTH });
  const same = folder.of("truth.npz");
  const result = await ffn("evaluate", same, `${same}:segmentation`, "--json");
  strictEqual(result.code, 0, result.stderr);
  const metrics = JSON.parse(result.stdout);
  deepStrictEqual(metrics.all, { voxels: 16, split: 0, merge: 0, total: 0 });
  strictEqual(metrics.adaptedRandError, 0);
  strictEqual(metrics.truths, 2);
});

Deno.test("ffn evaluate compares a file of results with the part that it covers", async () => {
  // Corner x 4, y 1: there the truth holds only object 2.
  const part = { shape: [1, 1, 4], labels: [9, 9, 9, 9] };
  await using folder = await folderWith({ "truth.npz": TRUTH, "seg-4_1_0.npz": part });
  const [segmentation, truth] = [folder.of("seg-4_1_0.npz"), folder.of("truth.npz")];
  const result = await ffn("evaluate", segmentation, truth, "--json");
  strictEqual(result.code, 0, result.stderr);
  const metrics = JSON.parse(result.stdout);
  deepStrictEqual(metrics.all, { voxels: 4, split: 0, merge: 0, total: 0 });
  strictEqual(metrics.truths, 1);
  // The folder holds one file of results.
  deepStrictEqual(
    JSON.parse((await ffn("evaluate", folder.path, truth, "--json")).stdout),
    metrics,
  );
});

Deno.test("ffn evaluate takes the place that a volume states", async () => {
  // Corner x 4, y 1: there the truth holds only object 2.
  const part = { shape: [1, 1, 4], labels: [9, 9, 9, 9] };
  await using folder = await folderWith({ "truth.npz": TRUTH, "part.npz": part });
  const truth = folder.of("truth.npz");
  for (const target of ["part.h5:labels", "part.zarr"]) {
    const source = `${folder.of("part.npz")}:segmentation`;
    const made = await ffn("convert", source, folder.of(target), "--offset", "0,1,4");
    strictEqual(made.code, 0, made.stderr);
    const result = await ffn("evaluate", folder.of(target), truth, "--json");
    strictEqual(result.code, 0, result.stderr);
    const { all, truths } = JSON.parse(result.stdout);
    deepStrictEqual([all.voxels, truths], [4, 1]);
  }
  // Of one size they are compared voxel by voxel all the same, which is said.
  const slices = [`${truth}:segmentation[:, 0:1]`, `${truth}:segmentation[:, 1:2]`];
  await Promise.all(slices.map(async (slice, i) => {
    const made = await ffn(
      "convert",
      slice,
      folder.of(`${i}.h5:labels`),
      "--offset",
      `${i + 1},0,0`,
    );
    strictEqual(made.code, 0, made.stderr);
  }));
  const both = await ffn("evaluate", folder.of("0.h5:labels"), folder.of("1.h5:labels"), "--json");
  strictEqual(JSON.parse(both.stdout).all.total, 0);
  match(both.stderr, /lie at different places; they are compared voxel by voxel/);
});

Deno.test("ffn evaluate refuses what cannot be compared, in one line", async () => {
  const small = { shape: [1, 1, 4], labels: [9, 9, 9, 9] };
  await using folder = await folderWith({
    "truth.npz": TRUTH,
    "small.npz": small,
    "seg-6_0_0.npz": small,
    "none.npz": { ...small, labels: [0, 0, 0, 0] },
  });
  const path = (name: string) => folder.of(name);
  const cases: [a: string, b: string, message: RegExp][] = [
    [path("small.npz"), path("truth.npz"), /both must have one size/],
    [path("seg-6_0_0.npz"), path("truth.npz"), /lie inside the other/],
    [path("small.npz"), path("none.npz"), /current truth is all 0/],
    [path("gone.npz"), path("none.npz"), /no such file ".*gone\.npz"/],
    [path("small.npz:labels"), path("none.npz"), /no such member, the file has "segmentation"/],
  ];
  for (const [a, b, message] of cases) {
    const { code, stdout, stderr } = await ffn("evaluate", a, b);
    strictEqual(code, 1);
    strictEqual(stdout, "");
    match(stderr, message);
    ok(/^ffn evaluate: Cannot [^\n]*\n$/.test(stderr), stderr);
  }
});

testWith("shared", "ffn evaluate gives the published result's known measures", async () => {
  const folder = `${FIB25}/training_sample2`;
  const result = await ffn(
    "evaluate",
    `${folder}/sample-training2.npz`,
    `${folder}/groundtruth.h5:stack`,
    "--json",
  );
  strictEqual(result.code, 0, result.stderr);
  const { all, both, adaptedRandError } = JSON.parse(result.stdout);
  // Vector T18 of the post-processing specification.
  deepStrictEqual(
    [all.voxels, all.split.toFixed(6), all.merge.toFixed(6)],
    [15_624_750, "0.898653", "0.918404"],
  );
  deepStrictEqual(
    [both.voxels, both.split.toFixed(6), both.merge.toFixed(6)],
    [13_867_123, "0.612568", "0.263210"],
  );
  strictEqual(adaptedRandError.toFixed(6), "0.157366");
});

Deno.test("ffn evaluate measures runs along skeletons, and lists the worst objects", async () => {
  await using folder = await temporaryFolder();
  // Two rows along x; the second half of the first one is cut off, voxels are 40 by 8 by 8 nm.
  const labels = Uint16Array.of(1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 0);
  const truth = Uint8Array.of(5, 5, 5, 5, 5, 5, 6, 6, 6, 6, 6, 6);
  const array = (data: Uint8Array | Uint16Array, dtype: "uint8" | "uint16") => ({
    ...{ dtype, shape: [1, 2, 6], data },
  });
  const path = folder.of("volumes.npz");
  const members = [
    { name: "segmentation", value: array(labels, "uint16") },
    { name: "truth", value: array(truth, "uint8") },
  ];
  await Deno.writeFile(path, await encodeNpz(members));
  const row = (y: number) =>
    [0, 1, 2, 3, 4, 5].map((x) => `${x + 1} 0 ${8 * x + 4} ${y} 20 1 ${x === 0 ? -1 : x}`);
  await Deno.writeTextFile(folder.of("a.swc"), row(4).join("\n"));
  await Deno.writeTextFile(folder.of("b.swc"), row(12).join("\n"));
  const swc = ["--skeletons", folder.of("a.swc"), folder.of("b.swc"), "--voxel-size", "40,8,8"];
  const args = ["evaluate", `${path}:segmentation`];
  const { stdout, stderr } = await ffn(...args, ...swc, "--json");
  deepStrictEqual(stderr, "");
  const { skeletons } = JSON.parse(stdout);
  deepStrictEqual([skeletons.correct, skeletons.split, skeletons.merge, skeletons.omit], [
    ...[{ edges: 8, lengthNm: 64 }, { edges: 1, lengthNm: 8 }, { edges: 0, lengthNm: 0 }],
    { edges: 1, lengthNm: 8 },
  ]);
  // Runs of 16, 16 and 32 nm of two skeletons of 40 nm.
  deepStrictEqual(skeletons.erlNm, (16 ** 2 + 16 ** 2 + 32 ** 2) / 80);

  const both = await ffn(...args, `${path}:truth`, ...swc, "--worst", "1");
  match(
    both.stdout,
    /2 of 2 objects have a segment of IoU >= 0.5: precision 0.6667, recall 1.0000/,
  );
  match(both.stdout, /cut up .*\n5 +6 +2 +0.500/);
  match(both.stdout, /expected run length 19.2 nm, 0.4800 of a perfect segmentation/);

  const nothing = await ffn(...args);
  deepStrictEqual([nothing.code, /give a volume of truth, or --skeletons/.test(nothing.stderr)], [
    ...[2, true],
  ]);
  match((await ffn(...args, ...swc.slice(0, 3))).stderr, /does not tell its voxel size/);
  match((await ffn(...args, "--skeletons", "no.swc", ...swc.slice(3))).stderr, /no such file/);
});

Deno.test("ffn evaluate --report leaves tables and pictures in a folder", async () => {
  await using folder = await folderWith({ "truth.npz": TRUTH, "joined.npz": JOINED });
  const report = folder.of("report");
  const args = ["evaluate", folder.of("joined.npz"), folder.of("truth.npz"), "--report", report];
  const { code, stdout, stderr } = await ffn(...args, "--image", folder.of("truth.npz"));
  strictEqual(code, 0, stderr);
  const text = await Deno.readTextFile(`${report}/report.md`);
  ok(text.includes(stdout.trim()));
  match(text, /!\[truth\]\(truth.png\)/);
  strictEqual(JSON.parse(await Deno.readTextFile(`${report}/report.json`)).all.merge, 1);
  for (const name of ["segmentation", "truth"]) {
    const { height, width, data } = await decodePng(
      await Deno.readFile(`${report}/${name}.png`),
      name,
    );
    // Slices of 2 × 8, 1 × 8 and 2 × 1 voxels with lines between.
    deepStrictEqual([height, width], [4, 10]);
    ok(new Set(data).size > 1);
  }
});
