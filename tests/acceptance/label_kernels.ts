/**
 * Label work on 250³ uint64 beside what others need for it, alternating with them, in CPU time on one thread; and what a
 * second thread gives where results stay with the caller, in wall time, which says something while the cores are idle.
 */
import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { Contingency } from "../../engine/segmentation/contingency.ts";
import { meet, meetLikeReference } from "../../engine/segmentation/meet.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { labelComponents } from "../../wasm/labels/component_scan.ts";
import { ScanMemory } from "../../wasm/labels/scan_memory.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "components, pair counts and meet of 250³ uint64 beside Python's";

const SIZE = [250, 250, 250] as const;
const ROUNDS = 3;
/** What of ours is held against what of theirs, and how many times as fast it must be. */
const BARS = [
  ["components", "components scikit-image", 5],
  ["components", "components cc3d", 0.5],
  ["pairs", "pairs np.unique", 1],
  ["meet", "meet reference", 5],
  ["compat meet", "meet reference", 5],
] as const;

export async function run({ fib25, folder, root, check, print }: AcceptanceContext): Promise<void> {
  const [a, b] = await Promise.all(["oversegmentation", "groundtruth"].map(async (name) => {
    await using volume = await open(`${fib25}/training_sample2/${name}.h5:stack`, { labels: true });
    return BigUint64Array.from(await volume.read(wholeBox(volume)), BigInt);
  }));
  const paths = ["a.npy", "b.npy", "meet.npy"].map((name) => join(folder, name));
  for (const [i, data] of [a, b].entries()) {
    const parts = encodeNpy({ dtype: "uint64", shape: SIZE, data });
    await Deno.writeFile(paths[i], new Blob(parts as BlobPart[]).stream());
  }
  const script = join(root, "tests/acceptance/label_kernels.py");
  const source = await Deno.readTextFile(script);
  const python = await pythonWith(/^# requirements: (.*)$/m.exec(source)![1].split(" "));

  const [wideA, wideB] = [a, b].map((labels) => Uint32Array.from(labels, Number));
  using memory = await ScanMemory.open();
  const tasks: Record<string, () => unknown> = {
    // As a consensus works, which gives back what went into a meet; then a result's pages are in use already.
    components: async () => {
      memory.reuse((await labelComponents(a, SIZE, 6, undefined, memory)).labels);
    },
    pairs: () => {
      const contingency = new Contingency();
      contingency.add(a, b);
      return contingency;
    },
    meet: () => meet(wideA, wideB, SIZE),
    "compat meet": () => meetLikeReference(wideA, wideB, SIZE),
  };
  const ours: Record<string, number[]> = {}, theirs: Record<string, number[]> = {};
  const walls: Record<string, number[]> = {};
  using one = await ScanMemory.open(1);
  using two = await ScanMemory.open(2);
  const kept = { "on 1 thread": one, "on 2 threads": two };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      // Once to have it compiled.
      if (round === 0) await task();
      // As often as the peers in each of their turns.
      for (let i = 0; i < 3; i++) (ours[name] ??= []).push(await cpuSeconds(task));
    }
    for (const [name, used] of Object.entries(kept)) {
      for (let i = 0; i < 3; i++) (walls[name] ??= []).push(await wallSeconds(a, used));
    }
    for (const line of (await runProgram(python, [script, ...paths])).trim().split("\n")) {
      const { versions, task, seconds, wall } = JSON.parse(line);
      if (versions !== undefined) print(versions);
      else {
        (theirs[task] ??= []).push(seconds);
        (walls[task] ??= []).push(wall);
      }
    }
  }
  for (const [own, peer, wanted] of BARS) {
    const { ratio, figure } = compare(ours[own], theirs[peer]);
    check(`${own} beside ${peer}`, figure, `>= ${wanted} x`, ratio >= wanted);
  }
  for (const name of Object.keys(kept)) {
    const { figure } = compare(walls[name], walls["components scikit-image"]);
    print(`components ${name}, results kept, beside scikit-image by the clock: ${figure}`);
  }

  // The same labels as the reference's own steps give, so that like is compared with like.
  await using reference = await open(paths[2]);
  const expected = await reference.read(wholeBox(reference));
  deepStrictEqual((await meetLikeReference(wideA, wideB, SIZE)).labels, expected);
}

function compare(ours: number[], theirs: number[]): { ratio: number; figure: string } {
  const [x, y] = [median(ours), median(theirs)];
  return { ratio: y / x, figure: `${(y / x).toFixed(2)} x (${x.toFixed(3)} s, ${y.toFixed(3)} s)` };
}

/** Wall time of components; where there is a thread, it runs already. */
async function wallSeconds(labels: BigUint64Array, memory: ScanMemory): Promise<number> {
  const started = performance.now();
  await labelComponents(labels, SIZE, 6, undefined, memory);
  return (performance.now() - started) / 1000;
}

async function cpuSeconds(task: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

function median(values: number[]): number {
  return values.sort((p, q) => p - q)[values.length >> 1];
}
