import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { parseCommandLine } from "../../engine/commands/command_line.ts";
import { LiveInference } from "../../engine/commands/live_inference.ts";
import { Curve } from "../../engine/commands/live_training.ts";
import { command as inference } from "../../engine/commands/run_inference.ts";
import { command as training } from "../../engine/commands/train.ts";
import { decodePng } from "../../engine/formats/png.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { SeenSubvolume } from "../../engine/inference/runner.ts";
import { loadSegmentation } from "../../engine/segmentation/load_segmentation.ts";
import { seededRandom } from "../support/random.ts";
import { testWith } from "../support/resources.ts";
import { startRun } from "../support/live_run.ts";
import { tinyRun } from "../support/tiny_run.ts";
import { flags, prepared } from "../support/training_run.ts";

const COMPUTE = { backend: "wasm", threads: 1, kernelProcess: "off", preview: false };
/** Seconds of work, so that the run is still there when it is asked. */
const SIZE: Zyx = [48, 56, 96];

Deno.test("ffn run-inference --live shows the run, changes nothing, and needs its token", async () => {
  await using folder = await tinyRun(SIZE);
  const request = (output: string) =>
    folder.request({ output: `segmentation_output_dir: ${JSON.stringify(folder.of(output))}` });
  const run = await startRun(inference, { ...COMPUTE, inferenceRequest: request("watched") });
  const { origin, pathname, hostname } = new URL(run.url);
  strictEqual(hostname, "127.0.0.1");
  const wrong = pathname.replace(/.\/$/, (end) => end === "0/" ? "1/" : "0/");
  for (const path of ["", "state", "live_page.js", "pictures/slices"]) {
    for (const prefix of ["/", wrong]) {
      const response = await fetch(`${origin}${prefix}${path}`);
      strictEqual(response.status, 403, `${prefix}${path}`);
      await response.body?.cancel();
    }
  }
  for (const method of ["POST", "PUT", "DELETE"]) {
    const response = await run.get("state", { method });
    strictEqual(response.status, 405);
    match(await response.text(), /^Cannot change a run/);
  }
  const state = await run.until(({ pictures, fraction }) =>
    pictures.length > 0 && fraction !== null
  );
  match(state.title, /^Segmenting ".*em\.npz:raw"$/);
  match(state.status, /^Segmenting start zyx \(0, 0, 0\) size \(48, 56, 96\)$/);
  deepStrictEqual(state.figures.map(([name]) => name), [
    ...["Time", "Left", "Objects", "Voxels in objects", "Seeds", "FOV steps", "Growing"],
  ]);
  const picture = await run.get("pictures/slices");
  strictEqual(picture.headers.get("content-type"), "image/png");
  const { height, width } = decodePng(await picture.bytes(), "slices");
  // Two pictures of (56 + 1 + 48) × (96 + 1 + 48), each pixel two wide, a gap of 8 between.
  deepStrictEqual([height, width], [2 * 105, 2 * 2 * 145 + 8]);
  for (const path of ["pictures/x", "x.js", "../live_page.ts", "network"]) {
    const response = await run.get(path);
    ok([403, 404].includes(response.status), `${path} ${response.status}`);
    await response.body?.cancel();
  }
  await run.ended;
  await rejects(run.get("state"));
  const alone = { ...COMPUTE, inferenceRequest: request("alone") };
  await inference.run(alone, { ...CONTEXT, signal: new AbortController().signal });
  const [watched, unwatched] = await Promise.all(
    ["watched", "alone"].map((name) =>
      loadSegmentation(folder.of(name), [0, 0, 0], { splitCc: false })
    ),
  );
  deepStrictEqual(watched.labels, unwatched.labels);
  ok(watched.origins.size > 2);
});

const CONTEXT = {
  verbosity: "quiet",
  print: () => {},
  note: () => {},
  stderr: { write: () => {}, columns: () => null },
} as const;

testWith("gpu", "ffn run-inference --live reads a canvas on a GPU between rounds", async () => {
  await using folder = await tinyRun([24, 24, 48]);
  const values = { ...COMPUTE, backend: "webgpu", inferenceRequest: folder.request() };
  const run = await startRun(inference, values);
  // The first ones are asked for before there is a canvas.
  let response = await run.get("pictures/slices");
  while (!response.ok) {
    await response.body?.cancel();
    response = await run.get("pictures/slices");
  }
  const { data } = decodePng(await response.bytes(), "slices");
  // Black over magenta to yellow, where the object that grows was predicted.
  const isFlood = (i: number) => data[i] > 200 && data[i + 1] > 200 && data[i + 2] < 40;
  ok(Array.from({ length: data.length / 3 }, (_, i) => 3 * i).some(isFlood));
  await run.stop();
});

Deno.test("a port in use ends ffn run-inference --live before it does anything", async () => {
  await using folder = await tinyRun();
  const taken = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response());
  const { port } = taken.addr;
  await rejects(
    startRun(inference, { ...COMPUTE, inferenceRequest: folder.request(), live: port }),
    {
      name: "UnsupportedError",
      message:
        `Cannot listen at 127.0.0.1:${port}: the port is in use; give another --live, or 0 for a free one`,
    },
  );
  await taken.shutdown();
  await rejects(Deno.stat(folder.of("results")), { name: "NotFound" });
});

Deno.test("LiveInference.look() paints what a page waits for, keeps to its share, and never ends the run", async () => {
  const size: Zyx = [6, 7, 8], voxels = 6 * 7 * 8;
  let reads = 0, nowMs = 0;
  const subvolume: SeenSubvolume = {
    box: { start: [0, 0, 0], size },
    image: new Float32Array(voxels),
    canvas: {
      size,
      result() {
        reads++;
        nowMs += 100;
        if (reads === 2) throw new Error("Cannot read the device");
        const [segmentation, segProb] = [new Int32Array(voxels), new Uint8Array(voxels)];
        return Promise.resolve({ segmentation, segProb, origins: new Map(), overlaps: new Map() });
      },
      objectMap: () => Promise.resolve(new Float32Array(voxels).fill(NaN)),
    },
  };
  const live = new LiveInference("a run", 0.4, () => nowMs);
  // Nobody has asked.
  strictEqual(live.look(subvolume), undefined);
  const picture = live.picture("slices");
  await live.look(subvolume);
  const { type, bytes } = (await picture)!;
  strictEqual(type, "image/png");
  // It took 100 ms: the next 2,000 belong to the run, and pages get the same picture at once.
  nowMs += 1999;
  deepStrictEqual(await live.picture("slices"), { type, bytes });
  strictEqual(live.look(subvolume), undefined);
  nowMs += 1;
  const next = live.picture("slices");
  await live.look(subvolume);
  deepStrictEqual((await next)!.bytes, bytes);
  strictEqual(reads, 2);
  match(live.state().events[0], /Cannot read the device/);
});

Deno.test("ffn train --live shows losses, scores and examples", async () => {
  await using folder = await prepared();
  const values = flags(folder, { maxSteps: 40, summaryRateSecs: 0, threshold: 0.06 });
  const run = await startRun(training, values);
  const state = await run.until(({ pictures }) => pictures.length >= 5);
  match(state.status, /^Training on WebAssembly/);
  deepStrictEqual(state.pictures.map(({ name }) => name), [
    ...["loss", "f1", "example-0", "example-1", "example-2"],
  ]);
  ok(state.figures.some(([name, value]) => name === "eval/f1" && Number(value) >= 0));
  match(state.events.join("\n"), /saved .*model\.ckpt-0/);
  const curve = await run.get("pictures/loss");
  strictEqual(curve.headers.get("content-type"), "image/svg+xml");
  match(await curve.text(), /<polyline points="[\d., ]+"/);
  const example = await run.get("pictures/example-0");
  const { data } = decodePng(await example.bytes(), "example");
  ok(new Set(data).size > 1);
  await run.ended;
});

Deno.test("Curve.add() keeps means of ever more values, and no more points than it may", () => {
  const random = seededRandom(3);
  const values = Array.from({ length: 5000 }, () => random());
  const curve = new Curve();
  values.forEach((value, i) => {
    curve.add(i + 1, value);
    curve.add(i + 1, NaN);
  });
  ok(curve.points.length >= 100 && curve.points.length < 400, `${curve.points.length}`);
  const perPoint = curve.points[0][0];
  curve.points.forEach(([x, y], i) => {
    strictEqual(x, (i + 1) * perPoint);
    const part = values.slice(i * perPoint, x);
    const mean = part.reduce((sum, value) => sum + value, 0) / perPoint;
    ok(Math.abs(y - mean) < 1e-12, `${y} ${mean}`);
  });
});

Deno.test("--live takes a port, or none", async () => {
  const commands = { "run-inference": () => Promise.resolve({ command: inference }) };
  const parse = async (...args: string[]) => {
    const parsed = await parseCommandLine(["run-inference", ...args], commands, "0");
    return "help" in parsed ? parsed.help : parsed.values;
  };
  const live = async (...args: string[]) => (await parse(...args) as { live: unknown }).live;
  strictEqual(await live(), undefined);
  strictEqual(await live("--live", "--preview"), 0);
  strictEqual(await live("--live", "8080"), 8080);
  strictEqual(await live("--live=8081", "--preview"), 8081);
  match(await parse("--help") as string, /--live \[PORT\]/);
  await rejects(live("--live", "70000"), {
    message: 'Cannot use --live "70000": it must be a whole number of at least 0 and at most 65535',
  });
});
