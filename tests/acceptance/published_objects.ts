/** Object 1 of the published FIB-25 result, the largest of its 254. */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { decodeOrigins } from "../../engine/formats/origins.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import {
  FIB25_OPTIONS,
  normaliseFib25,
  openFib25Network,
  openRecorded,
  readFib25,
} from "../support/fib25.ts";
import { ListedSeeds } from "../support/bars_volume.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "object 1 of the published 250³ run: 1,884 steps, 1,097,342 voxels";

const SIZE: Zyx = [250, 250, 250];

export async function run({ threads, print, check }: AcceptanceContext): Promise<void> {
  await using network = await openFib25Network(threads, openKernelProcess);
  const published = await openRecorded("training_sample2/sample-training2.npz");
  const labels = (await published.readArray("segmentation")).data as Uint8Array;
  const { startZyx, iters } = decodeOrigins(await published.readObject("origins")).get(1)!;
  const canvas = new HostCanvas({
    image: normaliseFib25(await readFib25({ start: [0, 0, 0], size: SIZE })),
    size: SIZE,
    predictor: network,
    options: FIB25_OPTIONS,
  });
  // The first seed of the run, so nothing is there before it.
  await canvas.segmentAll(new ListedSeeds([startZyx], SIZE, [16, 16, 16]), {
    onStep: (_, steps) => steps % 100 === 0 && print(`${steps} steps`),
  });
  const steps = canvas.origins.get(1)?.iters ?? 0;
  check("steps", steps, `${iters}`, steps === iters);
  const wanted = labels.filter((label) => label === 1).length;
  const voxels = canvas.segmentation.filter((label) => label === 1).length;
  check("voxels", voxels, `${wanted}`, voxels === wanted);
  const shared = labels.filter((label, i) => label === 1 && canvas.segmentation[i] === 1).length;
  check("voxels in common", shared, `${wanted}`, shared === wanted);
}
