/** Files compared with those of Neuroglancer's own library: tests/oracles/point_annotations.py has the same points. */
import { deepStrictEqual, match, rejects } from "node:assert/strict";
import type { AnnotatedPoint } from "../../engine/formats/precomputed_annotations.ts";
import { writePointAnnotations } from "../../engine/viewers/point_annotations.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const FIXTURE = new URL("../fixtures/point_annotations/", import.meta.url).pathname;

const POINTS: AnnotatedPoint[] = [
  { position: [10, 20, 30], objects: [5n, 6n], score: 0.75 },
  { position: [90, 2, 7], objects: [6n, 2n ** 53n + 1n], score: 0 },
  { position: [3, 0, 100], objects: [7n, 5n], score: 1 },
];

async function filesBelow(folder: string, under = ""): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${under}`)) {
    const path = `${under}${name}`;
    if (isDirectory) {
      for (const [key, bytes] of await filesBelow(folder, `${path}/`)) files.set(key, bytes);
    } else files.set(path, await Deno.readFile(`${folder}/${path}`));
  }
  return new Map([...files].sort(([a], [b]) => a < b ? -1 : 1));
}

const infoOf = (files: Map<string, Uint8Array>) =>
  JSON.parse(new TextDecoder().decode(files.get("info")));

Deno.test("writePointAnnotations() writes the files that Neuroglancer's library writes", async () => {
  await using folder = await temporaryFolder();
  await writePointAnnotations(folder.of("points"), POINTS, { voxelSizeNm: [40, 10, 8] });
  const files = await filesBelow(folder.of("points")), expected = await filesBelow(FIXTURE);
  const { lower_bound, upper_bound, properties, spatial, ...info } = infoOf(files);
  const { spatial: [grid], ...known } = infoOf(expected);
  for (const key of ["annotation_type", "relationships", "by_id", "@type", "dimensions"]) {
    const close = (value: unknown) =>
      JSON.stringify(value, (_, v) => typeof v === "number" ? v.toPrecision(6) : v);
    deepStrictEqual(close(info[key]), close(known[key]));
  }
  deepStrictEqual([properties[0].id, properties[0].type], ["score", "float32"]);
  // Theirs end at the points, ours with the voxels.
  deepStrictEqual([lower_bound, upper_bound], [[7, 0, 3], [101, 21, 91]]);
  deepStrictEqual(spatial, [{ ...grid, chunk_size: [94, 21, 88] }]);
  files.delete("info");
  expected.delete("info");
  deepStrictEqual(files, expected);
});

Deno.test("writePointAnnotations() writes no points, and nothing over what is there", async () => {
  await using folder = await temporaryFolder();
  const write = () => writePointAnnotations(folder.of("none"), [], { voxelSizeNm: [1, 1, 1] });
  await write();
  const files = await filesBelow(folder.of("none"));
  deepStrictEqual([...files.keys()], ["info", "spatial0/0_0_0"]);
  deepStrictEqual(files.get("spatial0/0_0_0"), new Uint8Array(8));
  deepStrictEqual(infoOf(files).spatial[0].chunk_size, [1, 1, 1]);
  await rejects(write, /Cannot write annotations to ".*none": it exists, remove it or choose/);
  match((await Array.fromAsync(Deno.readDir(folder.path))).map((f) => f.name).join(), /^none$/);
});
