import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { open } from "../../engine/volumes/open.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { CHUNKED } from "./kinds.ts";

Deno.test("openZarr() takes voxel size and place of each level from the metadata of an image", async () => {
  const cases: [text: string, voxelSizeNm: number[] | undefined, offset: number[] | undefined][] = [
    ["ome.zarr", [30, 8, 8], [4, 2, 0]],
    ["ome.zarr:1", [60, 16, 16], [2, 1, 0]],
    // Its axes are x, y, z, and it states no translation.
    ["ome_xyz.zarr", [30, 8.5, 8], undefined],
    ["v3_zstd.zarr", undefined, undefined],
  ];
  for (const [text, voxelSizeNm, offset] of cases) {
    await using volume = await open(`${CHUNKED}/${text}`);
    const rounded = volume.voxelSizeNm?.map((edge) => Number(edge.toFixed(9)));
    deepStrictEqual([rounded, volume.offset], [voxelSizeNm, offset], text);
  }
});

Deno.test("openZarr() reads the fill value where there is no chunk, exactly", async () => {
  await using volume = await open(`${CHUNKED}/v3_sparse.zarr`);
  const data = await volume.read({ start: [3, 5, 6], size: [2, 1, 2] });
  const fill = -(2n ** 63n) + 1n;
  deepStrictEqual([...data], [7n, fill, fill, fill]);
});

Deno.test("openZarr() says what is missing, and what it does not support", async () => {
  await using folder = await temporaryFolder();
  const array = JSON.parse(await Deno.readTextFile(`${CHUNKED}/v3_zstd.zarr/zarr.json`));
  const refused = async (changes: object) => {
    await Deno.writeTextFile(folder.of("zarr.json"), JSON.stringify({ ...array, ...changes }));
    const error = await open(folder.path).then(
      async (volume) => await volume.read({ start: [0, 0, 0], size: [1, 1, 1] }).catch((e) => e),
      (e) => e,
    );
    return `${error.name}: ${error.message.replaceAll(folder.path, "…")}`;
  };
  const cases: [changes: object, expected: string][] = [
    [
      { data_type: "complex64" },
      'UnsupportedError: Cannot open "…": elements must be bool, integers or floats of 1, 2, 4 or 8 bytes, current type is "complex64"',
    ],
    [
      { chunk_grid: { name: "regular", configuration: { chunk_shape: [2 ** 20, 2 ** 20, 1] } } },
      'UnsupportedError: Cannot open "…": chunks may have at most 1073741824 bytes, current [1048576, 1048576, 1] uint8 have 1099511627776; write the array again with smaller chunks',
    ],
    [
      { shape: [6, -1, 12] },
      'FormatError: Cannot open "…": shape must be at most 8 sizes, current [6,-1,12]',
    ],
    [
      { dimension_names: ["t", "u", "x"], shape: [6, 12] },
      'FormatError: Cannot open "…": shape of a chunk must be 2 sizes of at least 1, current [4,6,7]',
    ],
    [
      { fill_value: "red" },
      'FormatError: Cannot open "…": fill_value must be a value of type uint8, current "red"',
    ],
  ];
  for (const [changes, expected] of cases) strictEqual(await refused(changes), expected);
  await Deno.mkdir(folder.of("c/0/0"), { recursive: true });
  await Deno.writeFile(folder.of("c/0/0/0"), new Uint8Array(9));
  strictEqual(
    await refused({ codecs: [{ name: "bytes" }, { name: "pcodec" }] }),
    'UnsupportedError: Cannot read "…": no codec "pcodec", there are gzip, zlib, zstd, blosc, lz4, crc32c, transpose, shuffle, delta and sharding_indexed',
  );
  await rejects(open(`${CHUNKED}/ome.zarr:2`), {
    name: "NotFoundError",
    message:
      `Cannot open "${CHUNKED}/ome.zarr:2": no Zarr array or group "2" in "${CHUNKED}/ome.zarr"`,
  });
  await rejects(open(`${CHUNKED}/cloud:4_4_30`), {
    name: "NotFoundError",
    message: `Cannot open "${CHUNKED}/cloud:4_4_30": no scale "4_4_30", the volume has "8_8_30"`,
  });
});
