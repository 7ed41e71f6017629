/** A whole training step against the frameworks that people train with, and what our own time goes into. */
import { join } from "node:path";
import { V8_FLAGS } from "../../engine/backends/kernel_process/connection.ts";
import { run as runProgram } from "../../tests/support/python.ts";
import { inTurns, type Launch, ours, peer, type Start, summarise } from "../launches.ts";
import type { BenchContext } from "../program.ts";
import { largestDifference, type StackShape, writeCase } from "./conv_stack_case.ts";
import type { StepProfile } from "./train_step_profile.ts";

export const description =
  "Training step, depth 12, 33³, batch 4: in-process and kernel process against TensorFlow and PyTorch";

const SHAPE: StackShape = { fov: [33, 33, 33], depth: 12, features: 32 };
const BATCH = 4;
/** Each thread tries its two kernels for weight gradients until the third step. */
const WARM_UP = 3;
const RUNS = 4;
const RATE = 0.01;
const CLIP = 0.7;

/** Largest relative difference of losses. */
const LOSS_TOLERANCE = 1e-4;
/** Of the last logits, which all updates but the last went into, relative to the largest. */
const LOGIT_TOLERANCE = 1e-3;

/** A launch that has trained. */
interface TrainingLaunch extends Launch {
  /** Of every step, those before the timed ones included. */
  readonly losses: readonly number[];
}

/** One way to start each engine. */
async function engines(
  context: BenchContext,
  casePath: string,
): Promise<Start<TrainingLaunch>[]> {
  const rest = [casePath, ...[context.threads, WARM_UP, RUNS].map(String)];
  const optimizer = [RATE, CLIP].map(String);
  const own = (kind: string) => {
    const args = [kind, JSON.stringify(SHAPE), ...rest, ...optimizer];
    return ours<TrainingLaunch>(context, "bench/models/train_step_launch.ts", args);
  };
  const framework = async (name: string): Promise<Start<TrainingLaunch>> => {
    const start = await peer<TrainingLaunch>(context, `${name}_train_step`, rest);
    return (logits) => start(logits, ...optimizer);
  };
  return [
    own("kernel-process"),
    await framework("tensorflow"),
    own("in-process"),
    await framework("pytorch"),
  ];
}

/** What our gradients spend their time on, as the kernel process runs them and as this process does. */
async function profiles({ root, threads, print }: BenchContext, casePath: string) {
  const program = join(root, "bench/models/train_step_profile.ts");
  const args = [program, JSON.stringify(SHAPE), casePath, String(threads), String(RUNS)];
  const found: Record<string, StepProfile> = {};
  for (const [name, flags] of Object.entries({ "kernel process": [V8_FLAGS], "in-process": [] })) {
    const all = ["run", "-A", "--no-check", ...flags, ...args];
    const profile = JSON.parse(
      await runProgram(Deno.execPath(), all, { cwd: root }),
    ) as StepProfile;
    found[name] = profile;
    const total = profile.kernels.reduce((sum, { ms }) => sum + ms, 0);
    print(
      `${name}: least ms of each kernel's calls, first thread; the fastest run took ${
        profile.wallMs.toFixed(0)
      } ms, CPU time of all threads ${profile.cpuMs.toFixed(0)} ms per run`,
    );
    for (const { kernel, calls, ms } of profile.kernels.toSorted((a, b) => b.ms - a.ms)) {
      const share = (100 * ms / total).toFixed(1);
      print(`  ${kernel.padEnd(36)} ${calls} calls ${ms.toFixed(1).padStart(8)} ms ${share} %`);
    }
  }
  return found;
}

/** Entry of `deno task bench train_step`. */
export async function run(context: BenchContext): Promise<unknown> {
  const casePath = join(context.folder, "case.npz");
  await writeCase(casePath, SHAPE, { batch: BATCH, training: true });
  let expected: readonly number[] | null = null;
  const check = async ({ engine, losses }: TrainingLaunch, logits: string, first: string) => {
    expected ??= losses;
    const apart = Math.max(...losses.map((loss, i) => Math.abs(loss / expected![i] - 1)));
    if (!(apart < LOSS_TOLERANCE)) {
      throw new Error(`Cannot time ${engine}: its losses are ${losses}, expected ${expected}`);
    }
    const difference = await largestDifference(logits, first);
    if (!(difference < LOGIT_TOLERANCE)) {
      throw new Error(`Cannot time ${engine}: its logits differ by ${difference}`);
    }
  };
  const launches = await inTurns(context, await engines(context, casePath), check);
  context.print(`losses ${launches[0].losses.map((loss) => loss.toFixed(5)).join(" ")}`);
  const summary = summarise(launches);
  summary.forEach(({ line }) => context.print(line));
  return {
    ...{ shape: SHAPE, batch: BATCH, threads: context.threads, summary, launches },
    profiles: await profiles(context, casePath),
  };
}
