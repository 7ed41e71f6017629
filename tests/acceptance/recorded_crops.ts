/** The larger crops of `spec/inference.md` V15; the smallest is an ordinary test. */
import { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { HostCanvas } from "../../engine/inference/host_canvas.ts";
import { h16 } from "../support/array_hash.ts";
import { FIB25_OPTIONS, normaliseFib25, openFib25Network, readFib25 } from "../support/fib25.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "floods of the published network on crops of FIB-25: 125 steps in 3 runs";
export const ci = true;

/** `logit(0.6)` in float32. */
const SEGMENT = 0.4054652154445648;

interface Crop {
  readonly corner: Zyx;
  readonly edge: number;
  readonly hash?: string;
  readonly disco?: number;
  readonly steps: number;
  readonly first: readonly Zyx[];
  readonly voxels: number;
  readonly visited?: number;
  readonly seedLogit?: number;
}

const CROPS: readonly Crop[] = [
  {
    corner: [125, 12, 164],
    edge: 65,
    hash: "1a9f3cbcf41eb8e3",
    steps: 60,
    first: [
      [32, 32, 32],
      [27, 40, 33],
      [35, 28, 40],
      [24, 24, 24],
      [40, 40, 35],
      [20, 42, 25],
      [19, 37, 30],
      [35, 36, 38],
    ],
    voxels: 79_200,
    visited: 223_299,
    seedLogit: 3.00394,
  },
  { corner: [125, 12, 164], edge: 65, disco: -1, steps: 59, first: [], voxels: 83_257 },
  {
    corner: [101, 101, 101],
    edge: 49,
    steps: 6,
    first: [
      [24, 24, 24],
      [16, 22, 28],
      [18, 16, 23],
      [28, 19, 32],
      [23, 29, 16],
      [29, 32, 16],
    ],
    voxels: 76_879,
  },
];

export async function run({ threads, print, check }: AcceptanceContext): Promise<void> {
  await using network = await openFib25Network(threads, openKernelProcess);
  for (const crop of CROPS) {
    const { corner, edge, disco = 0 } = crop;
    print(`crop (${corner.join(", ")}) + ${edge}³, disco_seed_threshold ${disco}`);
    const size: Zyx = [edge, edge, edge];
    const raw = await readFib25({ start: corner, size });
    if (crop.hash) {
      const hash = await h16(raw);
      check("H16 of the image", hash, crop.hash, hash === crop.hash);
    }
    const canvas = new HostCanvas({
      image: normaliseFib25(raw),
      size,
      predictor: network,
      options: { ...FIB25_OPTIONS, discoSeedThreshold: disco },
      keepHistory: true,
    });
    const middle = Math.floor(edge / 2);
    const steps = await canvas.segmentAt([middle, middle, middle]);
    check("steps", steps, `${crop.steps}`, steps === crop.steps);
    const first = canvas.history.slice(0, crop.first.length).join(" ");
    check(
      `first ${crop.first.length} positions`,
      first,
      "as recorded",
      first === crop.first.join(" "),
    );
    const voxels = canvas.seed.filter((v) => v >= SEGMENT).length;
    // Logits within 1e-5 of the reference can move voxels that lie on the threshold.
    const near = Math.abs(voxels - crop.voxels) <= 2;
    check("voxels of the object", voxels, `${crop.voxels} ± 2`, near);
    if (crop.visited !== undefined) {
      const visited = canvas.seed.filter((v) => !Number.isNaN(v)).length;
      check("voxels visited", visited, `${crop.visited}`, visited === crop.visited);
    }
    if (crop.seedLogit !== undefined) {
      const logit = canvas.seed[(middle * edge + middle) * edge + middle];
      const close = Math.abs(logit - crop.seedLogit) < 1e-4;
      check("logit of the seed", logit.toFixed(5), `${crop.seedLogit}`, close);
    }
  }
}
