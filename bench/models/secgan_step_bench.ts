/** An iteration of SECGAN, all gradients and updates included, beside the same networks in PyTorch. */
import { join } from "node:path";
import { inTurns, type Launch, ours, peer, summarise, type Summary } from "../launches.ts";
import type { BenchContext } from "../program.ts";
import { largestDifference } from "./conv_stack_case.ts";
import { secganModel, writeSecganCase } from "./secgan_step_case.ts";

export const description =
  "SECGAN iteration at its default size, batch 1: kernel process and in-process against PyTorch";

/** The threads try two kernels each in the first iteration. */
const WARM_UP = 1;
const RUNS = 1;
/** Small: the first gradients of the discriminators are large. */
const RATE = 1e-6;

/** How many times as fast as PyTorch the kernel process shall be, with less memory at its peak. */
const WANTED_RATIO = 1.2;

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
  const verdicts = judge(summary, launches);
  for (const { what, is, holds } of verdicts) print(`${holds ? "PASS" : "FAIL"}  ${what}: ${is}`);
  return { batch: 1, threads, summary, verdicts, launches };
}

/** Whether our process is the faster one by what is wanted, and takes less memory than the other in every launch. */
function judge(
  summary: readonly Summary[],
  launches: readonly SecganLaunch[],
): { what: string; is: string; holds: boolean }[] {
  const [own, other] = summary;
  const ratioTo = (engine: string) => other.ratios.find(({ ours }) => ours === engine)!.ratio;
  const ratio = ratioTo(own.engine);
  const peaks = [own, other].map(({ engine }) =>
    launches.filter((l) => l.engine === engine).map((l) => l.peakRssBytes / 2 ** 20)
  );
  const [most, least] = [Math.max(...peaks[0]), Math.min(...peaks[1])];
  return [{
    what: `${own.engine} at least ${WANTED_RATIO} times as fast as ${other.engine}`,
    is: `${ratio.toFixed(2)} times (${ratioTo(summary[2].engine).toFixed(2)} in-process)`,
    holds: ratio >= WANTED_RATIO,
  }, {
    what: "peak memory below",
    is: `${most.toFixed(0)} of ${least.toFixed(0)} MiB`,
    holds: most < least,
  }];
}
