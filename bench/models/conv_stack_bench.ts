/** The whole conv stack, one FOV step, against the frameworks that people run it on today. */
import { join } from "node:path";
import { pythonWith, run as runProgram } from "../../tests/support/python.ts";
import type { BenchContext } from "../program.ts";
import { quantile, quartiles, showQuartiles } from "../statistics.ts";
import { readLogits, type StackShape, writeCase } from "./conv_stack_case.ts";

export const description =
  "Conv stack, depth 12, 33³: in-process and kernel process against TensorFlow, PyTorch and ONNX Runtime";

const SHAPE: StackShape = { fov: [33, 33, 33], depth: 12, features: 32 };
const WARM_UP = 3;
const RUNS = 10;

/** Largest difference between engines, relative to the largest logit; Winograd and direct sums differ by rounding. */
const TOLERANCE = 1e-4;

/** What one launch prints. */
interface Launch {
  readonly engine: string;
  readonly version: string;
  readonly wallMs: readonly number[];
  readonly cpuMs: readonly number[];
  readonly peakRssBytes: number;
}

type Start = (logits: string) => Promise<Launch>;

/** One way to start each engine. */
async function engines(context: BenchContext, casePath: string): Promise<Start[]> {
  const { root, threads } = context;
  const rest = [String(threads), String(WARM_UP), String(RUNS)];
  const ours = (kind: string): Start => async (logits) => {
    const script = join(root, "bench/models/conv_stack_launch.ts");
    const args = ["run", "-A", script, kind, JSON.stringify(SHAPE), casePath, ...rest, logits];
    return JSON.parse(await runProgram(Deno.execPath(), args, { cwd: root }));
  };
  const peer = async (name: string): Promise<Start> => {
    const script = join(root, "bench/peers", `${name}_conv_stack.py`);
    const requirements = /^# requirements: (.*)$/m.exec(await Deno.readTextFile(script))![1];
    const python = await pythonWith(requirements.split(" "));
    return async (logits) =>
      JSON.parse(await runProgram(python, [script, casePath, ...rest, logits], { cwd: root }));
  };
  return [
    ours("kernel-process"),
    await peer("tensorflow"),
    ours("in-process"),
    await peer("pytorch"),
    await peer("onnxruntime"),
  ];
}

/** Largest difference of two logit files, relative to the largest logit. */
async function difference(a: string, b: string): Promise<number> {
  const [left, right] = await Promise.all([a, b].map(readLogits));
  let [most, largest] = [0, 0];
  left.forEach((v, i) => {
    most = Math.max(most, Math.abs(v - right[i]));
    largest = Math.max(largest, Math.abs(right[i]));
  });
  return most / largest;
}

/** Entry of `deno task bench conv_stack`. */
export async function run(context: BenchContext): Promise<unknown> {
  const casePath = join(context.folder, "case.npz");
  await writeCase(casePath, SHAPE);
  const starts = await engines(context, casePath);
  const logits = (engine: number) => join(context.folder, `${engine}.npy`);
  const launches: Launch[] = [];
  for (let round = 0; round < context.launches; round++) {
    for (const [i, start] of starts.entries()) {
      const launch = await start(logits(i));
      const apart = await difference(logits(i), logits(0));
      if (!(apart < TOLERANCE)) {
        throw new Error(`Cannot time ${launch.engine}: its logits differ by ${apart}`);
      }
      launches.push(launch);
      context.print(`round ${round + 1}  ${describe(launch)}`);
    }
  }
  const summary = summarise(launches);
  summary.forEach(({ line }) => context.print(line));
  return { shape: SHAPE, threads: context.threads, summary, launches };
}

function describe({ engine, version, wallMs, cpuMs, peakRssBytes }: Launch): string {
  const wall = showQuartiles(quartiles(wallMs));
  const cpu = quantile(cpuMs, 0.5).toFixed(0);
  const memory = (peakRssBytes / 2 ** 20).toFixed(0);
  return `${engine.padEnd(20)} ${version.padEnd(13)} wall ms ${wall}  CPU ms ${cpu}  ${memory} MiB`;
}

/** Median over launches of each launch's median, and how much faster ours are, launch by launch in the same round. */
function summarise(launches: readonly Launch[]) {
  const names = [...new Set(launches.map((launch) => launch.engine))];
  const medians = new Map(names.map((name) => [
    name,
    launches.filter((l) => l.engine === name).map((l) => quantile(l.wallMs, 0.5)),
  ]));
  return names.map((engine) => {
    const own = medians.get(engine)!;
    const ratios = names.filter((name) => name.startsWith("ffn")).map((ours) => ({
      ours,
      ratio: quantile(own.map((ms, round) => ms / medians.get(ours)![round]), 0.5),
    }));
    const wall = quartiles(own);
    const beside = ratios.map(({ ours, ratio }) => `${ratio.toFixed(2)} x ${ours}`).join(", ");
    return {
      engine,
      wall,
      ratios,
      line: `${engine.padEnd(20)} ${showQuartiles(wall)} ms = ${beside}`,
    };
  });
}
