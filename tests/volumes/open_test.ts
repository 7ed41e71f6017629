import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { open, type OpenOptions } from "../../engine/volumes/open.ts";
import type { DecoratedVolume } from "../../engine/formats/protobuf/masks.ts";
import { FIXTURES } from "./kinds.ts";

/** Name and message of the error, without the folder. */
async function refusal(volume: string | DecoratedVolume, options?: OpenOptions): Promise<string> {
  try {
    await using _volume = await open(volume, options);
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message.replaceAll(FIXTURES, "…")}`;
  }
  return "opened";
}

const inFixtures = (text: string) => `${FIXTURES}/${text}`;

Deno.test("open() says of every bad name what is there and what to write", async () => {
  const cases: [string, string][] = [
    ["none.h5:raw", 'NotFoundError: Cannot open "…/none.h5:raw": no such file "…/none.h5"'],
    [
      "old.h5:rw",
      'NotFoundError: Cannot open "…/old.h5:rw": no dataset "rw", the file has "channels/labels", "raw", did you mean "raw"',
    ],
    [
      "old.h5:channels",
      'NotFoundError: Cannot open "…/old.h5:channels": no dataset "channels", the file has "channels/labels", "raw"',
    ],
    [
      "old.h5",
      'NotFoundError: Cannot open "…/old.h5": name one of its datasets after a colon, the file has "channels/labels", "raw"',
    ],
    [
      "types.h5:flat",
      'RangeError: Cannot open "…/types.h5:flat": a volume has 3 dimensions (z, y, x) or 4 (channel, z, y, x), current shape is [3, 4]',
    ],
    [
      "types.h5:deep",
      'RangeError: Cannot open "…/types.h5:deep": a volume has 3 dimensions (z, y, x) or 4 (channel, z, y, x), current shape is [1, 1, 2, 3, 4]',
    ],
    [
      "types.h5:scalar",
      'RangeError: Cannot open "…/types.h5:scalar": a volume has 3 dimensions (z, y, x) or 4 (channel, z, y, x), current shape is []',
    ],
    [
      "types.h5:empty",
      'RangeError: Cannot open "…/types.h5:empty": a volume has at least one voxel, current shape is [0, 3, 4]',
    ],
    [
      "types.h5:rows",
      'UnsupportedError: Cannot open "…/types.h5:rows": elements must be integers or floats of 1, 2, 4 or 8 bytes, current type is no number of 8 bytes',
    ],
    [
      "types.h5:names",
      'UnsupportedError: Cannot open "…/types.h5:names": elements must be integers or floats of 1, 2, 4 or 8 bytes, current type is no number of 3 bytes',
    ],
    [
      "c_order.npy:raw",
      'NotFoundError: Cannot open "…/c_order.npy:raw": a .npy file holds one array without a name, write "…/c_order.npy"',
    ],
    [
      "flat.npy",
      'RangeError: Cannot open "…/flat.npy": a volume has 3 dimensions (z, y, x) or 4 (channel, z, y, x), current shape is [6, 10]',
    ],
    [
      "png8",
      'UnsupportedError: Cannot open "…/png8": the folder is no Zarr and no precomputed volume; a stack is "…/png8:png" or "…/png8:tif"',
    ],
    [
      "png8/s0.png",
      'UnsupportedError: Cannot open "…/png8/s0.png": no known kind of file, volumes are HDF5 (.h5), NumPy (.npy, .npz), TIFF, Zarr, precomputed and folders of images (folder:png, folder:tif)',
    ],
    [
      "old.h5:raw[6]",
      'RangeError: Cannot open "…/old.h5:raw[6]": index 6 is outside axis 0, which has size 6',
    ],
    [
      "old.h5:raw[0]",
      'RangeError: Cannot open "…/old.h5:raw[0]": a volume has 3 dimensions (z, y, x) or 4 (channel, z, y, x), current shape is [10, 12]',
    ],
    [
      "old.h5:raw[3:3]",
      'RangeError: Cannot open "…/old.h5:raw[3:3]": a volume has at least one voxel, current shape is [0, 10, 12]',
    ],
    [
      "old.h5:raw[:,:,:,:]",
      'RangeError: Cannot open "…/old.h5:raw[:,:,:,:]": the slice has 4 entries, the volume has 3 dimensions',
    ],
  ];
  for (const [text, expected] of cases) strictEqual(await refusal(inFixtures(text)), expected);
});

Deno.test("open() takes the message of a request", async () => {
  await using volume = await open({ hdf5: inFixtures("old.h5:raw") });
  deepStrictEqual(volume.shape, [6, 10, 12]);
  const help = 'name the volume as hdf5: "file.h5:dataset"';
  const cases: [DecoratedVolume, string][] = [
    [{}, `RangeError: Cannot open a volume: its message names none, ${help}`],
    [
      { volinfo: "a.volinfo" },
      `UnsupportedError: Cannot open a volume by volinfo "a.volinfo": that is not supported, ${help}`,
    ],
    [
      { hdf5: "a.h5:raw", decoratorSpecs: "[]" },
      `UnsupportedError: Cannot open a volume by decorator_specs "[]": that is not supported, ${help}`,
    ],
    [
      { hdf5: "a.h5" },
      'SyntaxError: Cannot open "a.h5": a request names a volume as file:dataset, for example "em.h5:raw"',
    ],
  ];
  for (const [message, expected] of cases) strictEqual(await refusal(message), expected);
});

Deno.test("open() splits the name in a request at the last colon", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/run:1`);
    await Deno.copyFile(inFixtures("user_block.h5"), `${folder}/run:1/a.h5`);
    await using volume = await open({ hdf5: `${folder}/run:1/a.h5:raw` });
    strictEqual(volume.spec, `${folder}/run:1/a.h5:raw`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("open() knows files by their content where the name does not tell", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(inFixtures("user_block.h5"), `${folder}/a.H5`);
    await Deno.copyFile(inFixtures("old.h5"), `${folder}/hdf5`);
    await Deno.copyFile(inFixtures("c_order.npy"), `${folder}/npy`);
    for (const name of ["a.H5", "hdf5:raw", "npy"]) {
      await using volume = await open(`${folder}/${name}`);
      strictEqual(volume.shape.length, 3);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("open() leaves no file open when it fails", async () => {
  // The test runner reports leaked files; the worker would keep the process.
  await rejects(open(inFixtures("c_order.npy[9]")), { name: "RangeError" });
  await rejects(open(inFixtures("old.h5:raw[9]")), { name: "RangeError" });
  await rejects(open(inFixtures("fortran.npy[9]")), { name: "RangeError" });
});
