import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { existsSync } from "node:fs";
import type { DType } from "../../engine/formats/nd_array.ts";
import { castVolume } from "../../engine/volumes/cast.ts";
import { createVolume } from "../../engine/volumes/create.ts";
import { Hdf5File } from "../../engine/volumes/hdf5_file.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { open } from "../../engine/volumes/open.ts";
import { type Volume, wholeBox } from "../../engine/volumes/volume.ts";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { CHUNKED, FIXTURES, formulaArray } from "../volumes/kinds.ts";

// Keeps the HDF5 worker for all tests; starting it takes longer than any of them.
let kept: Volume;
Deno.test.beforeAll(async () => {
  kept = await open(`${FIXTURES}/old.h5:raw`);
});
Deno.test.afterAll(() => kept[Symbol.asyncDispose]() as Promise<void>);

/** Every kind that can be written: name to write, name to read, types it has. */
const KINDS: readonly [target: string, source: string, types: RegExp][] = [
  ["a.h5:raw", "a.h5:raw", /./],
  ["a.npy", "a.npy", /./],
  ["a.npz:data", "a.npz:data", /./],
  ["a.zarr", "a.zarr", /./],
  ["zarr://two", "two", /./],
  ["pre:precomputed", "pre", /^(u?int(8|16|32)|uint64|float32)$/],
  ["png:png", "png:png", /^uint(8|16)$/],
  ["tif:tif", "tif:tif", /^(u?int(8|16|32)|float32)$/],
];

const inside = (folder: { of(name: string): string }, text: string) =>
  text.replace(/^((?:zarr:\/\/)?)(.*)$/, (_, format, path) => `${format}${folder.of(path)}`);

async function writeNpy(path: string, dtype: DType, shape: readonly number[]): Promise<void> {
  const array = formulaArray(dtype, shape);
  await using writer = await createVolume(path, { shape, dtype, type: "image" });
  for (let channel = 0; channel < (shape[3] ? shape[0] : 1); channel++) {
    const voxels = array.data.length / (shape[3] ? shape[0] : 1);
    const part = array.data.slice(channel * voxels, (channel + 1) * voxels);
    await writer.write(wholeBox(writer), part, channel);
  }
  await writer.commit();
}

for (const dtype of ["uint8", "uint16", "uint64", "float32"] as const) {
  Deno.test(`ffn convert carries ${dtype} voxels unchanged between every pair of kinds`, async () => {
    await using folder = await temporaryFolder();
    const shape = [5, 9, 11];
    const expected = formulaArray(dtype, shape).data;
    await writeNpy(folder.of("start.npy"), dtype, shape);
    const kinds = KINDS.filter(([, , types]) => types.test(dtype));
    for (const [first, firstBack] of kinds) {
      const made = inside(folder, first);
      const options = ["--overwrite", "--chunk-size", "4,5,6", "--quiet"];
      const begin = await ffn("convert", folder.of("start.npy"), made, ...options);
      strictEqual(begin.code, 0, begin.stderr);
      for (const [second, secondBack] of kinds) {
        const target = inside(folder, second.replace(/^((?:zarr:\/\/)?)/, "$1again_"));
        const version = second.startsWith("zarr:") ? ["--zarr-version", "2"] : [];
        const source = inside(folder, firstBack);
        const result = await ffn("convert", source, target, ...options, ...version);
        strictEqual(result.code, 0, `${first} to ${second}: ${result.stderr}`);
        await using volume = await open(folder.of(`again_${secondBack}`));
        deepStrictEqual(volume.shape, shape);
        deepStrictEqual(await volume.read(wholeBox(volume)), expected, `${first} to ${second}`);
      }
      await Deno.remove(folder.of(first.replace(/^zarr:\/\/|:.*/g, "")), { recursive: true });
    }
  });
}

/** Kinds that are only read, by `tests/oracles/volumes.py` and `tests/oracles/chunked_volumes.py`. */
const READ_ONLY: readonly [source: string, dtype: DType, shape: readonly number[]][] = [
  [`${CHUNKED}/sharded_raw`, "uint16", [10, 18, 20]],
  [`${CHUNKED}/sharded_cseg`, "uint64", [10, 18, 20]],
  [`${CHUNKED}/v3_sharded.zarr`, "uint32", [8, 12, 15]],
  [`${CHUNKED}/ome_xyz.zarr`, "uint8", [6, 10, 12]],
  [`${CHUNKED}/tiled.tif`, "uint16", [3, 40, 35]],
  [`${FIXTURES}/new.h5:raw`, "uint8", [6, 10, 12]],
];

for (const [source, dtype, shape] of READ_ONLY) {
  Deno.test(`ffn convert carries ${source.replace(/.*\//, "")} to every kind`, async () => {
    await using folder = await temporaryFolder();
    const { data } = formulaArray(dtype, shape);
    for (const [target, back] of KINDS.filter(([, , types]) => types.test(dtype))) {
      const version = target.startsWith("zarr:") ? ["--zarr-version", "2"] : [];
      const result = await ffn("convert", source, inside(folder, target), "--quiet", ...version);
      strictEqual(result.code, 0, `${target}: ${result.stderr}`);
      await using volume = await open(folder.of(back));
      deepStrictEqual(volume.shape, shape);
      deepStrictEqual(await volume.read(wholeBox(volume)), data, target);
    }
  });
}

Deno.test("ffn convert keeps the place and the source from and to every kind that has one", async () => {
  await using folder = await temporaryFolder();
  await writeNpy(folder.of("a.npy"), "uint8", [3, 4, 5]);
  const place = ["--voxel-size", "30,8,8.5", "--offset", "3,-5,100"];
  const kinds = KINDS.filter(([target]) => /h5|zarr|pre/.test(target));
  for (const [first, firstBack] of kinds) {
    const made = inside(folder, first);
    const begin = await ffn("convert", folder.of("a.npy"), made, ...place, "--overwrite");
    strictEqual(begin.code, 0, begin.stderr);
    for (const [second, secondBack] of kinds) {
      const target = inside(folder, second.replace(/^((?:zarr:\/\/)?)/, "$1again_"));
      // Places count on within a slice.
      const source = `${inside(folder, firstBack)}[1:, :, 2:4]`;
      const result = await ffn("convert", source, target, "--overwrite");
      strictEqual(result.code, 0, `${first} to ${second}: ${result.stderr}`);
      await using volume = await open(folder.of(`again_${secondBack}`));
      deepStrictEqual(volume.voxelSizeNm, [30, 8, 8.5], `${first} to ${second}`);
      deepStrictEqual(volume.offset, [4, -5, 102], `${first} to ${second}`);
    }
  }
  await using file = await Hdf5File.open(folder.of("again_a.h5"));
  const { source } = await file.call("read", "attributes", { dataset: "raw" });
  strictEqual(JSON.parse(String(source.values[0])).source, `${folder.of("pre")}[1:, :, 2:4]`);
  const provenance = JSON.parse(await Deno.readTextFile(folder.of("again_pre/provenance")));
  strictEqual(provenance.processing[0].command, "convert");
});

Deno.test("ffn convert keeps channels, voxel size and place, and makes coarser levels", async () => {
  await using folder = await temporaryFolder();
  const shape = [2, 9, 20, 24];
  await writeNpy(folder.of("a.npy"), "uint8", shape);
  const place = ["--voxel-size", "30,8,8.5", "--offset", "3,-5,100"];
  const options = [...place, "--levels", "3", "--chunk-size", "8,8,8"];
  for (const target of ["a.zarr", "a:precomputed"]) {
    const result = await ffn("convert", folder.of("a.npy"), folder.of(target), ...options);
    strictEqual(result.code, 0, result.stderr);
    match(result.stdout, /uint8 \[2, 9, 20, 24\] in 3 levels\n$/);
  }
  for (const [name, coarse] of [["a.zarr", "a.zarr:1"], ["a", "a:17_16_30"]]) {
    await using volume = await open(folder.of(name));
    deepStrictEqual(volume.voxelSizeNm, [30, 8, 8.5]);
    deepStrictEqual(volume.offset, [3, -5, 100]);
    await using level = await open(folder.of(coarse));
    // Rows from -5 to 15: pairs begin at even places, so that the first stands alone.
    deepStrictEqual(level.shape, [2, 9, 11, 12]);
    deepStrictEqual(level.offset, [3, -3, 50]);
    deepStrictEqual(level.voxelSizeNm, [30, 16, 17]);
    const fine = await volume.read({ start: [2, 0, 4], size: [1, 3, 2] }, 1);
    const [a, b, c, d, e, f] = [...fine].map(Number);
    const [alone, pair] = await level.read({ start: [2, 0, 2], size: [1, 2, 1] }, 1);
    ok(Math.abs(Number(alone) - (a + b) / 2) <= 0.5);
    ok(Math.abs(Number(pair) - (c + d + e + f) / 4) <= 0.5);
  }
});

Deno.test("ffn convert makes meshes of a segmentation where they can be", async () => {
  await using folder = await temporaryFolder();
  await writeNpy(folder.of("a.npy"), "uint32", [3, 4, 5]);
  const place = ["--voxel-size", "30,8,10", "--offset", "1,2,3"];
  const result = await ffn(
    ...["convert", folder.of("a.npy"), folder.of("seg:precomputed"), "--meshes", ...place],
  );
  strictEqual(result.code, 0, result.stderr);
  const info = JSON.parse(await Deno.readTextFile(folder.of("seg/info")));
  strictEqual(info.mesh, "mesh");
  const ids = new Set(Array.from(formulaArray("uint32", [3, 4, 5]).data, Number));
  const names = [...Deno.readDirSync(folder.of("seg/mesh"))].map(({ name }) => name);
  strictEqual(names.filter((name) => name.endsWith(":0")).length, ids.size - 1);
  // One voxel: eight triangles around its centre, of which none can go.
  const [id] = [...ids].filter((id) => id !== 0);
  const { fragments } = JSON.parse(await Deno.readTextFile(folder.of(`seg/mesh/${id}:0`)));
  deepStrictEqual(fragments, [`${id}:0:0-5_0-4_0-3`]);
  strictEqual((await Deno.stat(folder.of(`seg/mesh/${fragments[0]}`))).size, 4 + 12 * (6 + 8));
  for (
    const [target, expected, options = []] of [
      ["b.zarr", /only precomputed volumes have some, write "folder:precomputed"$/m],
      ["b:precomputed", /only segmentations have some/, ["--type", "image"]],
      ["b:precomputed", /labels must be unsigned, current type is int32/, ["--dtype", "int32"]],
    ] as [string, RegExp, string[]?][]
  ) {
    const args = ["convert", folder.of("seg"), folder.of(target), "--meshes", ...options];
    const { code, stderr } = await ffn(...args);
    strictEqual(code, 1);
    match(stderr, expected);
    ok(!existsSync(folder.of("b.partial")));
  }
});

Deno.test("ffn convert refuses an existing target, and replaces it when asked to", async () => {
  await using folder = await temporaryFolder();
  await writeNpy(folder.of("a.npy"), "uint8", [2, 3, 4]);
  await writeNpy(folder.of("b.npy"), "uint16", [2, 3, 5]);
  for (
    const target of ["out.zarr", "out.h5:raw", "out.npy", "out.npz", "out:png", "pre:precomputed"]
  ) {
    strictEqual((await ffn("convert", folder.of("a.npy"), folder.of(target))).code, 0);
    const second = await ffn("convert", folder.of("b.npy"), folder.of(target));
    strictEqual(second.code, 1);
    match(second.stderr, /^ffn convert: Cannot write ".*exists, choose another name or/);
    const third = await ffn("convert", folder.of("b.npy"), folder.of(target), "--overwrite");
    strictEqual(third.code, 0, third.stderr);
    await using volume = await open(folder.of(target.replace(":precomputed", "")));
    deepStrictEqual(volume.shape, [2, 3, 5]);
  }
  const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  deepStrictEqual(left, [
    "a.npy",
    "b.npy",
    "out",
    "out.h5",
    "out.npy",
    "out.npz",
    "out.zarr",
    "pre",
  ]);
});

Deno.test("createVolume() goes on where a run stopped, and not with other work", async () => {
  await using folder = await temporaryFolder();
  const path = folder.of("a.zarr");
  const made = { shape: [4, 4, 4], dtype: "uint8", type: "image", chunkSize: [2, 4, 4] } as const;
  const half = { start: [0, 0, 0], size: [2, 4, 4] } as const;
  {
    await using writer = await createVolume(path, made, { settings: "a" });
    await writer.write(half, new Uint8Array(32).fill(7));
    await writer.journal!.markDone("0");
  }
  ok(!existsSync(path));
  // A line that a killed run wrote in part is no step.
  await Deno.writeTextFile(`${path}.partial/.conversion/steps`, "1", { append: true });
  await rejects(createVolume(path, made, { settings: "b" }), {
    name: "RangeError",
    message:
      /holds unfinished work of another source or other options, remove it or add --overwrite$/,
  });
  {
    await using writer = await createVolume(path, made, { settings: "a" });
    deepStrictEqual([0, 1, 10].map((step) => writer.journal!.isDone(`${step}`)), [
      true,
      false,
      false,
    ]);
    await writer.write({ ...half, start: [2, 0, 0] }, new Uint8Array(32).fill(9));
    await writer.journal!.markDone("10");
    await writer.commit();
  }
  deepStrictEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["a.zarr"]);
  await using volume = await open(path);
  const column = await volume.read({ start: [0, 0, 0], size: [4, 1, 1] });
  deepStrictEqual([...column], [7, 7, 9, 9]);
});

Deno.test("castVolume() takes values that fit and names the first that does not", async () => {
  const of = (data: Int32Array) => memoryVolume({ dtype: "int32", shape: [1, 1, 3], data }, "a.h5");
  const box = { start: [0, 0, 0], size: [1, 1, 3] } as const;
  const fits = castVolume(of(Int32Array.of(0, 7, 255)), "uint8");
  deepStrictEqual(await fits.read(box), Uint8Array.of(0, 7, 255));
  deepStrictEqual(await castVolume(fits, "uint64").read(box), BigUint64Array.of(0n, 7n, 255n));
  for (
    const [value, dtype, became] of [[-1, "uint8", 255], [-1, "uint64", "18446744073709551615"], [
      2,
      "bool",
      2,
    ]] as const
  ) {
    await rejects(castVolume(of(Int32Array.of(0, value, 0)), dtype).read(box), {
      name: "RangeError",
      message:
        `Cannot convert "a.h5" from int32 to ${dtype}: the value ${value} would become ${became}`,
    });
  }
});

Deno.test("ffn convert says what a kind cannot hold, and leaves nothing behind", async () => {
  await using folder = await temporaryFolder();
  await writeNpy(folder.of("a.npy"), "int64", [2, 3, 4]);
  const cases: [target: string, expected: RegExp, options?: string[]][] = [
    ["b:precomputed", /precomputed volumes have .* current type is int64; convert with --dtype/],
    ["b:png", /its pixels must be uint8 or uint16, current type is int64/],
    ["b.dat", /the name does not tell the kind, write \.h5, /],
    ["b.zarr:0", /its levels name themselves/],
    ["b.npy[0]", /only whole volumes/],
    ["b.npy", /from int64 to uint8: the value -\d+ would become/, ["--dtype", "uint8"]],
    ["b.npy", /Cannot use --chunk-size "1,2"/, ["--chunk-size", "1,2"]],
  ];
  for (const [target, expected, options = []] of cases) {
    const result = await ffn("convert", folder.of("a.npy"), folder.of(target), ...options);
    ok(result.code !== 0, target);
    match(result.stderr, expected);
  }
  // Work in progress of folders stays for the next run.
  const left = [...Deno.readDirSync(folder.path)].map(({ name }) => name)
    .filter((name) => !name.endsWith(".partial"));
  deepStrictEqual(left, ["a.npy"]);
});
