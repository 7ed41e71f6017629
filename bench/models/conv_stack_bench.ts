/** The whole conv stack, one FOV step, against the frameworks that people run it on today. */
import { join } from "node:path";
import { inTurns, ours, peer, type Start, summarise } from "../launches.ts";
import type { BenchContext } from "../program.ts";
import { largestDifference, type StackShape, writeCase } from "./conv_stack_case.ts";

export const description =
  "Conv stack, depth 12, 33³: in-process and kernel process against TensorFlow, PyTorch and ONNX Runtime";

const SHAPE: StackShape = { fov: [33, 33, 33], depth: 12, features: 32 };
const WARM_UP = 3;
const RUNS = 10;

/** Largest difference between engines, relative to the largest logit; Winograd and direct sums differ by rounding. */
const TOLERANCE = 1e-4;

/** One way to start each engine. */
async function engines(context: BenchContext, casePath: string): Promise<Start[]> {
  const rest = [casePath, String(context.threads), String(WARM_UP), String(RUNS)];
  const own = (kind: string) =>
    ours(context, "bench/models/conv_stack_launch.ts", [kind, JSON.stringify(SHAPE), ...rest]);
  return [
    own("kernel-process"),
    await peer(context, "tensorflow_conv_stack", rest),
    own("in-process"),
    await peer(context, "pytorch_conv_stack", rest),
    await peer(context, "onnxruntime_conv_stack", rest),
  ];
}

/** Entry of `deno task bench conv_stack`. */
export async function run(context: BenchContext): Promise<unknown> {
  const casePath = join(context.folder, "case.npz");
  await writeCase(casePath, SHAPE);
  const starts = await engines(context, casePath);
  const launches = await inTurns(context, starts, async ({ engine }, logits, expected) => {
    const apart = await largestDifference(logits, expected);
    if (!(apart < TOLERANCE)) {
      throw new Error(`Cannot time ${engine}: its logits differ by ${apart}`);
    }
  });
  const summary = summarise(launches);
  summary.forEach(({ line }) => context.print(line));
  return { shape: SHAPE, threads: context.threads, summary, launches };
}
