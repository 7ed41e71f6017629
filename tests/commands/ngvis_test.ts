import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { startViewer, type ViewerOptions } from "../../engine/commands/start_viewer.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { writeResegmentationRequest } from "../../engine/resegmentation/request.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { ffn } from "../support/cli.ts";
import { writeSubvolume } from "../support/inference_results.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const SIZE: Zyx = [5, 70, 66];
const context = { note: () => {} };
const local = { host: "127.0.0.1", port: 0 };

async function writeImage(path: string): Promise<Float64Array> {
  const data = Float64Array.from({ length: 5 * 70 * 66 }, (_, i) => Math.sin(i));
  const parts = encodeNpy({ dtype: "float64", shape: SIZE, data });
  await Deno.writeFile(path, new Blob(parts as BlobPart[]).stream());
  return data;
}

interface ShownLayer {
  readonly name: string;
  readonly source: string;
  readonly visible: boolean;
}

Deno.test("startViewer() serves volumes that read back equal as precomputed ones", async () => {
  await using folder = await temporaryFolder();
  const image = await writeImage(folder.of("raw.npy"));
  const labels = BigUint64Array.from({ length: 5 * 70 * 66 }, (_, i) => BigInt(i % 3));
  const results = folder.of("results");
  for (const start of [[0, 0, 0], [5, 0, 0]] as Zyx[]) {
    await writeSubvolume(results, { start, size: SIZE }, labels);
  }
  const options: ViewerOptions = { ...local, raw: folder.of("raw.npy"), labels: [results] };
  await using viewer = await startViewer({ ...options, voxelSize: "40,8,8" }, context);
  const layers = viewer.state.layers as unknown as ShownLayer[];
  deepStrictEqual(layers.map(({ name, visible }) => [name, visible]), [
    ["raw", true],
    ["seg-0_0_0", true],
    ["seg-0_0_5", false],
  ]);
  deepStrictEqual(viewer.state.position, [33.5, 35.5, 2.5]);
  const [shownImage, , shownLabels] = await Promise.all(layers.map(({ source }) => open(source)));
  deepStrictEqual(shownImage.voxelSizeNm, [40, 8, 8]);
  deepStrictEqual(await shownImage.read(wholeBox(shownImage)), Float32Array.from(image));
  deepStrictEqual(shownLabels.offset, [5, 0, 0]);
  const read = await shownLabels.read(wholeBox(shownLabels));
  deepStrictEqual(Array.from<number | bigint, bigint>(read, BigInt), [...labels]);
  for (const volume of [shownImage, shownLabels]) await volume[Symbol.asyncDispose]();
});

Deno.test("startViewer() refuses what is not there, and changes", async () => {
  await using folder = await temporaryFolder();
  await writeImage(folder.of("raw.npy"));
  await using viewer = await startViewer({ ...local, raw: folder.of("raw.npy") }, context);
  const [{ source }] = viewer.state.layers as unknown as ShownLayer[];
  const address = source.replace("precomputed://", "");
  const asked = async (path: string, method = "GET") => {
    const response = await fetch(address + path, { method });
    await response.body?.cancel();
    strictEqual(response.headers.get("access-control-allow-origin"), "*");
    return response.status;
  };
  deepStrictEqual(
    await Promise.all([
      ...["/info", "/full/0-64_0-64_0-5", "/full/64-66_64-70_0-5"].map((path) => asked(path)),
      ...["/full/0-66_0-64_0-5", "/full/1-64_0-64_0-5", "/full/x", "/full/66-66_0-64_0-5"]
        .map((path) => asked(path)),
      asked("x/info"),
      asked("/info", "DELETE"),
    ]),
    [200, 200, 200, 404, 404, 404, 404, 404, 405],
  );
  await rejects(startViewer({ ...local }, context), {
    name: "UsageError",
    message: "Cannot show anything: give --raw, --labels or both",
  });
  await rejects(startViewer({ ...local, labels: ["a.h5"], names: [] }, context), {
    message: "Cannot name 1 volumes of labels: --names has 0",
  });
  const { code, stderr } = await ffn("ngvis", "--raw", folder.of("missing.npy"));
  strictEqual(code, 1);
  strictEqual(/^ffn ngvis: Cannot open ".*missing.npy"/.test(stderr), true, stderr);
});

Deno.test("startViewer() shows the objects of a review, where they are", async () => {
  await using folder = await temporaryFolder();
  await writeImage(folder.of("raw.npy"));
  const data = new Uint32Array(5 * 70 * 66).fill(3);
  const parts = encodeNpy({ dtype: "uint32", shape: SIZE, data });
  await Deno.writeFile(folder.of("seg.npy"), new Blob(parts as BlobPart[]).stream());
  await Deno.writeTextFile(folder.of("todo.txt"), "1\n7, 3 @ 1,60,20\n9\n");
  const options = { ...local, raw: folder.of("raw.npy"), review: folder.of("todo.txt") };
  const labels = [folder.of("seg.npy")];
  await using viewer = await startViewer({ ...options, labels, index: 1 }, context);
  const layers = viewer.state.layers as unknown as { segments?: string[] }[];
  deepStrictEqual(layers.map(({ segments }) => segments), [undefined, ["3", "7"]]);
  deepStrictEqual(viewer.state.position, [20.5, 60.5, 1.5]);
  await using more = await startViewer({ ...options, labels, index: 1, batch: 2 }, context);
  deepStrictEqual((more.state.layers as unknown as { segments?: string[] }[])[1].segments, [
    "3",
    "7",
    "9",
  ]);
  await rejects(startViewer(options, context), {
    name: "UsageError",
    message: "Cannot show the objects of --review without --labels",
  });
  await rejects(startViewer({ ...options, labels, review: folder.of("x") }, context), {
    name: "NotFoundError",
    message: `Cannot open review "${folder.of("x")}": no such file`,
  });
});

Deno.test("startViewer() places the points of a request where the labels lie that it was made for", async () => {
  await using folder = await temporaryFolder();
  await writeImage(folder.of("raw.npy"));
  const results = folder.of("results");
  const start: Zyx = [300, 20, 1000];
  await writeSubvolume(results, { start, size: SIZE }, new BigUint64Array(5 * 70 * 66).fill(1n));
  await writeResegmentationRequest(folder.of("points.pbtxt"), {
    points: [{ idA: 1n, idB: 2n, point: { x: 5n, y: 6n, z: 3n } }],
  });
  const points = folder.of("points.pbtxt");
  const places = async (options: Partial<ViewerOptions>) => {
    await using viewer = await startViewer({ ...local, ...options, points }, context);
    const layers = viewer.state.layers as unknown as { annotations?: { point: number[] }[] }[];
    return layers.flatMap(({ annotations = [] }) => annotations.map(({ point }) => point));
  };
  const raw = folder.of("raw.npy");
  // x, y, z, at the middle of the voxel.
  deepStrictEqual(await places({ raw, labels: [results] }), [[1005.5, 26.5, 303.5]]);
  deepStrictEqual(await places({ labels: [results] }), [[1005.5, 26.5, 303.5]]);
  deepStrictEqual(await places({ raw }), [[5.5, 6.5, 3.5]]);
});
