/** Two inferences of 125 subvolumes of 256³ uint64, which cover 1024³ voxels, combined in a process whose memory is watched. */
import { dirname, join } from "node:path";
import type { Box } from "../../engine/geometry/box.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { subvolumePath } from "../../engine/segmentation/subvolume_paths.ts";
import { boxesAt, writeSubvolume } from "../support/inference_results.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "consensus of 1024³ uint64 labels under 2 GiB of memory";

const SIZE: Zyx = [256, 256, 256];
const STARTS = [0, 192, 384, 576, 768];
/** Edge of a beam's square cross-section, its membrane included. */
const CELL = 16;

/**
 * Labels `[z, y, x]` of beams along x. Boxes start at multiples of the cells, so that one file is right for all of them.
 *
 * @param parts Pieces that each beam is cut into along z.
 */
function beams(parts: number): BigUint64Array {
  const labels = new BigUint64Array(SIZE[0] * SIZE[1] * SIZE[2]);
  for (let z = 0, at = 0; z < SIZE[0]; z++) {
    for (let y = 0; y < SIZE[1]; y++, at += SIZE[2]) {
      if (z % CELL === 0 || y % CELL === 0) continue;
      const part = Math.floor((z % CELL) / (CELL / parts));
      const cell = (Math.floor(z / CELL) * parts + part) * (SIZE[1] / CELL) + Math.floor(y / CELL);
      labels.fill(2n ** 40n + BigInt(cell), at, at + SIZE[2]);
    }
  }
  return labels;
}

export async function run({ folder, root, check, print }: AcceptanceContext): Promise<void> {
  const boxes = boxesAt(STARTS, SIZE);
  const dirs = [1, 2].map((parts) => join(folder, `cut_in_${parts}`));
  for (const [i, dir] of dirs.entries()) await writeEverywhere(dir, boxes, beams(i + 1));
  const output = join(folder, "volume.h5");
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", join(root, "cli.ts"), "run-consensus", output],
      ...["--segmentation-dirs", ...dirs],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const peak = watchMemory(child);
  const { code, stdout } = await child.output();
  const said = new TextDecoder().decode(stdout).trim();
  print(`${said} (${((performance.now() - started) / 1000).toFixed(0)} s)`);
  check("exit code", code, "0", code === 0);
  const beamsOfSecond = 2 * (1024 / CELL) ** 2;
  const objects = Number(/(\d+) objects/.exec(said)?.[1]);
  check("objects", objects, `${beamsOfSecond}`, objects === beamsOfSecond);
  const gib = await peak / 2 ** 20;
  check("peak memory in GiB", gib.toFixed(2), "< 2", gib > 0 && gib < 2);
}

async function writeEverywhere(dir: string, boxes: readonly Box[], labels: BigUint64Array) {
  const [first, ...others] = boxes;
  await writeSubvolume(dir, first, labels);
  for (const { start } of others) {
    const path = subvolumePath(dir, start, "npz");
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.link(subvolumePath(dir, first.start, "npz"), path);
  }
}

/** Largest resident memory of a process in KiB, as Linux counts it. */
async function watchMemory(child: Deno.ChildProcess): Promise<number> {
  let ended = false;
  child.status.then(() => ended = true);
  let peak = 0;
  while (!ended) {
    const status = await Deno.readTextFile(`/proc/${child.pid}/status`).catch(() => "");
    peak = Math.max(peak, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return peak;
}
