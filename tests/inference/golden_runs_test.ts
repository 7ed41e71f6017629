/** Runs of the published FIB-25 network against what the reference recorded, position by position. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Box } from "../../engine/geometry/box.ts";
import { floorDivZyx, type Zyx } from "../../engine/geometry/vectors.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import type { Network } from "../../engine/models/network.ts";
import { createSeedPolicy } from "../../engine/inference/seed_policies/create_seed_policy.ts";
import { decodeOrigins } from "../../engine/formats/origins.ts";
import { h16 } from "../support/array_hash.ts";
import {
  FIB25_OPTIONS,
  normaliseFib25,
  openFib25Network,
  openRecorded,
  readFib25,
} from "../support/fib25.ts";
import { testWith } from "../support/resources.ts";

/** A canvas over a box of the data, with history, and the seeds that PolicyPeaks proposes for it. */
async function prepare(predictor: Network, box: Box) {
  const raw = await readFib25(box);
  const image = normaliseFib25(raw);
  const { size } = box;
  const canvas = new HostCanvas({
    image,
    size,
    predictor,
    options: FIB25_OPTIONS,
    keepHistory: true,
  });
  const seeds = await createSeedPolicy("PolicyPeaks", {}, {
    image,
    size,
    margin: floorDivZyx(predictor.model.imageSize, 2),
    mask: null,
    seedMask: null,
    segmentation: canvas.segmentation,
    corner: box.start,
    loadOrigins: () => Promise.resolve(new Map()),
  });
  return { raw, canvas, seeds };
}

testWith("shared", "segmentAll() repeats the recorded run on a 64³ box, step by step", async () => {
  await using network = await openFib25Network();
  const { canvas, seeds } = await prepare(network, { start: [0, 0, 0], size: [64, 64, 64] });
  const positions: number[] = [];
  await canvas.segmentAll(seeds, { onStep: (position) => positions.push(...position) });
  const recorded = await openRecorded("golden/segment_box64.npz");
  deepStrictEqual(positions, Array.from((await recorded.readArray("trace")).data, Number));
  const labels = (await recorded.readArray("segmentation")).data;
  const qprob = (await recorded.readArray("qprob")).data;
  const same = canvas.segmentation.filter((v, i) => Math.max(v, 0) === labels[i]).length;
  ok(same / labels.length >= 0.9999, `${labels.length - same} labels differ`);
  ok(canvas.segProb.every((q, i) => Math.abs(q - Number(qprob[i])) <= 1));
  const counters = canvas.counters.toRecord();
  deepStrictEqual(
    ["seed-policy-calls", "segment_at-loop-calls", "update_at-calls", "skip_invalid_pos"]
      .map((name) => counters[name]),
    [42, 4, 42, 121],
  );
  deepStrictEqual([...canvas.origins].map(([id, o]) => [id, o.startZyx, o.iters]), [
    [1, [16, 27, 34], 2],
    [2, [17, 45, 30], 1],
    [3, [34, 29, 22], 24],
    [4, [38, 37, 40], 15],
  ]);
});

testWith(
  "shared",
  "segmentAt() takes the first steps of V15 with the recorded logits",
  async () => {
    await using network = await openFib25Network();
    const { raw, canvas } = await prepare(network, { start: [9, 5, 130], size: [49, 49, 49] });
    strictEqual(await h16(raw), "deb8bbf1c165153b");
    strictEqual(await canvas.segmentAt([24, 24, 24]), 11);
    deepStrictEqual(canvas.history, [
      [24, 24, 24],
      [32, 22, 19],
      [20, 16, 23],
      [27, 19, 32],
      [20, 32, 23],
      [24, 30, 18],
      [21, 24, 28],
      [30, 19, 24],
      [29, 22, 22],
      [32, 19, 30],
      [21, 18, 19],
    ]);
    deepStrictEqual(canvas.historyDeleted, [0, 350, 439, 936, 427, 110, 59, 55, 74, 5, 0]);
    const seed = canvas.seed;
    const rows: [Zyx, number][] = [
      [[24, 24, 24], 2.88523],
      [[20, 24, 24], 2.78935],
      [[30, 30, 30], -2.90291],
      [[16, 16, 16], -3.28728],
      [[40, 24, 24], -3.23043],
    ];
    for (const [[z, y, x], logit] of rows) {
      ok(Math.abs(seed[(z * 49 + y) * 49 + x] - logit) < 1e-4, `logit at ${[z, y, x]}`);
    }
    strictEqual(seed.filter((v) => v >= 0.4054652154445648).length, 14946);
    strictEqual(seed.filter((v) => !Number.isNaN(v)).length, 89531);
  },
);

testWith(
  "shared",
  "segmentAll() finds objects 2 and 3 of the published 250³ run after object 1",
  async () => {
    await using network = await openFib25Network();
    const published = await openRecorded("training_sample2/sample-training2.npz");
    const labels = (await published.readArray("segmentation")).data as Uint8Array;
    const origins = decodeOrigins(await published.readObject("origins"));
    const { canvas, seeds } = await prepare(network, { start: [0, 0, 0], size: [250, 250, 250] });
    // Object 1 takes 1,884 steps and has its own acceptance program; its recorded voxels stand for it.
    canvas.initSegmentation(labels.map((label) => label === 1 ? 1 : 0));
    const stop = new AbortController();
    const run = canvas.segmentAll(seeds, {
      signal: stop.signal,
      onStep: () => canvas.origins.size === 2 && stop.abort(),
    });
    await run.catch((error) => strictEqual(error, stop.signal.reason));
    for (const id of [2, 3]) {
      const { startZyx, iters } = origins.get(id)!;
      deepStrictEqual([canvas.origins.get(id)?.startZyx, canvas.origins.get(id)?.iters], [
        startZyx,
        iters,
      ]);
      const own = canvas.segmentation.filter((label) => label === id).length;
      const theirs = labels.filter((label) => label === id).length;
      strictEqual(own, theirs, `voxels of object ${id}`);
      strictEqual(
        labels.filter((label, i) => label === id && canvas.segmentation[i] !== id).length,
        0,
      );
    }
  },
);
