import { join } from "node:path";
import { runDemo } from "../../engine/commands/run_demo.ts";
import { copyDemoCheckpoint } from "../../engine/models/demo/demo_network.ts";
import { splitDisconnectedComponents } from "../../engine/segmentation/components.ts";
import type { LabelMetrics } from "../../engine/segmentation/metrics.ts";
import { openCheckpoint, writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { syntheticTissue } from "../../engine/volumes/synthetic_tissue.ts";
import { seededRandom } from "../support/random.ts";
import { thresholdBaseline } from "../support/threshold_baseline.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "The demo on three volumes that its network never saw, beside shuffled weights and thresholds";

/**
 * The network was trained on seeds from 1000, and tissue, thresholds and the way of training were chosen by looking at seeds
 * 1 to 3, 101 to 103 and, with a network before this one, 201 to 203. These were fixed before anybody looked at them; whoever
 * tunes anything by them takes new ones.
 */
const SEEDS = [301, 302, 303];
const SIZE = [96, 96, 96] as const;

export async function run({ folder, threads, print, check }: AcceptanceContext): Promise<void> {
  const shuffled = await shuffleWeights(join(folder, "shuffled"));
  print("seed  what               VI   split   merge    Rand  adapted Rand  objects  truth");
  for (const seed of SEEDS) {
    const demo = (name: string, checkpoint?: string) =>
      runDemo({ folder: join(folder, name), seed, size: SIZE, checkpoint, backend: { threads } });
    const ours = await demo(`ours-${seed}`);
    const nonsense = await demo(`shuffled-${seed}`, shuffled);
    const baseline = await baselineOf(seed);
    print(row(seed, "network", ours.metrics));
    print(row(seed, "shuffled weights", nonsense.metrics));
    print(row(seed, "threshold", baseline));
    const vi = ours.metrics.all.total;
    check(`seed ${seed}: all-voxel VI`, vi.toFixed(3), "at most 0.5 bits", vi <= 0.5);
    for (const measure of ["randError", "adaptedRandError"] as const) {
      const value = ours.metrics[measure];
      check(`seed ${seed}: ${measure}`, value.toFixed(4), "at most 0.10", value <= 0.1);
    }
    const lost = nonsense.metrics.all.total;
    check(`seed ${seed}: VI of shuffled weights`, lost.toFixed(3), "over 2 bits", lost > 2);
    const behind = baseline.all.total - vi;
    check(`seed ${seed}: baseline is worse by`, behind.toFixed(3), "at least 1 bit", behind >= 1);
    check(`seed ${seed}: true objects`, ours.metrics.truths, "at least 20", baseline.truths >= 20);
    const seconds = ours.segmentingMs / 1000;
    check(`seed ${seed}: seconds`, seconds.toFixed(1), "under 60", seconds < 60);
  }
}

/** A checkpoint of the same network whose numbers are shuffled inside each variable; returns its prefix. */
async function shuffleWeights(folder: string): Promise<string> {
  await using checkpoint = await openCheckpoint(await copyDemoCheckpoint(folder));
  const random = seededRandom(1);
  const tensors = new Map();
  for (const name of checkpoint.variables.keys()) {
    const array = await checkpoint.read(name);
    const { data } = array;
    for (let i = data.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [data[i], data[j]] = [data[j], data[i]];
    }
    tensors.set(name, array);
  }
  const prefix = join(folder, "shuffled.ckpt");
  await writeCheckpoint(prefix, tensors);
  return prefix;
}

async function baselineOf(seed: number): Promise<LabelMetrics> {
  const { image, labels, size } = syntheticTissue({ size: SIZE, seed });
  const truth = await splitDisconnectedComponents(labels, size);
  return (await thresholdBaseline(image, truth.labels, size)).metrics;
}

function row(seed: number, what: string, metrics: LabelMetrics): string {
  const { all, randError, adaptedRandError, segments, truths } = metrics;
  const figures = [all.total, all.split, all.merge].map((v) => v.toFixed(3).padStart(8));
  return `${String(seed).padEnd(4)}  ${what.padEnd(16)}${figures.join("")}${
    randError.toFixed(4).padStart(8)
  }${adaptedRandError.toFixed(4).padStart(14)}${String(segments).padStart(9)}${
    String(truths).padStart(7)
  }`;
}
