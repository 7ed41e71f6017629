/** Processor time per step outside the network, with a network that only copies. */
import process from "node:process";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import type { FovPredictor } from "../../engine/inference/canvas.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import { ListedSeeds, modelOf } from "../support/bars_volume.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "canvas work per step at FOV 33³ stays under 5 % of a 10 ms network";

const SIZE: Zyx = [200, 200, 400];
/** 5 % of a network five times faster than the fastest known on this class of machine. */
const MOST_MS = 0.5;

/** Wavy tubes along x, so that objects are long and branchless, and fields of view are partly full. */
function tubes(): Float32Array {
  const image = new Float32Array(volumeOf(SIZE));
  for (let z = 0, i = 0; z < SIZE[0]; z++) {
    for (let y = 0; y < SIZE[1]; y++) {
      for (let x = 0; x < SIZE[2]; x++) {
        const dz = (z + 6 * Math.sin(x / 15)) % 40 - 20;
        const dy = (y + 6 * Math.cos(x / 20)) % 40 - 20;
        image[i++] = 4 - Math.hypot(dz, dy) / 3;
      }
    }
  }
  return image;
}

/** Processor time of this process: other work on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

export async function run({ print, check }: AcceptanceContext): Promise<void> {
  const image = tubes();
  let inNetworkMs = 0;
  const predictor: FovPredictor = {
    model: modelOf([33, 33, 33], [8, 8, 8]),
    predict(image, _seed, logits) {
      const startedMs = cpuMs();
      logits.set(image);
      inNetworkMs += cpuMs() - startedMs;
      return Promise.resolve();
    },
  };
  const middle = SIZE[2] / 2;
  const seeds: Zyx[] = [];
  for (let z = 20; z < SIZE[0] - 20; z++) {
    for (let y = 20; y < SIZE[1] - 20; y++) {
      const value = image[(z * SIZE[1] + y) * SIZE[2] + middle];
      if (value > 3.7) seeds.push([z, y, middle]);
    }
  }
  let bestMs = Infinity;
  // The first round warms up; the best of the others is the least disturbed by what else the machine does.
  for (let round = 0; round < 4; round++) {
    const canvas = new HostCanvas({
      image,
      size: SIZE,
      predictor,
      options: {
        initActivation: 0.95,
        padValue: 0.05,
        moveThreshold: 0.9,
        segmentThreshold: 0.6,
        minSegmentSize: 1000,
        minBoundaryDist: [1, 1, 1],
      },
    });
    inNetworkMs = 0;
    const startedMs = cpuMs();
    await canvas.segmentAll(new ListedSeeds(seeds, SIZE, [16, 16, 16]));
    const outsideMs = cpuMs() - startedMs - inNetworkMs;
    const steps = canvas.counters.get("update_at-calls");
    print(`${steps} steps, ${canvas.origins.size} objects, ${outsideMs.toFixed(0)} ms`);
    if (steps < 500) throw new Error(`Cannot measure with ${steps} steps: 500 or more are wanted`);
    if (round > 0) bestMs = Math.min(bestMs, outsideMs / steps);
  }
  check("ms per step", bestMs.toFixed(3), `<= ${MOST_MS}`, bestMs <= MOST_MS);
}
