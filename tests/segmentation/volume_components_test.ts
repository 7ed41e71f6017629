import { deepStrictEqual, rejects } from "node:assert/strict";
import { componentsOfVolume } from "../../engine/segmentation/volume_components.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { ffn } from "../support/cli.ts";
import { seededRandom } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { plainComponents } from "../wasm/labels/plain_labels.ts";

const SIZE: Zyx = [9, 20, 33];

/** Blobs along x of few labels, far beyond what a double holds. */
function blobs(): BigUint64Array<ArrayBuffer> {
  const random = seededRandom(3);
  let label = 0n;
  return BigUint64Array.from({ length: volumeOf(SIZE) }, () => {
    if (random() < 0.3) label = BigInt(Math.floor(3 * random()));
    return label << 60n;
  });
}

Deno.test("componentsOfVolume() equals plain flooding, whole and in any box", async () => {
  const data = blobs();
  const expected = plainComponents([...data].map(String), SIZE, 18);
  const planes: number[] = [];
  await using components = await componentsOfVolume(
    memoryVolume({ dtype: "uint64", shape: SIZE, data }),
    { connectivity: 18, onPlanes: (done) => planes.push(done) },
  );
  deepStrictEqual([components.count, planes.at(-1)], [expected.count, SIZE[0]]);
  deepStrictEqual([...await components.read(wholeBox(components))], expected.labels);
  const box = { start: [2, 5, 7], size: [4, 3, 20] } as const;
  const voxels = memoryVolume({
    ...{ dtype: "uint32", shape: SIZE, data: Uint32Array.from(expected.labels) },
  });
  deepStrictEqual(await components.read(box), await voxels.read(box));
  await rejects(components.read({ start: [8, 0, 0], size: [2, 1, 1] }), { name: "RangeError" });
});

Deno.test("componentsOfVolume() reads slab by slab, stops when cancelled and refuses what are no labels", async () => {
  // A plane is 64 MB of labels, so that each is a slab: a column through all of them, and crumbs.
  const size: Zyx = [3, 2048, 4096];
  const boxes: Zyx[] = [];
  const labels = {
    ...{ spec: "columns", shape: size, dtype: "uint64" as const },
    read(box: { start: Zyx; size: Zyx }) {
      boxes.push(box.size);
      const data = new BigUint64Array(volumeOf(box.size));
      data[5] = 7n;
      data[4096 + box.start[0] * 2] = 7n;
      return Promise.resolve(data);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  await using components = await componentsOfVolume(labels);
  deepStrictEqual(boxes, [[1, 2048, 4096], [1, 2048, 4096], [1, 2048, 4096]]);
  deepStrictEqual(components.count, 4);
  deepStrictEqual(
    [...await components.read({ start: [0, 0, 4], size: [3, 2, 2] })],
    [...[0, 1, 0, 0], ...[0, 1, 0, 0], ...[0, 1, 4, 0]],
  );
  const signal = AbortSignal.abort(new Error("enough"));
  await rejects(componentsOfVolume(labels, { signal }), { message: "enough" });
  await rejects(
    componentsOfVolume(
      memoryVolume({ dtype: "float32", shape: [1, 1, 1], data: new Float32Array(1) }),
    ),
    { name: "UnsupportedError", message: /integers \(z, y, x\) are wanted, current are float32/ },
  );
});

Deno.test("ffn convert --components numbers the components of labels, where they lie", async () => {
  await using folder = await temporaryFolder();
  const data = blobs();
  const parts = encodeNpy({ dtype: "uint64", shape: SIZE, data });
  await Deno.writeFile(folder.of("a.npy"), new Blob(parts as BlobPart[]).stream());
  const place = ["--offset", "3,4,5", "--voxel-size", "30,8,8", "--chunk-size", "8,8,8"];
  const run = await ffn(
    "convert",
    folder.of("a.npy"),
    folder.of("c.zarr"),
    ...place,
    "--components",
  );
  const expected = plainComponents([...data].map(String), SIZE, 6);
  deepStrictEqual([run.code, run.stderr.includes(`${expected.count} connected`)], [0, true]);
  await using volume = await open(folder.of("c.zarr"));
  deepStrictEqual([volume.dtype, volume.offset, volume.voxelSizeNm], [
    "uint32",
    [3, 4, 5],
    [30, 8, 8],
  ]);
  deepStrictEqual([...await volume.read(wholeBox(volume))].map(Number), expected.labels);
});
