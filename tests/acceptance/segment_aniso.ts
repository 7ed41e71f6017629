/** The recorded run on a box of unequal sides: 446 steps over 15 seeds. */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import type { Box } from "../../engine/geometry/box.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import { createSeedPolicy } from "../../engine/inference/seed_policies/create_seed_policy.ts";
import {
  FIB25_OPTIONS,
  normaliseFib25,
  openFib25Network,
  openRecorded,
  readFib25,
} from "../support/fib25.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "446 recorded steps on a 80 × 90 × 100 box of FIB-25: same positions, labels and counters";
export const ci = true;

const BOX: Box = { start: [80, 100, 60], size: [80, 90, 100] };

export async function run({ fib25, threads, print, check }: AcceptanceContext): Promise<void> {
  await using network = await openFib25Network(threads, openKernelProcess);
  const image = normaliseFib25(await readFib25(BOX));
  const canvas = new HostCanvas({
    image,
    size: BOX.size,
    predictor: network,
    options: FIB25_OPTIONS,
  });
  const seeds = await createSeedPolicy("PolicyPeaks", {}, {
    image,
    size: BOX.size,
    margin: [16, 16, 16],
    mask: null,
    seedMask: null,
    segmentation: canvas.segmentation,
    corner: BOX.start,
    loadOrigins: () => Promise.resolve(new Map()),
  });
  const positions: number[] = [];
  const startedMs = performance.now();
  await canvas.segmentAll(seeds, { onStep: (position) => positions.push(...position) });
  const elapsedMs = performance.now() - startedMs;

  const recorded = await openRecorded("golden/segment_aniso.npz");
  const trace = Array.from((await recorded.readArray("trace")).data, Number);
  const differs = trace.findIndex((value, i) => value !== positions[i]);
  const equalSteps = Math.floor((differs < 0 ? trace.length : differs) / 3);
  check("steps", positions.length / 3, "446", positions.length / 3 === 446);
  check("first equal positions", equalSteps, "446", equalSteps === 446);
  const labels = (await recorded.readArray("segmentation")).data;
  const same = labels.filter((label, i) => Number(label) === Math.max(canvas.segmentation[i], 0));
  const share = same.length / labels.length;
  check("share of equal labels", share.toFixed(6), ">= 0.9999", share >= 0.9999);
  const qprob = (await recorded.readArray("qprob")).data;
  const worst = canvas.segProb.reduce((m, q, i) => Math.max(m, Math.abs(q - Number(qprob[i]))), 0);
  check("largest difference of qprob", worst, "<= 1", worst <= 1);

  const { counters, objects } = JSON.parse(
    await Deno.readTextFile(`${fib25}/golden/segment_aniso.json`),
  );
  const mine = [...canvas.origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters]);
  const theirs = objects.map((
    o: { id: number; start_zyx: number[]; iters: number },
  ) => [o.id, o.start_zyx, o.iters]);
  const objectsEqual = JSON.stringify(mine) === JSON.stringify(theirs);
  check("objects with their starts and steps", mine.length, "as recorded", objectsEqual);
  for (
    const name of [
      "seed-policy-calls",
      "segment_at-loop-calls",
      "skip_invalid_pos",
      "skip_threshold",
      "seed_got_too_weak",
      "voxels-segmented",
      "voxels-overlapping",
    ]
  ) {
    const value = canvas.counters.get(name);
    check(name, value, `${counters[name]}`, value === counters[name]);
  }
  const outsideMs = elapsedMs - canvas.counters.get("inference-time-ms");
  print(
    `${(elapsedMs / 446).toFixed(1)} ms per step, ${
      (outsideMs / 446).toFixed(2)
    } outside the network`,
  );
}
