import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { openHdf5, openHdf5Labels } from "../../engine/volumes/hdf5.ts";
import { Hdf5File } from "../../engine/volumes/hdf5_file.ts";
import { Hdf5Library } from "../../engine/volumes/hdf5_library.ts";
import { open } from "../../engine/volumes/open.ts";
import { spatialSize, type Volume, wholeBox } from "../../engine/volumes/volume.ts";
import { checkMutations, mutationsOf } from "../support/mutations.ts";
import { FIB25, testWith } from "../support/resources.ts";
import { FIXTURES, formulaArray } from "./kinds.ts";

// Keeps the worker for all tests; starting it takes longer than any of them.
let kept: Volume;
Deno.test.beforeAll(async () => {
  kept = await openHdf5(`${FIXTURES}/old.h5`, "raw");
});
Deno.test.afterAll(() => kept[Symbol.asyncDispose]() as Promise<void>);

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function whole(volume: Volume): Promise<(number | bigint)[]> {
  await using _volume = volume;
  return [...await volume.read(wholeBox(volume))];
}

Deno.test("openHdf5() knows the voxel size from the attributes", () => {
  deepStrictEqual(kept.voxelSizeNm, [30, 8, 8]);
});

Deno.test("Hdf5File gives attributes that are numbers or text", async () => {
  await using file = await Hdf5File.open(`${FIXTURES}/new.h5`);
  const attributes = await file.call("read attributes", "attributes", { dataset: "raw" });
  deepStrictEqual(attributes.resolution, { shape: [3], values: [30, 8, 8] });
  const values = Array.from({ length: 12 }, (_, i) => BigInt(i));
  deepStrictEqual(attributes.bounding_boxes, { shape: [2, 2, 3], values });
  deepStrictEqual(attributes.note.values, ["made for tests"]);
});

Deno.test("openHdf5() reads parts that were never written as the fill value", async () => {
  const values = await whole(await openHdf5(`${FIXTURES}/filters.h5`, "sparse"));
  ok(values.length === 120 && values.every((v) => v === 9));
});

Deno.test("openHdf5() refuses other files without a word on stderr", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const content of ["", "no HDF5 file, but longer than the signature", "\x89HDF\r\n\x1a"]) {
      await Deno.writeTextFile(`${folder}/a.h5`, content);
      await rejects(openHdf5(`${folder}/a.h5`), {
        name: "FormatError",
        message: `Cannot open "${folder}/a.h5": not an HDF5 file, the signature is missing`,
      });
    }
    await rejects(openHdf5(folder), { name: "FormatError" });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("reading a damaged chunk is an error and no wrong value", async () => {
  const path = await Deno.makeTempFile({ suffix: ".h5" });
  try {
    const bytes = await Deno.readFile(`${FIXTURES}/filters.h5`);
    // Every byte that belongs to compressed data ends in a checksum failure.
    const expected = [...formulaArray("uint32", [4, 5, 6]).data];
    let refused = 0;
    for (let at = 4096; at < bytes.length; at += 5) {
      const damaged = bytes.slice();
      damaged[at] ^= 0x10;
      await Deno.remove(path);
      await Deno.writeFile(path, damaged);
      const outcome = await openHdf5(path, "all").then(whole).catch((error) => error);
      if (outcome instanceof Error) {
        strictEqual(outcome.name, "FormatError");
        refused++;
      } else deepStrictEqual(outcome, expected);
    }
    ok(refused > 20, `${refused}`);
  } finally {
    await Deno.remove(path);
  }
});

for (const name of ["old.h5", "new.h5"]) {
  Deno.test(`openHdf5() survives 200 damaged copies of ${name}`, async () => {
    const folder = await Deno.makeTempDir();
    let copies = 0;
    try {
      const read = async (bytes: Uint8Array) => {
        const path = `${folder}/${copies++}.h5`;
        await Deno.writeFile(path, bytes);
        const values = [];
        for (const dataset of ["raw", "channels/labels"]) {
          await using volume = await openHdf5(path, dataset);
          values.push(await volume.read({ start: [0, 0, 0], size: spatialSize(volume) }));
        }
        return values;
      };
      const bytes = await Deno.readFile(`${FIXTURES}/${name}`);
      const counts = await checkMutations(bytes, read, { unprotected: true });
      ok(counts.refused > 60, JSON.stringify(counts));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** A copy of `new.h5` in which the library loops for ever when it reads the attribute "note" of "raw". */
async function writeHangingCopy(path: string): Promise<void> {
  const bytes = await Deno.readFile(`${FIXTURES}/new.h5`);
  const found = [...mutationsOf(bytes, 500, 14)].find(({ description }) =>
    description === "10 bytes inserted at 2078"
  );
  await Deno.writeFile(path, found!.bytes);
}

Deno.test("openHdf5() does not hang on an attribute that it does not need", () =>
  inFolder(async (folder) => {
    await writeHangingCopy(`${folder}/a.h5`);
    await using volume = await openHdf5(`${folder}/a.h5`, "raw");
    deepStrictEqual(volume.shape, [6, 10, 12]);
  }));

Deno.test("Hdf5Library ends a command that hangs, and later files get a new worker", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.h5`;
    await writeHangingCopy(path);
    const library = Hdf5Library.acquire();
    const file = await library.call("open", { path, mode: "read" });
    const hanging = library.call("attributes", { file, dataset: "raw" }, { limitMs: 500 });
    await rejects(hanging, {
      message: "the HDF5 library was ended because it gave no answer in 0.5 s",
    });
    library[Symbol.dispose]();
    await rejects(kept.read({ start: [0, 0, 0], size: [1, 1, 1] }), {
      name: "FormatError",
      message: `Cannot read "${FIXTURES}/old.h5": the HDF5 library has been stopped`,
    });
    await kept[Symbol.asyncDispose]();
    kept = await openHdf5(`${FIXTURES}/old.h5`, "raw");
    strictEqual((await kept.read({ start: [0, 0, 0], size: [1, 1, 1] })).length, 1);
  }));

Deno.test("openHdf5Labels() maps labels through the table beside them", async () => {
  const lines: string[] = [];
  const path = `${FIXTURES}/mapped.h5`;
  const mapped = [0, 1, 1, 2, 1, 1, 1, 2, 2, 0, 1, 4];
  const volume = await openHdf5Labels(path, "stack", "labels", (line) => lines.push(line));
  strictEqual(volume.dtype, "int32");
  deepStrictEqual(await whole(volume), mapped);
  deepStrictEqual(lines, ['"labels": labels are mapped through "transforms", 4 rows']);

  const wide = await open(`${path}:wide/stack`, { labels: true });
  strictEqual(wide.dtype, "uint64");
  const big = mapped.map(BigInt);
  [1, 2, 10].forEach((i) => big[i] = 2n ** 40n);
  deepStrictEqual(await whole(wide), big);

  deepStrictEqual(await whole(await open(`${path}:plain/stack`, { labels: true })), [
    ...[0, 10, 10, 20, 30, 30, 30, 20, 20, 0, 10, 40],
  ]);
  deepStrictEqual((await whole(await open(`${path}:stack`)))[1], 10);
});

Deno.test("openHdf5Labels() refuses a table without a row for a label", async () => {
  await using volume = await openHdf5Labels(`${FIXTURES}/mapped.h5`, "short/stack", "labels");
  await rejects(volume.read(wholeBox(volume)), {
    name: "FormatError",
    message: 'Cannot map the labels of "labels": "transforms" has no row for label 40',
  });
});

testWith("shared", "openHdf5() reads the FIB-25 grayscale", async () => {
  await using volume = await open(`${FIB25}/training_sample2/grayscale_maps.h5:raw`);
  deepStrictEqual([volume.dtype, ...volume.shape], ["uint8", 250, 250, 250]);
  const data = await volume.read(wholeBox(volume));
  strictEqual(
    createHash("sha256").update(data as Uint8Array).digest("hex"),
    "6660e2270cb80a92cb3317f53e2fe8c664508da3c70a7d56393f0de319fbeda0",
  );
});

testWith("shared", "openHdf5Labels() turns FIB-25 supervoxels into bodies", async () => {
  const folder = `${FIB25}/training_sample2`;
  await using mapped = await open(`${folder}/groundtruth_supervoxels.h5:stack`, { labels: true });
  await using bodies = await open(`${folder}/groundtruth.h5:stack`, { labels: true });
  const [actual, expected] = [
    await mapped.read(wholeBox(mapped)),
    await bodies.read(wholeBox(bodies)),
  ];
  strictEqual(new Set(expected as Int32Array).size, 526);
  strictEqual(mapped.dtype, "int32");
  strictEqual(actual.findIndex((v: number | bigint, i: number) => v !== expected[i]), -1);
});
