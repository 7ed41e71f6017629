import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import { openInference } from "../../engine/inference/open_inference.ts";
import { resolveRequest } from "../../engine/inference/request.ts";
import { loadSegmentation } from "../../engine/segmentation/load_segmentation.ts";
import { packObject } from "../../engine/viewers/accepted_object.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { ffn } from "../support/cli.ts";
import { grow, openView } from "../support/open_view.ts";
import { viewedRun } from "../support/viewed_run.ts";

/** In the middle of two bars. */
const FIRST: Zyx = [3, 4, 16], SECOND: Zyx = [15, 16, 8];

/** What `ffn run-inference` makes of a list of seeds. */
async function segmentSeeds(text: string, coords: readonly Zyx[]) {
  const request = resolveRequest({
    ...parseInferenceRequest(text),
    seedPolicy: "PolicyManual",
    seedPolicyArgs: JSON.stringify({ coords }),
  });
  await using inference = await openInference(request, { name: "wasm", threads: 1 });
  return (await inference.runner.run(inference.imageBox))!;
}

Deno.test("ffn view serves nothing without its token", async () => {
  await using run = await viewedRun();
  await using view = await openView(run.options);
  const { origin, pathname } = new URL(view.url);
  ok(/^\/[0-9a-f]{32}\/$/.test(pathname), pathname);
  strictEqual(new URL(view.url).hostname, "127.0.0.1");
  const wrong = pathname.replace(/.\/$/, (end) => end === "0/" ? "1/" : "0/");
  const paths = ["", "page.js", "view", "events", "objects", "network", "data/image/info", "save"];
  for (const path of paths) {
    for (const prefix of ["/", wrong]) {
      const method = path === "save" ? "POST" : "GET";
      const response = await fetch(`${origin}${prefix}${path}`, { method });
      strictEqual(response.status, 403, `${prefix}${path}`);
      ok(/^Cannot serve this/.test(await response.text()));
    }
    if (path === "events") continue;
    const response = await view.get(path, { method: path === "save" ? "POST" : "GET" });
    strictEqual(response.status, 200, path);
    await response.body?.cancel();
  }
  for (const path of ["../page.ts", "x.js", "objects/7", "canvas/1,2,3/image", "build/x.wasm"]) {
    const response = await view.get(path);
    ok([403, 404].includes(response.status), `${path} ${response.status}`);
    await response.body?.cancel();
  }
});

Deno.test("ffn view serves an image that reads back equal, and isolates its page", async () => {
  await using run = await viewedRun();
  await using view = await openView(run.options);
  await using own = await open(run.options.volume);
  await using served = await open(`precomputed://${view.url}data/image`);
  deepStrictEqual(await served.read(wholeBox(served)), await own.read(wholeBox(own)));
  for (const path of ["", "flood_worker.js"]) {
    const { headers, body } = await view.get(path);
    strictEqual(headers.get("cross-origin-opener-policy"), "same-origin");
    strictEqual(headers.get("cross-origin-embedder-policy"), "require-corp");
    await body?.cancel();
  }
});

Deno.test("the page's canvas grows what ffn run-inference grows from the same seeds", async () => {
  await using run = await viewedRun();
  await using view = await openView(run.options);
  const canvas = await view.canvas();
  for (const seed of [FIRST, SECOND]) {
    const { done, events } = await grow(canvas, seed);
    strictEqual(done.remark, null);
    const path = events.flatMap((event) => event.type === "grown" ? [...event.path] : []);
    strictEqual(path.length, done.steps);
    deepStrictEqual(path[0], seed);
    await canvas.accept(0.6);
  }
  strictEqual((await view.get("save", { method: "POST" })).status, 200);
  const result = await segmentSeeds(run.request(), [FIRST, SECOND]);
  const saved = await loadSegmentation(run.of("view", "accepted"), [0, 0, 0], { splitCc: false });
  deepStrictEqual(
    Array.from(saved.labels, Number),
    [...result.segmentation].map((l) => Math.max(l, 0)),
  );
  const ofRun = ({ startZyx, iters }: { startZyx: Zyx; iters: number }) => ({ startZyx, iters });
  deepStrictEqual(
    [...saved.origins].map(([id, origin]) => [id, ofRun(origin)]),
    [...result.origins].map(([id, origin]) => [id, ofRun(origin)]),
  );
  const prob = await open(`${run.of("view", "accepted", "0", "0", "seg-0_0_0.prob")}:qprob`);
  deepStrictEqual(await prob.read(wholeBox(prob)), result.segProb);
  await prob[Symbol.asyncDispose]();
});

Deno.test("accepted objects outlive ffn view, and run-inference goes on from them", async () => {
  await using run = await viewedRun();
  {
    await using view = await openView(run.options);
    const canvas = await view.canvas();
    for (const seed of [FIRST, SECOND]) {
      await grow(canvas, seed);
      await canvas.accept(0.6);
    }
    deepStrictEqual((await view.objects()).map(({ id, start }) => [id, start]), [
      [1, FIRST],
      [2, SECOND],
    ]);
    // The first one is taken back; then the end comes.
    strictEqual((await view.get("objects/1", { method: "DELETE" })).status, 200);
    strictEqual((await view.get("objects/1", { method: "DELETE" })).status, 404);
  }
  {
    await using view = await openView(run.options);
    const [second, ...others] = await view.objects();
    deepStrictEqual([second.id, others], [2, []]);
    // A seed inside of it grows nothing, one outside gets a label that nobody had.
    const canvas = await view.canvas();
    const { done } = await grow(canvas, SECOND);
    strictEqual(done.remark, "the seed is inside object 2");
    await grow(canvas, FIRST);
    strictEqual((await canvas.accept(0.6)).id, 3);
  }
  const { code, stdout, stderr } = await ffn(
    ...["run-inference", "--request", run.of("view", "request.pbtxt")],
    ...["--backend", "wasm", "--threads", "1", "--kernel-process", "off"],
  );
  strictEqual(code, 0, stderr);
  ok(/Going on from/.test(stderr), stderr);
  const found = Number(/(\d+) objects/.exec(stdout)![1]);
  const whole = await loadSegmentation(run.of("view", "results"), [0, 0, 0], { splitCc: false });
  strictEqual(whole.origins.size, found);
  ok(found > 2);
  const accepted = await loadSegmentation(run.of("view", "accepted"), [0, 0, 0], {
    splitCc: false,
  });
  accepted.labels.forEach((label: number | bigint, i: number) => {
    if (Number(label) > 0) strictEqual(Number(whole.labels[i]), Number(label));
  });
});

Deno.test("two tabs on one canvas lose nothing", async () => {
  await using run = await viewedRun();
  await using view = await openView(run.options);
  const [one, other] = [await view.canvas(), await view.canvas()];
  await grow(one, FIRST);
  await grow(other, FIRST);
  // The same object twice: the first keeps its voxels, the second tab is told.
  const [kept, refused] = await Promise.allSettled([one.accept(0.6), other.accept(0.6)]);
  deepStrictEqual([kept.status, refused.status].sort(), ["fulfilled", "rejected"]);
  const { reason } = [kept, refused].find((r) => r.status === "rejected") as PromiseRejectedResult;
  ok(/none of its voxels is free/.test(reason.message), reason.message);
  await grow(other, SECOND);
  await other.accept(0.6);
  strictEqual((await view.objects()).length, 2);
  // What one tab accepted is there for the other.
  await one.refresh();
  strictEqual((await grow(one, SECOND)).done.remark, "the seed is inside object 2");
});

Deno.test("FloodCanvas stops when it is told to, and says why an object would be dropped", async () => {
  const options = `inference_options { init_activation: 0.95 pad_value: 0.05 move_threshold: 0.9
    segment_threshold: 0.6 min_segment_size: 100000 }`;
  await using run = await viewedRun({ options });
  await using view = await openView(run.options);
  const canvas = await view.canvas();
  const stop = new AbortController();
  const seen: number[] = [];
  await canvas.grow(FIRST, stop.signal, (event) => {
    if (event.type === "grown") stop.abort(new Error("stopped"));
    if (event.type === "done") seen.push(event.steps);
    if (event.type === "done") strictEqual(event.remark, "it was stopped");
  });
  const { done } = await grow(canvas, FIRST);
  ok(seen[0] >= 1 && seen[0] < done.steps, `${seen[0]} of ${done.steps}`);
  strictEqual(done.remark, "it has fewer than 100000 voxels: ffn run-inference would drop it");
  const { done: nothing } = await grow(canvas, [0, 0, 0]);
  strictEqual(nothing.remark, "no field of view fits around the seed, or a mask excludes it");
  await rejects(canvas.accept(0.6), { message: "Cannot accept: no object has grown" });
});

Deno.test("ffn view refuses what cannot be viewed, before it serves anything", async () => {
  await using run = await viewedRun();
  const { volume, request, output } = run.options;
  await rejects(openView({ volume: run.of("none.npy"), output }), { name: "NotFoundError" });
  await rejects(openView({ volume, output, request: run.of("none") }), {
    message: `Cannot open request "${run.of("none")}": no such file`,
  });
  await rejects(openView({ volume: `${volume}[0:20]`, output, request }), {
    message:
      `Cannot grow objects in "${volume}[0:20]" with this request: its image "${volume}" must have the same size, current sizes are zyx (24, 24, 32) and (20, 24, 32)`,
  });
  // A volume that no field of view fits into.
  const value = { dtype: "uint8", shape: [2, 24, 32], data: new Uint8Array(2 * 24 * 32) } as const;
  await Deno.writeFile(run.of("thin.npz"), await encodeNpz([{ name: "raw", value }]));
  const thin = `${run.of("thin.npz")}:raw`;
  const asking = run.request({ image: `image { hdf5: ${JSON.stringify(thin)} }` });
  await Deno.writeTextFile(run.of("thin.pbtxt"), asking);
  await rejects(openView({ volume: thin, output, request: run.of("thin.pbtxt") }), {
    name: "RangeError",
    message:
      /^Cannot grow objects in ".*thin.npz:raw" with this request: the field of view \(.*\) is larger than the volume \(2, 24, 32\) \(zyx\)$/,
  });
  await using view = await openView({ volume, output });
  strictEqual(view.view.flood, null);
  const port = Number(new URL(view.url).port);
  await rejects(openView({ volume, output, port }), {
    name: "UnsupportedError",
    message:
      `Cannot listen at 127.0.0.1:${port}: the port is in use; give another --port, or 0 for a free one`,
  });
});

Deno.test("ffn view refuses objects that do not fit, and a folder of another volume", async () => {
  await using run = await viewedRun();
  const { output } = run.options;
  {
    await using view = await openView(run.options);
    const post = async (body: Uint8Array<ArrayBuffer>) => {
      const response = await view.get("objects", { method: "POST", body });
      return [response.status, await response.text()];
    };
    deepStrictEqual(await post(new Uint8Array([1, 2])), [
      400,
      "Cannot read an object: its 2 bytes end within its head\n",
    ]);
    const object = { corner: [0, 0, 0], start: FIRST, steps: 1, seconds: 1 };
    const outside = { ...object, box: { start: [0, 0, 0], size: [99, 1, 1] } };
    ok(
      /reaches out of its canvas/.test(String(await post(packObject(outside, new Uint8Array(99))))),
    );
    const short = { ...object, box: { start: [0, 0, 0], size: [2, 1, 1] } };
    ok(/has 2 voxels, current number of bytes is 1/.test(
      String(await post(packObject(short, new Uint8Array(1)))),
    ));
    deepStrictEqual(await view.objects(), []);
    const canvas = await view.canvas();
    await grow(canvas, SECOND);
    await canvas.accept(0.6);
  }
  const small = {
    dtype: "uint8",
    shape: [12, 24, 32],
    data: new Uint8Array(12 * 24 * 32),
  } as const;
  await Deno.writeFile(run.of("small.npz"), await encodeNpz([{ name: "raw", value: small }]));
  const other = `${run.of("small.npz")}:raw`;
  const request = run.request({ image: `image { hdf5: ${JSON.stringify(other)} }` });
  await Deno.writeTextFile(run.of("other.pbtxt"), request);
  await rejects(openView({ volume: other, output, request: run.of("other.pbtxt") }), {
    name: "RangeError",
    message:
      `Cannot use an object of "${output}": it reaches out of its canvas; name another --output`,
  });
});
