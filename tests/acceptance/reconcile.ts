/** Volumes cut into overlapping boxes with scrambled labels, as many runs leave them, and put together again. */
import { join } from "node:path";
import { splitDisconnectedComponents } from "../../engine/segmentation/components.ts";
import { compareLabels } from "../../engine/segmentation/metrics.ts";
import { open } from "../../engine/volumes/open.ts";
import { ffn } from "../support/cli.ts";
import { boxesAt, scrambledPart, writeSubvolume } from "../support/inference_results.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "8 overlapping boxes of 149³ with scrambled labels become one volume again";
export const ci = true;

const SIZE = [250, 250, 250] as const;

export async function run({ fib25, folder, check, print }: AcceptanceContext): Promise<void> {
  for (
    const [spec, objects, viLimit] of [
      ["groundtruth.h5:stack", 525, 0.01],
      ["sample-training2.npz:segmentation", 254, 0.05],
    ] as const
  ) {
    const truth = Uint32Array.from(await readAll(`${fib25}/training_sample2/${spec}`), Number);
    const dir = join(folder, `${objects}`);
    for (const [i, box] of boxesAt([0, 101], [149, 149, 149]).entries()) {
      await writeSubvolume(dir, box, scrambledPart(truth, SIZE, box, i));
    }
    const combine = async (name: string, ...flags: string[]) => {
      const path = join(folder, `${objects}_${name}.h5`);
      const started = performance.now();
      const { code, stderr } = await ffn(
        ...["run-consensus", path, "--segmentation-dirs", dir, "--quiet", ...flags],
      );
      if (code !== 0) throw new Error(stderr);
      print(`${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
      return Uint32Array.from(await readAll(`${path}:seg`), Number);
    };

    const whole = await combine("whole", "--keep-disconnected");
    const same = compareLabels(whole, truth);
    check(`objects of ${spec}`, same.segments, `${objects}`, same.segments === objects);
    check("  VI in bits", same.all.total, "0", same.all.total === 0);

    const components = (await splitDisconnectedComponents(truth, SIZE)).labels;
    const split = compareLabels(await combine("components"), components).all;
    const figure = (bits: number) => bits.toFixed(6);
    check("  VI against components", figure(split.total), `<= ${viLimit}`, split.total <= viLimit);
    check("  merge entropy", figure(split.merge), "0", split.merge === 0);
  }
}

async function readAll(spec: string): Promise<ArrayLike<number | bigint>> {
  await using volume = await open(spec, { labels: true });
  return await volume.read({ start: [0, 0, 0], size: SIZE });
}
