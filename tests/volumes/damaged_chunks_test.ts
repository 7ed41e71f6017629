import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import {
  decodeCompressedSegmentation,
  encodeCompressedSegmentation,
} from "../../engine/formats/compressed_segmentation.ts";
import { murmurHash3, parseMinishardIndex } from "../../engine/formats/precomputed_shard.ts";
import { byteSource } from "../../engine/formats/byte_source.ts";
import { encodeTiff, openTiff } from "../../engine/formats/tiff.ts";
import { open } from "../../engine/volumes/open.ts";
import { spatialSize } from "../../engine/volumes/volume.ts";
import { checkMutations } from "../support/mutations.ts";
import { seededRandom } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { CHUNKED } from "./kinds.ts";

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Part of a volume that is small whatever a damaged file says. */
async function corner(text: string): Promise<unknown> {
  await using volume = await open(text);
  const [z, y, x] = spatialSize(volume).map((n) => Math.min(n, 16));
  return await volume.read({ start: [0, 0, 0], size: [z, y, x] });
}

// Chunks of these have no checksum of their own, and metadata have none at all: other values are legal.
const FILES: readonly [volume: string, file: string, count?: number][] = [
  ["v3_gzip.zarr", "zarr.json", 400],
  ["v2_blosc.zarr", ".zarray", 400],
  ["ome.zarr", "zarr.json"],
  ["raw", "info", 400],
  ["sharded_raw", "info"],
  ["v3_gzip.zarr", "c/0/0/0"],
  ["v3_zstd.zarr", "c/0/0/0"],
  ["v3_blosc.zarr", "c/0/0/0"],
  ["v2_lz4_bool.zarr", "0.0.0"],
  ["v2_zlib_big.zarr", "0.0.0"],
  ["v3_sharded.zarr", "c/0/0/0"],
  ["raw", "8_8_30/0-11_0-10_0-7"],
  ["cseg64", "8_8_30/0-11_0-10_0-7"],
  ["cloud", "8_8_30/3-15_2-13_1-11.gz"],
  ["sharded_raw", "8_8_30/0.shard"],
  ["sharded_cseg", "8_8_30/0.shard"],
];

for (const [volume, file, count = 150] of FILES) {
  Deno.test(`open() survives damage to "${file}" of "${volume}"`, async () => {
    await using folder = await temporaryFolder();
    await copyFolder(`${CHUNKED}/${volume}`, folder.of("a"));
    const path = folder.of("a", file);
    const bytes = await Deno.readFile(path);
    const format = file === "info" || volume.endsWith(".zarr") === false ? "precomputed" : "zarr";
    await checkMutations(bytes, async (damaged) => {
      await Deno.writeFile(path, damaged);
      return await corner(`${format}://${folder.of("a")}`);
    }, { unprotected: true, count });
  });
}

for (const name of ["tif8/s0.tif", "tif16/s0.tif", "pages.tif", "tiled.tif", "labels.tif"]) {
  Deno.test(`open() survives damage to "${name}"`, async () => {
    await using folder = await temporaryFolder();
    const path = folder.of("a.tif");
    const bytes = await Deno.readFile(`${CHUNKED}/${name}`);
    await checkMutations(bytes, async (damaged) => {
      await Deno.writeFile(path, damaged);
      return await corner(path);
    }, { unprotected: true });
  });
}

Deno.test("Zarr chunks are not unpacked beyond what a chunk has", async () => {
  await using folder = await temporaryFolder();
  for (
    const [name, format] of [["v3_gzip.zarr", "gzip"], ["v2_zlib_big.zarr", "deflate"]] as const
  ) {
    await copyFolder(`${CHUNKED}/${name}`, folder.of(name));
    const zeros = new Blob([new Uint8Array(2 ** 26)]).stream();
    const packed = zeros.pipeThrough(new CompressionStream(format));
    const chunk = format === "gzip" ? "c/0/0/0" : "0.0.0";
    await Deno.writeFile(folder.of(name, chunk), packed);
    await rejects(corner(folder.of(name)), {
      name: "FormatError",
      message: /larger than \d+ bytes/,
    });
  }
});

Deno.test("open() refuses a scale of a precomputed volume that leads out of its folder", async () => {
  await using folder = await temporaryFolder();
  await copyFolder(`${CHUNKED}/raw`, folder.of("a"));
  const info = JSON.parse(await Deno.readTextFile(folder.of("a", "info")));
  info.scales[0].key = "../b/8_8_30";
  await Deno.writeTextFile(folder.of("a", "info"), JSON.stringify(info));
  await rejects(corner(folder.of("a")), { message: /the name leads out of the volume$/ });
});

Deno.test("encodeCompressedSegmentation() is undone by decoding, for few and for many labels", () => {
  const random = seededRandom(5);
  for (const count of [1, 2, 3, 5, 17, 300, 70_000]) {
    for (const dtype of ["uint32", "uint64"] as const) {
      const size = [9, 31, 33] as const;
      const voxels = 2 * 9 * 31 * 33;
      const numbers = Array.from({ length: voxels }, () => Math.floor(random() * count));
      const labels = dtype === "uint32"
        ? Uint32Array.from(numbers, (n) => n * 61_000)
        : BigUint64Array.from(numbers, (n) => BigInt(n) * 2n ** 40n + 1n);
      for (const block of [[8, 8, 8], [64, 64, 64], [3, 5, 7]] as const) {
        const bytes = encodeCompressedSegmentation(labels, size, block);
        const decoded = decodeCompressedSegmentation(bytes, dtype, 2, size, block, "a");
        ok(decoded.every((label, i) => label === labels[i]), `${count} ${dtype} ${block}`);
      }
    }
  }
});

Deno.test("encodeTiff() is undone by openTiff() for every type of pixels", async () => {
  const values = [0, 1, 100, 50, 3, 127];
  for (
    const type of [
      Uint8Array,
      Int8Array,
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      Float32Array,
    ]
  ) {
    const data = type.from(values.map((v) => /^U/.test(type.name) ? v : -v));
    const dtype = type.name.replace("Array", "").toLowerCase() as "uint8";
    const bytes = encodeTiff({ width: 3, height: 2, dtype, data });
    const file = await openTiff(byteSource(bytes), "a.tif");
    deepStrictEqual(await file.read(0, { x: 0, y: 0, width: 3, height: 2 }, 0), data);
  }
});

Deno.test("open() refuses TIFF samples that the library would read wrongly, and colour without a channel", async () => {
  await rejects(open(`${CHUNKED}/tif16_refused:tif`), {
    name: "UnsupportedError",
    message: /big-endian samples of 16 bits are not supported with a predictor/,
  });
  await rejects(open(`${CHUNKED}/colour.tif`), { name: "UnsupportedError" });
  await using volume = await open(`${CHUNKED}/colour.tif`, { channel: 1 });
  deepStrictEqual([...await volume.read({ start: [1, 0, 0], size: [1, 1, 2] })], [224, 221]);
});

Deno.test("murmurHash3() gives the values of the reference implementation", () => {
  // mmh3.hash64 with x64arch=False of the 8 bytes of 0, 1 and 2^63 + 5, first half.
  const values = [0n, 1n, 2n ** 63n + 5n].map(murmurHash3);
  deepStrictEqual(values, [
    5148371408780832321n,
    16770674756601302682n,
    14567004068401809725n,
  ]);
});

Deno.test("parseMinishardIndex() adds up differences", () => {
  const rows = BigUint64Array.from([5n, 2n, /* starts */ 10n, 3n, /* lengths */ 4n, 6n]);
  deepStrictEqual(
    parseMinishardIndex(new Uint8Array(rows.buffer), "a"),
    new Map([[5n, [10, 4]], [7n, [17, 6]]]),
  );
});
