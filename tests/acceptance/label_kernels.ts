/** Label work on 250³ uint64 beside what others need for it, in CPU time, alternating with them; and what threads give. */
import { deepStrictEqual } from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { Contingency } from "../../engine/segmentation/contingency.ts";
import { meet, meetLikeReference } from "../../engine/segmentation/meet.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { ComponentScan, labelComponents } from "../../wasm/labels/component_scan.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "components, pair counts and meet of 250³ uint64 beside Python's";

const SIZE = [250, 250, 250] as const;
const ROUNDS = 3;

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
  const tasks: Record<string, () => unknown> = {
    components: () => labelComponents(a, SIZE, 6, undefined, 1),
    pairs: () => {
      const contingency = new Contingency();
      contingency.add(a, b);
      return contingency;
    },
    meet: () => meet(wideA, wideB, SIZE),
    "compat meet": () => meetLikeReference(wideA, wideB, SIZE),
  };
  const ours: Record<string, number[]> = {}, theirs: Record<string, number[]> = {};
  const wall: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, task] of Object.entries(tasks)) {
      // Once to have it compiled.
      if (round === 0) await task();
      // As often as the peers in each of their turns.
      for (let i = 0; i < 3; i++) (ours[name] ??= []).push(await cpuSeconds(task));
    }
    for (const [i, seconds] of wall.entries()) seconds.push(await wallSeconds(a, i + 1));
    for (const line of (await runProgram(python, [script, ...paths])).trim().split("\n")) {
      const { versions, task, seconds } = JSON.parse(line);
      if (versions !== undefined) print(versions);
      else (theirs[task] ??= []).push(seconds);
    }
  }
  const median = (values: number[]) => values.sort((p, q) => p - q)[values.length >> 1];
  const compare = (own: string, peer: string, wanted: number) => {
    const [x, y] = [median(ours[own]), median(theirs[peer])];
    const ratio = y / x;
    const figure = `${ratio.toFixed(2)} x (${x.toFixed(3)} s, ${y.toFixed(3)} s)`;
    check(`${own} beside ${peer}`, figure, `>= ${wanted} x`, ratio >= wanted);
  };
  const [one, two] = wall.map(median);
  print(`components: ${one.toFixed(3)} s of wall time on 1 thread, ${two.toFixed(3)} s on 2`);
  compare("components", "components scikit-image", 5);
  compare("components", "components cc3d", 0.5);
  compare("pairs", "pairs np.unique", 1);
  compare("meet", "meet reference", 5);
  compare("compat meet", "meet reference", 5);

  // The same labels as the reference's own steps give, so that like is compared with like.
  await using reference = await open(paths[2]);
  const expected = await reference.read(wholeBox(reference));
  deepStrictEqual((await meetLikeReference(wideA, wideB, SIZE)).labels, expected);
}

/** Wall time of components; threads are started before. */
async function wallSeconds(labels: BigUint64Array, threads: number): Promise<number> {
  using scan = await ComponentScan.create(SIZE, 6, threads);
  const started = performance.now();
  await scan.add(labels);
  scan.finish();
  await scan.write(new Uint32Array(labels.length));
  return (performance.now() - started) / 1000;
}

async function cpuSeconds(task: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await task();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
