import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { FIB25, testWith } from "../support/resources.ts";

async function info(path: string) {
  const result = await ffn("info", path, "--json");
  strictEqual(result.code, 0, result.stderr);
  return JSON.parse(result.stdout);
}

Deno.test("ffn info lists the members of an npz archive", async () => {
  await using folder = await temporaryFolder();
  const path = folder.of("a.npz");
  const data = Uint8Array.of(0, 3, 3, 7, 0, 0);
  const bytes = await encodeNpz([
    { name: "segmentation", value: { dtype: "uint8", shape: [1, 2, 3], data } },
    { name: "counters", value: { text: '{"predict-calls": 12, "halts": 0}' } },
  ]);
  await Deno.writeFile(path, bytes);
  deepStrictEqual(await info(path), {
    kind: "segmentation of a subvolume",
    facts: {
      path,
      sizeBytes: bytes.length,
      objects: 2,
      coverage: 0.5,
      counters: "halts: 0\npredict-calls: 12",
    },
    contents: [
      { member: "segmentation", type: "uint8", shape: [1, 2, 3] },
      { member: "counters", type: "text", shape: [] },
    ],
  });
  const { stdout } = await ffn("info", path);
  match(stdout, /^segmentation of a subvolume\n {2}path +\S/);
  match(stdout, /\n {2}counters\n {4}halts: 0\n {4}predict-calls: 12\n/);
  match(stdout, /\n {2}segmentation {2}uint8 {2}\(1, 2, 3\)\n/);
});

Deno.test("ffn info tells requests and boxes by what parses", async () => {
  await using folder = await temporaryFolder();
  const write = async (name: string, text: string) => {
    await Deno.writeTextFile(folder.of(name), text);
    return folder.of(name);
  };
  const request = await write("a.pbtxt", 'image { hdf5: "a.h5:raw" } # the EM\nimage_mean: 128');
  deepStrictEqual(await info(request), {
    kind: "ffn.InferenceRequest",
    facts: { path: request, text: 'image_mean: 128.0\nimage {\n  hdf5: "a.h5:raw"\n}\n' },
  });
  const box = await write("b.pbtxt", "start { x: 1 } size { x: 2 y: 3 z: 4 }");
  strictEqual((await info(box)).kind, "ffn.BoundingBox");
});

Deno.test("ffn info names the place of the first error in a request", async () => {
  await using folder = await temporaryFolder();
  const path = folder.of("a.pbtxt");
  await Deno.writeTextFile(path, 'image { hdf5: "a.h5:raw" }\nimage_maen: 128\n');
  const { code, stderr } = await ffn("info", path);
  strictEqual(code, 1);
  match(stderr, /^ffn info: Cannot parse ".*a\.pbtxt" at line 2, column 1: no field "image_maen"/);
  match(stderr, /did you mean "image_mean"/);
});

Deno.test("ffn info refuses what it does not know, in one line", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeFile(folder.of("a.bin"), Uint8Array.of(1, 2, 0, 4));
  for (const path of ["a.bin", "gone", "gone.h5:raw", "."].map((name) => folder.of(name))) {
    const { code, stdout, stderr } = await ffn("info", path);
    strictEqual(code, 1);
    strictEqual(stdout, "");
    ok(/^ffn info: Cannot [^\n]*\n$/.test(stderr), stderr);
  }
});

Deno.test("ffn info lists the subvolumes of a folder of results", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(folder.of("20", "10"), { recursive: true });
  const path = folder.of("20", "10", "seg-20_10_5.npz");
  await Deno.writeFile(path, new Uint8Array());
  deepStrictEqual(await info(folder.path), {
    kind: "folder of results",
    facts: { path: folder.path, subvolumes: 1 },
    contents: [{ cornerZyx: [5, 10, 20], path }],
  });
});

testWith("shared", "ffn info recognises the published network", async () => {
  const { kind, facts, contents } = await info(`${FIB25}/model/model.ckpt-27465036`);
  strictEqual(kind, "TensorFlow checkpoint");
  strictEqual(facts.model, "convstack_3d.ConvStack3DFFNModel, depth 12, features 32");
  strictEqual(facts.step, 27465036);
  deepStrictEqual(
    contents.find((row: { variable: string }) => row.variable === "seed_update/conv0_a/weights"),
    { variable: "seed_update/conv0_a/weights", type: "float32", shape: [3, 3, 3, 2, 32] },
  );
});

testWith("shared", "ffn info reads the published result with its foreign pickles", async () => {
  const { facts } = await info(`${FIB25}/training_sample2/sample-training2.npz`);
  strictEqual(facts.objects, 254);
  strictEqual(facts.origins, 254);
  match(facts.request, /seed_policy: "PolicyPeaks"/);
  match(facts.counters, /\npredict-calls: 25799\n/);
});

testWith(
  "shared",
  "ffn info lists the datasets of an HDF5 file and describes one of them",
  async () => {
    const path = `${FIB25}/training_sample2/groundtruth_supervoxels.h5`;
    const { kind, contents } = await info(path);
    strictEqual(kind, "HDF5 file");
    deepStrictEqual(
      contents.map((row: { dataset: string }) => row.dataset.replace(/^\//, "")).sort(),
      ["stack", "transforms"],
    );
    const volume = await info(`${path}:stack`);
    deepStrictEqual([volume.kind, volume.facts.shape], ["volume", [250, 250, 250]]);
  },
);
