/** What `ffn view --neuroglancer` serves: meshes, ranges, points and the client itself. */
import { gzipSync } from "node:zlib";
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { startViewer, type ViewerOptions } from "../../engine/commands/start_viewer.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { writeResegmentationRequest } from "../../engine/resegmentation/request.ts";
import { writePointAnnotations } from "../../engine/viewers/point_annotations.ts";
import { writeMeshes } from "../../engine/viewers/precomputed_meshes.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const SIZE: Zyx = [20, 30, 140];
const VOXEL: Zyx = [40, 8, 8];
const context = { note: () => {} };
const local = { host: "127.0.0.1", port: 0, voxelSize: VOXEL.join(",") };

/** Two objects, one of them across the blocks that meshes are made in. */
async function writeLabels(path: string): Promise<Uint32Array> {
  const data = Uint32Array.from({ length: 20 * 30 * 140 }, (_, i) => {
    const x = i % 140, y = Math.floor(i / 140) % 30, z = Math.floor(i / 4200);
    if (Math.abs(y - 10) < 4 && Math.abs(z - 10) < 5 && x > 20) return 7;
    return y > 20 && x < 30 ? 3000000 : 0;
  });
  const parts = encodeNpy({ dtype: "uint32", shape: SIZE, data });
  await Deno.writeFile(path, new Blob(parts as BlobPart[]).stream());
  return data;
}

/** Address of the layer's folder, without its scheme. */
function sourceOf(state: unknown): string {
  const { layers: [layer] } = state as { layers: { source: string }[] };
  return layer.source.replace("precomputed://", "");
}

Deno.test("startViewer() serves the meshes that writeMeshes() writes", async () => {
  await using folder = await temporaryFolder();
  const data = await writeLabels(folder.of("seg.npy"));
  await using viewer = await startViewer({ ...local, labels: [folder.of("seg.npy")] }, context);
  const source = sourceOf(viewer.state);
  strictEqual((await (await fetch(`${source}/info`)).json()).mesh, "mesh");
  const volume = memoryVolume({ dtype: "uint32", shape: SIZE, data });
  await writeMeshes(volume, folder.of("meshes"), { voxelSizeNm: VOXEL, maxError: 1 });
  const names = Array.from(Deno.readDirSync(folder.of("meshes")), ({ name }) => name);
  // Info, and for each object a manifest and its fragments, of which one has two.
  strictEqual(names.length, 1 + 2 + 3);
  for (const name of names) {
    const served = await (await fetch(`${source}/mesh/${name}`)).bytes();
    const written = await Deno.readFile(folder.of("meshes", name));
    const isJson = !/:0:/.test(name);
    const content = (bytes: Uint8Array) =>
      isJson ? JSON.parse(new TextDecoder().decode(bytes)) : bytes;
    deepStrictEqual(content(served), content(written), name);
  }
  for (const name of ["8:0", "7:0:1-2_3-4_5-6", "x"]) {
    const response = await fetch(`${source}/mesh/${name}`);
    strictEqual(response.status, 404);
    await response.body?.cancel();
  }
});

Deno.test("startViewer() serves the meshes that lie beside labels, packed ones too", async () => {
  await using folder = await temporaryFolder();
  await writeLabels(folder.of("seg.npy"));
  const made = folder.of("made");
  const { code, stderr } = await ffn(
    ...["convert", folder.of("seg.npy"), `${made}:precomputed`, "--meshes"],
    ...["--voxel-size", VOXEL.join(","), "--quiet"],
  );
  strictEqual(code, 0, stderr);
  // Which no mesh that is made on demand would be.
  await Deno.writeTextFile(`${made}/mesh/9:0`, '{"fragments": []}');
  await Deno.writeFile(`${made}/mesh/10:0.gz`, gzipSync("packed"));
  const textOf = async (options: Partial<ViewerOptions>, key: string) => {
    await using viewer = await startViewer({ ...local, labels: [made], ...options }, context);
    const response = await fetch(`${sourceOf(viewer.state)}/mesh/${key}`);
    return response.ok ? await response.text() : `${await response.body?.cancel() ?? ""}none`;
  };
  strictEqual(await textOf({}, "9:0"), '{"fragments": []}');
  strictEqual(await textOf({ voxelSize: undefined }, "10:0"), "packed");
  strictEqual(await textOf({}, "11:0"), "none");
  // With other voxels they would not fit.
  strictEqual(await textOf({ voxelSize: "8,8,8" }, "9:0"), "none");
  ok(/fragments/.test(await textOf({ voxelSize: "8,8,8" }, "7:0")));
});

Deno.test("startViewer() serves ranges, and nothing without its token", async () => {
  await using folder = await temporaryFolder();
  await writeLabels(folder.of("seg.npy"));
  await using viewer = await startViewer({ ...local, labels: [folder.of("seg.npy")] }, context);
  const source = sourceOf(viewer.state);
  const chunk = `${source}/full/0-64_0-30_0-20`;
  const whole = await (await fetch(chunk)).bytes();
  strictEqual(whole.length, 4 * 64 * 30 * 20);
  for (
    const [range, start, end] of [["10-19", 10, 20], ["153000-", 153000, 153600], [
      "-5",
      153595,
      153600,
    ]]
  ) {
    const response = await fetch(chunk, { headers: { range: `bytes=${range}` } });
    strictEqual(response.status, 206);
    strictEqual(response.headers.get("content-range"), `bytes ${start}-${Number(end) - 1}/153600`);
    deepStrictEqual(await response.bytes(), whole.slice(Number(start), Number(end)));
  }
  const beyond = await fetch(chunk, { headers: { range: "bytes=153600-" } });
  strictEqual(beyond.status, 416);
  const { origin, pathname } = new URL(chunk);
  const [, token, ...rest] = pathname.split("/");
  ok(/^[0-9a-f]{32}$/.test(token));
  for (const path of [`/${rest.join("/")}`, `/${"0".repeat(32)}/${rest.join("/")}`, "/", `/v/x/`]) {
    const response = await fetch(`${origin}${path}`);
    strictEqual(response.status, 403, path);
    await response.body?.cancel();
  }
});

Deno.test("startViewer() serves a client with a state that holds the points of a request", async () => {
  await using folder = await temporaryFolder();
  await writeLabels(folder.of("seg.npy"));
  await Deno.mkdir(folder.of("client"));
  const options = { ...local, labels: [folder.of("seg.npy")], client: folder.of("client") };
  await rejects(startViewer(options, context), {
    name: "NotFoundError",
    message:
      `Cannot serve the viewer of "${options.client}": it has no index.html; name the folder of a built client, as neuroglancer/static/client of the Python package, or an address`,
  });
  await Deno.writeTextFile(folder.of("client", "index.html"), "<p>client</p>");
  await writeResegmentationRequest(folder.of("points.pbtxt"), {
    points: [{ idA: 7n, idB: 3000000n, point: { x: 5n, y: 6n, z: 7n } }],
  });
  await using viewer = await startViewer(
    { ...options, points: folder.of("points.pbtxt") },
    context,
  );
  ok(/\/v\/[0-9a-f]{32}\/$/.test(viewer.url), viewer.url);
  strictEqual(await (await fetch(viewer.url)).text(), "<p>client</p>");
  const events = (await fetch(viewer.url.replace("/v/", "/events/").replace(/\/$/, ""))).body!;
  const reader = events.pipeThrough(new TextDecoderStream()).getReader();
  const text = (await reader.read()).value!;
  await reader.cancel();
  const [, state] = text.trim().split("\n\n").map((line) =>
    JSON.parse(line.slice("data: ".length))
  );
  deepStrictEqual(state.s, viewer.state);
  deepStrictEqual(state.s.layers[1].annotations, [
    { type: "point", id: "0", point: [5.5, 6.5, 7.5], description: "7 and 3000000: one object?" },
  ]);
  const secret = await fetch(viewer.url.replace(/\/v\/./, "/v/x"));
  strictEqual(secret.status, 403);
  await secret.body?.cancel();
});

Deno.test("startViewer() serves judged pairs with their scores and objects", async () => {
  await using folder = await temporaryFolder();
  await writeLabels(folder.of("points.npy"));
  const points = folder.of("judged");
  const position = [7, 6, 5] as const, objects = [7n, 3000000n];
  await writePointAnnotations(points, [{ position, objects, score: 0.75 }], { voxelSizeNm: VOXEL });
  const options = { ...local, labels: [folder.of("points.npy")], points };
  await using viewer = await startViewer(options, context);
  const { layers: [labels, layer, ...others] } = viewer.state as {
    layers: { name: string; type: string; source: string; linkedSegmentationLayer: unknown }[];
  };
  deepStrictEqual([others, layer.type], [[], "annotation"]);
  deepStrictEqual(layer.linkedSegmentationLayer, { objects: labels.name });
  // The labels are called points too.
  const source = layer.source.replace("precomputed://", "");
  for (const key of ["info", "spatial0/0_0_0", "by_id/0", "rel_objects/7"]) {
    const served = await fetch(`${source}/${key}`);
    strictEqual(served.headers.get("access-control-allow-origin"), "*");
    deepStrictEqual(await served.bytes(), await Deno.readFile(`${points}/${key}`), key);
  }
  const { origin, pathname } = new URL(source);
  for (
    const path of [`${pathname}/x`, `${pathname}/..%2Fpoints.npy`, pathname.replace(/\/./, "/x")]
  ) {
    const response = await fetch(`${origin}${path}`);
    ok([403, 404].includes(response.status), `${path} ${response.status}`);
    await response.body?.cancel();
  }
});

Deno.test("ffn view --neuroglancer says what it cannot open", async () => {
  await using folder = await temporaryFolder();
  const missing = await ffn("view", folder.of("none.npy"), "--neuroglancer");
  deepStrictEqual([missing.code, /^ffn view: Cannot open ".*none.npy"/.test(missing.stderr)], [
    1,
    true,
  ]);
  const none = await ffn("view");
  strictEqual(none.code, 2);
});
