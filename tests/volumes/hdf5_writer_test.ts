import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { openHdf5 } from "../../engine/volumes/hdf5.ts";
import { Hdf5File } from "../../engine/volumes/hdf5_file.ts";
import { createHdf5, type NewHdf5Dataset } from "../../engine/volumes/hdf5_writer.ts";
import { type Volume, wholeBox } from "../../engine/volumes/volume.ts";
import { FIXTURES, formulaArray } from "./kinds.ts";

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

async function make(path: string, options: Partial<NewHdf5Dataset> = {}): Promise<void> {
  const made = { dataset: "raw", shape: [3, 4, 5], dtype: "uint16" as const, ...options };
  await using writer = await createHdf5(path, made);
  await writer.commit();
}

const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();

Deno.test("createHdf5() writes fill value, boxes and attributes in a layout that old libraries know", () =>
  inFolder(async (folder) => {
    const path = `${folder}/new/a.h5`;
    const boxes = { shape: [1, 2, 3], values: [1n, 2n, 3n, 40n, 50n, 60n] };
    const source = { shape: [1], values: ["em.h5:raw"] };
    const voxel = { shape: [3], values: [30, 8.5, 8.5] };
    await using writer = await createHdf5(path, {
      dataset: "parts/mask",
      shape: [70, 33, 65],
      dtype: "uint8",
      fillValue: 255,
      attributes: {
        ...{ bounding_boxes: boxes, source, voxel_size: voxel },
        offset_zyx: { shape: [3], values: [5n, -6n, 700n] },
      },
    });
    await writer.write({ start: [63, 1, 2], size: [2, 1, 2] }, Uint8Array.of(1, 2, 3, 4));
    await writer.addAttributes({ late: { shape: [2], values: [7n, -1n] } });
    await writer.addAttributes({ none: { shape: [0], values: [] } });
    await writer.commit();
    await using volume = await openHdf5(path);
    deepStrictEqual(volume.voxelSizeNm, [30, 8.5, 8.5]);
    deepStrictEqual(volume.offset, [5, -6, 700]);
    const data = await volume.read(wholeBox(volume)) as Uint8Array;
    strictEqual(data.filter((v) => v === 255).length, data.length - 4);
    deepStrictEqual([...data.filter((v) => v !== 255)], [1, 2, 3, 4]);
    await using file = await Hdf5File.open(path);
    const attributes = await file.call("read", "attributes", { dataset: "parts/mask" });
    deepStrictEqual(attributes.bounding_boxes, boxes);
    deepStrictEqual(attributes.source, source);
    deepStrictEqual(attributes.late, { shape: [2], values: [7n, -1n] });
    deepStrictEqual(attributes.none, { shape: [0], values: [] });
    // Superblock 2 is what HDF5 1.8 and later read, 3 is for 1.10 and later.
    ok((await Deno.readFile(path))[8] <= 2);
  }));

Deno.test("createHdf5() adds a dataset beside those of a file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.h5`;
    await make(path);
    await using writer = await createHdf5(path, {
      ...{ dataset: "second", shape: [2, 3, 4, 5], dtype: "int64", gzipLevel: 0 },
    });
    const { data } = formulaArray("int64", [3, 4, 5]);
    await writer.write(wholeBox(writer), data, 1);
    await writer.commit();
    await using first = await openHdf5(path, "raw");
    deepStrictEqual(first.shape, [3, 4, 5]);
    await using second = await openHdf5(path, "second");
    deepStrictEqual(await second.read(wholeBox(second), 1), data);
  }));

Deno.test("createHdf5() replaces a dataset only when told, and never one among others", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.h5`;
    await make(path);
    await rejects(make(path), {
      name: "RangeError",
      message:
        `Cannot write "${path}:raw": the dataset exists, choose another name or allow overwriting`,
    });
    await make(path, { shape: [1, 1, 1], overwrite: true });
    await using volume = await openHdf5(path);
    deepStrictEqual(volume.shape, [1, 1, 1]);
    await make(path, { dataset: "other" });
    await rejects(make(path, { overwrite: true }), { name: "UnsupportedError" });
  }));

Deno.test("Hdf5Writer without commit() leaves the old file and no other", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.h5`;
    await make(path);
    const before = await Deno.readFile(path);
    {
      await using writer = await createHdf5(path, {
        ...{ dataset: "raw", shape: [3, 4, 5], dtype: "uint16", overwrite: true },
      });
      await writer.write(wholeBox(writer), new Uint16Array(60).fill(7));
      strictEqual(namesIn(folder).length, 2);
    }
    deepStrictEqual(namesIn(folder), ["a.h5"]);
    deepStrictEqual(await Deno.readFile(path), before);
  }));

Deno.test("createHdf5() refuses what cannot be written before it makes a file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.h5`;
    const bad: Partial<NewHdf5Dataset>[] = [
      { shape: [3, 4] },
      { shape: [0, 4, 5] },
      { chunks: [1, 1] },
      { chunks: [1, 0, 1] },
      { chunks: [4096, 4096, 4096] },
      { gzipLevel: 10 },
    ];
    for (const options of bad) {
      await rejects(make(path, options), {
        name: "RangeError",
        message: /^Cannot (write|open) ".*": /,
      });
    }
    deepStrictEqual(namesIn(folder), []);
    await Deno.writeTextFile(path, "something else");
    await rejects(make(path), { name: "FormatError" });
    strictEqual(await Deno.readTextFile(path), "something else");
  }));

Deno.test("Hdf5Writer writes and reads boxes larger than one command moves", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.h5`;
    const shape = [40, 1024, 1024];
    await using writer = await createHdf5(path, {
      dataset: "raw",
      shape,
      dtype: "uint8",
      gzipLevel: 0,
    });
    const data = new Uint8Array(40 * 2 ** 20);
    for (let i = 0; i < data.length; i += 4099) data[i] = i % 251;
    await writer.write(wholeBox(writer), data);
    ok((await writer.read(wholeBox(writer)) as Uint8Array).every((v, i) => v === data[i]));
  }));
