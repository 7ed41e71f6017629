/** An iteration of SECGAN, all gradients and updates included, beside the same networks in PyTorch. */
import { join } from "node:path";
import { inTurns, type Launch, ours, peer, summarise } from "../launches.ts";
import type { BenchContext } from "../program.ts";
import { largestDifference } from "./conv_stack_case.ts";
import { secganModel, writeSecganCase } from "./secgan_step_case.ts";

export const description =
  "SECGAN iteration at its default size, batch 1: kernel process and in-process against PyTorch";

/** The threads try two kernels each in the first iteration. */
const WARM_UP = 1;
const RUNS = 2;
/** Small: the first gradients of the discriminators are large. */
const RATE = 1e-6;

/** Largest difference of losses, relative for those above 1. */
const LOSS_TOLERANCE = 1e-3;
/** Of the last generated image, which all updates but the last went into, relative to its largest value. */
const IMAGE_TOLERANCE = 1e-3;

/** A launch that has trained. */
interface SecganLaunch extends Launch {
  /** Of every iteration, those before the timed ones included. */
  readonly losses: readonly (readonly number[])[];
}

/** Entry of `deno task bench secgan_step`. */
export async function run(context: BenchContext): Promise<unknown> {
  const { folder, small, threads, print } = context;
  const casePath = join(folder, "case");
  await writeSecganCase(casePath, secganModel(small));
  const rest = [...[threads, WARM_UP, RUNS].map(String), String(RATE)];
  const own = (kind: string) =>
    ours<SecganLaunch>(context, "bench/models/secgan_step_launch.ts", [
      ...[kind, small ? "small" : "full", ...rest],
    ]);
  const sides = [
    own("kernel-process"),
    await peer<SecganLaunch>(context, "pytorch_secgan_step", [casePath, ...rest]),
    own("in-process"),
  ];
  let expected: readonly number[] | null = null;
  const check = async ({ engine, losses }: SecganLaunch, image: string, first: string) => {
    expected ??= losses.flat();
    const apart = Math.max(
      ...losses.flat().map((loss, i) => Math.abs(loss - expected![i]) / Math.max(1, expected![i])),
    );
    if (!(apart < LOSS_TOLERANCE)) {
      throw new Error(`Cannot time ${engine}: its losses are ${losses}, expected ${expected}`);
    }
    const difference = await largestDifference(image, first);
    if (!(difference < IMAGE_TOLERANCE)) {
      throw new Error(`Cannot time ${engine}: its images differ by ${difference}`);
    }
    print(`${engine}: losses differ by ${apart.toExponential(1)} from those of the first`);
  };
  const launches = await inTurns(context, sides, check);
  const summary = summarise(launches);
  summary.forEach(({ line }) => print(line));
  return { batch: 1, threads, summary, launches };
}
