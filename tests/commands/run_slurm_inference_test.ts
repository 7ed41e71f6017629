import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { chosenCheckpoints } from "../../engine/commands/checkpoint_requests.ts";
import { plotSelection } from "../../engine/commands/plot_selection.ts";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { ffn } from "../support/cli.ts";
import { barsAlongX, type TinyRun, tinyRun } from "../support/tiny_run.ts";
import { writeTinyNetwork } from "../support/tiny_network.ts";

const SIZE: Zyx = [24, 24, 32];
const HERE = ["--threads", "1", "--kernel-process", "off", "--backend", "wasm"];

/** A request, two checkpoints of the same weights and one that sees nothing, truth, and a box. */
async function prepare(run: TinyRun): Promise<string[]> {
  await Deno.writeTextFile(run.of("request.pbtxt"), run.request());
  await Deno.writeTextFile(run.of("box.pbtxt"), "size { x: 32 y: 24 z: 24 }");
  for (const step of [10, 100]) await writeTinyNetwork(run.of("train", `model.ckpt-${step}`));
  await writeTinyNetwork(run.of("train", "model.ckpt-20"));
  await Deno.truncate(run.of("train", "model.ckpt-20.data-00000-of-00001"));
  await Deno.writeFile(
    run.of("train", "model.ckpt-20.data-00000-of-00001"),
    new Uint8Array((await Deno.stat(run.of("train", "model.ckpt-10.data-00000-of-00001"))).size),
  );
  const bright = barsAlongX(SIZE);
  const rows = new Map<string, number>();
  const data = new Uint32Array(volumeOf(SIZE)).map((_, i) => {
    const y = Math.floor(i / 32) % 24, z = Math.floor(i / (32 * 24));
    const bar = `${Math.floor(z / 12)},${Math.floor(y / 12)}`;
    if (!rows.has(bar)) rows.set(bar, rows.size + 1);
    return bright[i] > 128 ? rows.get(bar)! : 0;
  });
  const truth = { dtype: "uint32", shape: SIZE, data } as const;
  await Deno.writeFile(run.of("truth.npz"), await encodeNpz([{ name: "labels", value: truth }]));
  return [
    ...["--infreqs", run.of("request.pbtxt"), "--bboxes", run.of("box.pbtxt")],
    ...["--ckpt-dir", run.of("train"), "--out-dir", run.of("out")],
  ];
}

Deno.test("ffn run-slurm-inference writes requests and a script for checkpoints", async () => {
  await using run = await tinyRun(SIZE);
  const flags = await prepare(run);
  await Deno.writeTextFile(
    run.of("pick.yaml"),
    "ckpts: {early: 10, middle: 20, late: 100}\ncull: [middle]\n",
  );
  await Deno.writeTextFile(
    run.of("site.yaml"),
    `partition: gpu\ngres: "gpu:1"\nsetup: ["module load deno"]\nsbatch: --exclude=n7\n`,
  );
  const { code, stdout, stderr } = await ffn(
    ...["run-slurm-inference", ...flags, "--yaml", run.of("pick.yaml"), "--script-only"],
    ...["--site", run.of("site.yaml"), "--partition", "long", "--t", "1:00:00", "--tasks", "2"],
    ...["--max-running", "3", "--back-shift", "--max-attempts", "5", ...HERE],
  );
  strictEqual(code, 0, stderr);
  const script = await Deno.readTextFile(stdout.trim());
  match(script, /^#SBATCH --array=0-3%3$/m);
  match(script, /^#SBATCH --partition=long\n#SBATCH --gres=gpu:1\n#SBATCH --time=1:00:00$/m);
  match(script, /^#SBATCH --exclude=n7\n\nmodule load deno$/m);
  match(
    script,
    /^ {2}3\) set -- run-batch-inference --inference-requests \S*100_res\/infreq.pbtxt --bounding-box=\S*box.pbtxt .* --back-shift .*--max-attempts=5 /m,
  );
  const text = await Deno.readTextFile(run.of("out", "10_res", "infreq.pbtxt"));
  const request = parseInferenceRequest(text);
  strictEqual(request.modelCheckpointPath, run.of("train", "model.ckpt-10"));
  strictEqual(request.segmentationOutputDir, run.of("out", "10_res"));
  strictEqual(await Deno.stat(run.of("out", "20_res")).catch(() => null), null);
});

Deno.test("ffn run-slurm-inference tells which checkpoint is best", async () => {
  await using run = await tinyRun(SIZE);
  const flags = await prepare(run);
  const tiling = ["--subvolume-size", "-1,-1,20", "--subvolume-overlap", "8"];
  const local = ["--where", "local", "--truth", `${run.of("truth.npz")}:labels`];
  // The damaged checkpoint fails its check sums.
  const bad = await ffn("run-slurm-inference", ...flags, ...tiling, ...local, ...HERE);
  strictEqual(bad.code, 1);
  for (const name of [...Deno.readDirSync(run.of("train"))].map((entry) => entry.name)) {
    if (name.startsWith("model.ckpt-20.")) await Deno.remove(run.of("train", name));
  }
  const { code, stdout, stderr } = await ffn(
    "run-slurm-inference",
    ...flags,
    ...tiling,
    ...local,
    ...HERE,
  );
  strictEqual(code, 0, stderr);
  match(
    stdout,
    /step {2}VI split {2}VI merge +VI {2}Rand error {2}covered\n +10 .* best\n +100 .*best\n$/,
  );
  const [one, two] = JSON.parse(await Deno.readTextFile(run.of("out", "selection.json")));
  deepStrictEqual({ ...one, step: 100 }, two);
  const { segmentation, truth } = {
    segmentation: run.of("out", "10_res", "consensus.h5"),
    truth: run.of("truth.npz"),
  };
  const measured = await ffn("evaluate", `${segmentation}:seg`, `${truth}:labels`, "--json");
  strictEqual(JSON.parse(measured.stdout).all.total, one.total);
  match(
    await Deno.readTextFile(run.of("out", "selection.svg")),
    /<svg [\s\S]*best: step 10<[\s\S]*<\/svg>/,
  );
});

Deno.test("ffn run-slurm-inference refuses what does not fit together", async () => {
  await using run = await tinyRun(SIZE);
  const flags = await prepare(run);
  const [infreqs, request] = flags;
  const refused = async (pattern: RegExp, ...args: string[]) => {
    const { code, stderr } = await ffn("run-slurm-inference", ...args);
    ok(code !== 0);
    match(stderr, pattern);
  };
  await refused(/without --infreqs/, "--out-dir", run.of("out"));
  await refused(/without --out-dir/, infreqs, request);
  await refused(/checkpoints with 3 requests: give one/, ...flags, "--infreqs", request, request);
  await refused(
    /without any: give --ckpts/,
    infreqs,
    request,
    "--out-dir",
    run.of("out"),
    "--truth",
    "x",
  );
  await refused(
    /pair 1 requests with 2 boxes/,
    infreqs,
    request,
    "--out-dir",
    "o",
    "--bboxes",
    "a",
    "b",
  );
  await Deno.writeTextFile(run.of("pick.yaml"), "ckpts: {one: 1}");
  await refused(
    /Cannot take step 1 of ".*train": it has 0 checkpoints.*steps are 10, 20, 100/,
    ...flags,
    "--yaml",
    run.of("pick.yaml"),
  );
  await refused(
    /unknown key "partitions", did you mean "partition"/,
    ...flags,
    "--site",
    await site(run),
  );
});

async function site(run: TinyRun): Promise<string> {
  await Deno.writeTextFile(run.of("site.yaml"), "partitions: gpu");
  return run.of("site.yaml");
}

Deno.test("chosenCheckpoints() sorts by step and takes every kind of name", async () => {
  await using run = await tinyRun(SIZE);
  await prepare(run);
  const train = (step: number) => run.of("train", `model.ckpt-${step}`);
  deepStrictEqual(await chosenCheckpoints({ ckptDir: run.of("train") }), [10, 20, 100].map(train));
  deepStrictEqual(await chosenCheckpoints({ ckpts: [`${train(100)}.index`, train(10)] }), [
    train(100),
    train(10),
  ]);
});

Deno.test("plotSelection() puts every score inside the picture", () => {
  const score = (step: number, split: number, merge: number) => ({
    ...{ step, split, merge, total: split + merge, adaptedRandError: 0, coverage: 1 },
  });
  for (
    const scores of [[score(5, 0, 0)], [
      score(1000, 2, 0.5),
      score(2000, 1, 0.25),
      score(4000, 1, 1),
    ]]
  ) {
    const svg = plotSelection(scores);
    const centres = [...svg.matchAll(/cx="([\d.-]+)" cy="([\d.-]+)"/g)].map(([, x, y]) => [+x, +y]);
    strictEqual(centres.length, 3 * scores.length + 1);
    for (const [x, y] of centres) ok(x >= 56 && x <= 544 && y >= 24 && y <= 316, `${x}, ${y}`);
  }
});
