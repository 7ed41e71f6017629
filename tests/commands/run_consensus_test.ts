import { deepStrictEqual, match } from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Box } from "../../engine/geometry/box.ts";
import { Hdf5File } from "../../engine/volumes/hdf5_file.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { ffn } from "../support/cli.ts";
import { writeSubvolume } from "../support/inference_results.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Two boxes of 8 voxels in a row of 12, away from the origin. */
const BOXES: Box[] = [
  { start: [5, 6, 7], size: [1, 1, 8] },
  { start: [5, 6, 11], size: [1, 1, 8] },
];

/** One inference: labels of both boxes. */
async function inference(dir: string, first: number[], second: number[]): Promise<void> {
  await writeSubvolume(dir, BOXES[0], Uint16Array.from(first));
  await writeSubvolume(dir, BOXES[1], Uint8Array.from(second));
}

async function labelsOf(spec: string): Promise<number[]> {
  await using volume = await open(spec);
  return [...await volume.read(wholeBox(volume))].map(Number);
}

Deno.test("ffn run-consensus meets inferences, joins subvolumes and says where they lie", async () => {
  await using folder = await temporaryFolder();
  await inference(folder.of("a"), [9, 9, 9, 0, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1, 0, 0]);
  await inference(folder.of("b"), [3, 2, 2, 0, 2, 2, 2, 2], [6, 6, 6, 6, 6, 6, 0, 8]);
  const output = folder.of("out.h5");
  const dirs = ["--segmentation-dirs", folder.of("a"), folder.of("b")];
  const { code, stdout } = await ffn("run-consensus", output, ...dirs, "--voxel-size", "40,8,8.5");
  deepStrictEqual(code, 0);
  match(stdout, /4 objects, size zyx \(1, 1, 12\) at offset \(5, 6, 7\)/);
  deepStrictEqual(await labelsOf(`${output}:seg`), [1, 2, 2, 0, 3, 3, 3, 3, 3, 3, 0, 4]);
  deepStrictEqual(existsSync(`${output}.assembly`), false);
  await using volume = await open(`${output}:seg`);
  deepStrictEqual([volume.offset, volume.voxelSizeNm], [[5, 6, 7], [40, 8, 8.5]]);
  await using file = await Hdf5File.open(output);
  const attributes = await file.call("read", "attributes", { dataset: "seg" });
  deepStrictEqual(attributes.offset_zyx.values, [5n, 6n, 7n]);
  deepStrictEqual(attributes.voxel_size.values, [40, 8, 8.5]);
  deepStrictEqual(JSON.parse(String(attributes.source.values[0])).mode, "meet");
  const { shape } = (await file.call("read", "describe", { dataset: "max_id" }))!;
  deepStrictEqual(shape, [1]);
  const box = { dataset: "max_id", offset: [0], count: [1], itemBytes: 4 };
  deepStrictEqual([...new Uint32Array(await file.call("read", "read", box))], [4]);
});

Deno.test("ffn run-consensus pastes as the reference does, and removes dust", async () => {
  await using folder = await temporaryFolder();
  await inference(folder.of("a"), [9, 9, 9, 0, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1, 0, 2]);
  const run = async (name: string, ...flags: string[]) => {
    const output = folder.of(name);
    const dirs = ["--segmentation_dirs", folder.of("a")];
    const { code, stderr } = await ffn(
      ...["run_consensus", output, "--dset", "x/y", ...dirs, ...flags],
    );
    deepStrictEqual([code, stderr.includes("Cannot")], [0, false]);
    return await labelsOf(`${output}:x/y`);
  };
  const like = ["--mode", "compat", "--assembly", "paste"];
  deepStrictEqual(await run("all.h5", ...like), [2, 2, 2, 0, 3, 3, 3, 3, 5, 5, 0, 6]);
  const dusted = await run("dusted.h5", ...like, "--min-out-size", "3");
  deepStrictEqual(dusted, [2, 2, 2, 0, 3, 3, 3, 3, 0, 0, 0, 0]);
  deepStrictEqual(await run("small.h5", "--min-ffn-size", "4"), [
    ...[0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0],
  ]);
});

Deno.test("ffn run-consensus writes Zarr and precomputed volumes with their place", async () => {
  await using folder = await temporaryFolder();
  await inference(folder.of("a"), [9, 9, 9, 0, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1, 0, 2]);
  for (const name of ["out.zarr", "pre:precomputed"]) {
    const output = folder.of(name);
    const { code, stderr } = await ffn(
      ...["run-consensus", output, "--segmentation-dirs", folder.of("a"), "--voxel-size", "40,8,8"],
    );
    deepStrictEqual(code, 0, stderr);
    const path = output.replace(":precomputed", "");
    await using volume = await open(path);
    deepStrictEqual([volume.dtype, volume.voxelSizeNm, volume.offset], [
      ...["uint32", [40, 8, 8], [5, 6, 7]],
    ]);
    deepStrictEqual(await labelsOf(path), [1, 1, 1, 0, 2, 2, 2, 2, 2, 2, 0, 3]);
    match(await Deno.readTextFile(`${path}/provenance`), /"segmentationDirs":\[/);
    const again = await ffn("run-consensus", output, "--segmentation-dirs", folder.of("a"));
    match(again.stderr, /it exists, remove it/);
  }
});

Deno.test("ffn run-consensus --meshes makes the meshes that convert makes of its volume", async () => {
  await using folder = await temporaryFolder();
  await inference(folder.of("a"), [9, 9, 9, 0, 4, 4, 4, 4], [1, 1, 1, 1, 1, 1, 0, 2]);
  const [dirs, place] = [["--segmentation-dirs", folder.of("a")], ["--voxel-size", "40,8,8"]];
  const meshes = ["--meshes", "--mesh-error", "0"];
  const made = await ffn(
    "run-consensus",
    folder.of("pre:precomputed"),
    ...dirs,
    ...place,
    ...meshes,
  );
  deepStrictEqual(made.code, 0, made.stderr);
  await ffn("convert", folder.of("pre"), folder.of("copy:precomputed"), ...meshes);
  const files = [...Deno.readDirSync(folder.of("pre/mesh"))].map(({ name }) => name).sort();
  deepStrictEqual(files.filter((name) => name.endsWith(":0")), ["1:0", "2:0", "3:0"]);
  deepStrictEqual([...Deno.readDirSync(folder.of("copy/mesh"))].map((f) => f.name).sort(), files);
  for (const name of files) {
    deepStrictEqual(
      await Deno.readFile(folder.of("pre/mesh", name)),
      await Deno.readFile(folder.of("copy/mesh", name)),
    );
  }
});

Deno.test("ffn run-consensus --transpose combines what is there of every inference", async () => {
  await using folder = await temporaryFolder();
  const labels: [number[], number[]] = [[1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1]];
  for (const name of ["north", "south", "alone", "unlike"]) {
    await inference(folder.of("a", name), ...labels);
  }
  for (const name of ["north", "south"]) await inference(folder.of("b", name), ...labels);
  await writeSubvolume(folder.of("b", "unlike"), BOXES[0], Uint8Array.from(labels[0]));
  const args = ["run-consensus", folder.of("out"), "--transpose", "--segmentation-dirs"];
  const { code, stderr } = await ffn(...args, folder.of("a"), folder.of("b"));
  deepStrictEqual(code, 0);
  match(stderr, /"unlike" is left out: Cannot combine .* they have 2 and 1 subvolumes/);
  const written = [...Deno.readDirSync(folder.of("out"))].map(({ name }) => name).sort();
  deepStrictEqual(written, ["north_cons.h5", "south_cons.h5"]);
  const again = await ffn(...args, folder.of("a"), folder.of("b"));
  match(again.stderr, /north_cons.h5" is there already/);
});

Deno.test("ffn run-consensus refuses what it cannot combine, and leaves nothing behind", async () => {
  await using folder = await temporaryFolder();
  const labels: [number[], number[]] = [new Array(8).fill(1), new Array(8).fill(2)];
  await inference(folder.of("a"), ...labels);
  await writeSubvolume(folder.of("b"), BOXES[0], new Uint8Array(8));
  await Deno.writeTextFile(folder.of("exists.h5"), "");
  const cases: [string[], number, RegExp][] = [
    [["o.h5"], 2, /name at least one folder/],
    [["o.h5", "--segmentation-dirs", "a", "b"], 1, /2 and 1 subvolumes/],
    [["o.h5", "--segmentation-dirs", "nowhere"], 1, /nowhere/],
    [["exists.h5", "--segmentation-dirs", "a"], 1, /it exists, remove it/],
    [["o.h5", "--segmentation-dirs", "a", "--voxel-size", "8,8"], 2, /three lengths/],
    [["o.h5", "--segmentation-dirs", "a", "--mode", "best"], 2, /must be one of meet, compat/],
    [
      ["o.h5", "--segmentation-dirs", "a", "--meshes"],
      1,
      /only precomputed volumes have some, write/,
    ],
    [["o.zarr", "--segmentation-dirs", "a", "--meshes"], 1, /only precomputed volumes have some/],
    [
      ["o", "--segmentation-dirs", "a", "--meshes", "--transpose"],
      2,
      /with --transpose: it writes HDF5/,
    ],
  ];
  for (const [args, exit, message] of cases) {
    const paths = args.map((arg) =>
      /^[a-z.0-9]+$/.test(arg) && arg !== "best" ? folder.of(arg) : arg
    );
    const { code, stderr } = await ffn("run-consensus", ...paths);
    deepStrictEqual([code, args], [exit, args]);
    match(stderr, message);
  }
  const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  deepStrictEqual(left, ["a", "b", "exists.h5"]);
});
