import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { decodePng } from "../../engine/formats/png.ts";
import { loadSegmentation } from "../../engine/segmentation/load_segmentation.ts";
import { ffn } from "../support/cli.ts";
import { tinyRun } from "../support/tiny_run.ts";

const HERE = ["--threads", "1", "--kernel-process", "off", "--backend", "wasm"];

/** Paths below a folder, sorted. */
async function filesBelow(folder: string, under = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${under}`)) {
    found.push(...isDirectory ? await filesBelow(folder, `${under}${name}/`) : [under + name]);
  }
  return found.sort();
}

Deno.test("ffn run_inference segments the whole image in the reference's spelling", async () => {
  await using run = await tinyRun();
  const { code, stdout, stderr } = await ffn(
    "run_inference",
    `--inference_request=${run.request()}`,
    ...HERE,
  );
  strictEqual(code, 0, stderr);
  match(stdout, /seg-0_0_0\.npz: \d+ objects, \d+ of 18432 voxels, \d+ FOV steps/);
  match(stderr, /Network: convstack_3d\.ConvStack3DFFNModel on WebAssembly, 1 thread/);
  deepStrictEqual(await filesBelow(run.of("results")), [
    "0/0/seg-0_0_0.npz",
    "0/0/seg-0_0_0.prob",
    "counters.txt",
  ]);
  match(await Deno.readTextFile(run.of("results", "counters.txt")), /executor-inference-calls: \d/);
  const { labels, origins } = await loadSegmentation(run.of("results"), [0, 0, 0]);
  ok(origins.size > 5);
  // The centre of the first bar, and a dark gap.
  ok(labels[(4 * 24 + 4) * 32 + 16] > 0);
  strictEqual(labels[(10 * 24 + 10) * 32 + 16], 0);
});

Deno.test("ffn run-inference takes a file and a box, and leaves a preview", async () => {
  await using run = await tinyRun();
  const request = run.of("request.pbtxt");
  await Deno.writeTextFile(request, `# a comment\n${run.request()}`);
  const box = ["--bounding-box", "start { x: 2 y: 1 z: 0 } size { x: 20 y: 16 z: 12 }"];
  const first = await ffn("run-inference", "--request", request, ...box, "--preview", ...HERE);
  strictEqual(first.code, 0, first.stderr);
  const png = run.of("results", "2", "1", "seg-2_1_0.png");
  match(first.stdout, /preview: .*seg-2_1_0\.png\n$/);
  // yx at the left, zy transposed at its right, zx below, a line of one pixel between.
  const { width, height } = decodePng(await Deno.readFile(png), png);
  deepStrictEqual([height, width], [16 + 1 + 12, 20 + 1 + 12]);
  const again = await ffn("run-inference", "--request", request, ...box, ...HERE);
  strictEqual(again.code, 0, again.stderr);
  match(again.stdout, /was segmented before: nothing to do/);
});

Deno.test("ffn run-inference reads relative paths from the current folder", async () => {
  await using run = await tinyRun();
  const text = run.request().replaceAll(`${run.path}/`, "");
  await Deno.writeTextFile(run.of("request.pbtxt"), text);
  const before = Deno.cwd();
  try {
    Deno.chdir(run.path);
    const { code, stderr } = await ffn("run-inference", "--request", "request.pbtxt", ...HERE);
    strictEqual(code, 0, stderr);
  } finally {
    Deno.chdir(before);
  }
  ok((await Deno.stat(run.of("results", "0", "0", "seg-0_0_0.npz"))).isFile);
});

Deno.test("ffn run-inference takes a box that overlaps the image in part", async () => {
  await using run = await tinyRun();
  const box = "start { x: 20 y: 12 z: 12 } size { x: 24 y: 24 z: 24 }";
  const args = ["--inference-request", run.request(), "--bounding-box", box, "--preview"];
  const { code, stdout, stderr } = await ffn("run-inference", ...args, ...HERE);
  strictEqual(code, 0, stderr);
  match(stdout, /seg-20_12_12\.npz: \d+ objects, \d+ of 13824 voxels/);
});

Deno.test("ffn run-inference says why nothing was segmented", async () => {
  await using run = await tinyRun();
  const more = `masks { coordinate_expression { expression: "x >= 0" } }`;
  const args = ["--inference-request", run.request({ more })];
  const { code, stdout, stderr } = await ffn("run-inference", ...args, ...HERE);
  strictEqual(code, 0, stderr);
  match(stdout, /no objects, it is masked entirely/);
});

Deno.test("ffn run-inference checks --inference-options and says that it has no effect", async () => {
  await using run = await tinyRun();
  const args = ["--inference-request", run.request(), ...HERE, "--inference_options"];
  const good = await ffn("run-inference", ...args, "segment_threshold: 0.9");
  strictEqual(good.code, 0);
  match(good.stderr, /--inference-options has no effect/);
  const bad = await ffn("run-inference", ...args, "segment_treshold: 0.9");
  strictEqual(bad.code, 2);
  match(bad.stderr, /did you mean "segment_threshold"/);
});
