/** A roofline on paper: what each kernel must do, and how fast GPUs that nobody here has tried should do it. */
import type { BenchContext } from "../program.ts";
import {
  countedWork,
  elementwiseKernels,
  forwardKernels,
  type Kernel,
  weightGradKernels,
} from "./paper_kernels.ts";

export const description =
  "predicted time per kernel and step on an H100, an RTX 4090, an M3 Max and an Iris Xe, from data sheets";

/** What a data sheet says; rates per second. */
interface Gpu {
  readonly name: string;
  readonly tflops: number;
  readonly dramGBps: number;
  /** Rate and size of the last cache; figures that vendors do not publish are from public micro-benchmarks. */
  readonly cacheGBps: number;
  readonly cacheMB: number;
  /** Between two dispatches that depend on each other: an assumption, to be measured first. */
  readonly gapUs: number;
}

const GPUS: readonly Gpu[] = [
  { name: "H100 SXM", tflops: 66.9, dramGBps: 3350, cacheGBps: 5500, cacheMB: 50, gapUs: 3 },
  { name: "RTX 4090", tflops: 82.6, dramGBps: 1008, cacheGBps: 5000, cacheMB: 72, gapUs: 3 },
  { name: "M3 Max, 40 cores", tflops: 14.1, dramGBps: 400, cacheGBps: 900, cacheMB: 48, gapUs: 5 },
  { name: "Iris Xe, 96 EU", tflops: 2.1, dramGBps: 68, cacheGBps: 250, cacheMB: 3.8, gapUs: 10 },
];

/** Share of the peak that a kernel of multiply-adds is taken to reach; hand-written WGSL has been seen between 0.4 and 0.7. */
const EFFICIENCY = 0.5;
/** Layers of 32 -> 32 in the standard network; the rest is under 1 % of the work. */
const LAYERS = 23;
/** Flood kernels of a step, each as good as empty. */
const FLOOD_DISPATCHES = 10;

interface Prediction {
  readonly us: number;
  readonly bound: string;
}

/** The longest of arithmetic, cache and memory, for `batch` fields of view whose arrays may or may not stay in the cache. */
function predict(kernel: Kernel, gpu: Gpu, batch: number, workingSetMB: number): Prediction {
  const times: [string, number][] = [
    ["FMA", batch * kernel.flops / (EFFICIENCY * gpu.tflops * 1e6)],
    ["cache", batch * kernel.cacheBytes / (gpu.cacheGBps * 1e3)],
  ];
  if (workingSetMB * batch > gpu.cacheMB) {
    times.push(["memory", batch * kernel.arrayBytes / (gpu.dramGBps * 1e3)]);
  }
  const [bound, us] = times.reduce((a, b) => b[1] > a[1] ? b : a);
  return { bound, us: us / batch };
}

/** All launches of a layer with the gaps between them. */
function predictLayer(gpu: Gpu, batch: number, list: readonly Kernel[]): Prediction {
  const workingSetMB = Math.max(...list.map((k) => k.arrayBytes)) / 1e6;
  const predictions = list.map((k) => predict(k, gpu, batch, workingSetMB));
  const { bound } = predictions.reduce((a, b) => b.us > a.us ? b : a);
  const us = predictions.reduce((sum, p) => sum + p.us, 0);
  return { bound, us: us + list.length * gpu.gapUs / batch };
}

export function run({ print }: BenchContext): Promise<null> {
  const { flops, bytes } = countedWork();
  print(
    `conv3d 32->32 at 33³ by the op's own count: ${(flops / 1e9).toFixed(3)} GFLOP, ${
      (bytes / 1e6).toFixed(2)
    } MB`,
  );
  print("");
  printKernels(print, forwardKernels());
  print("");
  print("| GPU, batch | variant | µs per layer | bound by | ms per step | steps/s |");
  print("| --- | --- | --- | --- | --- | --- |");
  for (const gpu of GPUS) {
    for (const batch of [1, 8]) {
      for (const [variant, list] of Object.entries(forwardKernels())) {
        print(predictStep(gpu, batch, variant, list));
      }
    }
  }
  print("");
  print("Gradient of the weights of one layer:");
  print("");
  printKernels(print, weightGradKernels());
  print("");
  print(
    "| GPU, batch | forward, µs per layer | input gradient | weight gradient | masks and sums | ms per example | examples/s |",
  );
  print("| --- | --- | --- | --- | --- | --- | --- |");
  for (const gpu of GPUS) for (const batch of [1, 4]) print(predictTraining(gpu, batch));
  return Promise.resolve(null);
}

function printKernels(
  print: (line: string) => void,
  kernels: Readonly<Record<string, readonly Kernel[]>>,
): void {
  print(
    "| kernel | GFLOP | MB of arrays | MB through the cache | flops per byte | data registers | threads |",
  );
  print("| --- | --- | --- | --- | --- | --- | --- |");
  for (const [variant, list] of Object.entries(kernels)) {
    for (const k of list) {
      const cells = [
        k.name === variant ? variant : `${variant} ${k.name}`,
        (k.flops / 1e9).toFixed(3),
        (k.arrayBytes / 1e6).toFixed(1),
        (k.cacheBytes / 1e6).toFixed(1),
        (k.flops / k.arrayBytes).toFixed(1),
        k.registers,
        Math.round(k.threads),
      ];
      print(`| ${cells.join(" | ")} |`);
    }
  }
}

function predictStep(gpu: Gpu, batch: number, variant: string, list: readonly Kernel[]): string {
  const layer = predictLayer(gpu, batch, list);
  const stepMs = (LAYERS * layer.us + FLOOD_DISPATCHES * gpu.gapUs / batch) / 1000;
  const cells = [
    `${gpu.name}, ${batch}`,
    variant,
    layer.us.toFixed(0),
    layer.bound,
    stepMs.toFixed(2),
    (1000 / stepMs).toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
}

/** A training step with the variants that are predicted to be the fastest. */
function predictTraining(gpu: Gpu, batch: number): string {
  const best = (variants: Readonly<Record<string, readonly Kernel[]>>) =>
    Object.entries(variants)
      .map(([name, list]) => ({ name, ...predictLayer(gpu, batch, list) }))
      .reduce((a, b) => b.us < a.us ? b : a);
  const [forward, weights] = [best(forwardKernels()), best(weightGradKernels())];
  const others = predictLayer(gpu, batch, elementwiseKernels());
  const exampleMs = LAYERS * (2 * forward.us + weights.us + others.us) / 1000;
  const show = ({ name, us }: { name: string; us: number }) => `${us.toFixed(0)}, ${name}`;
  const cells = [
    `${gpu.name}, ${batch}`,
    show(forward),
    show(forward),
    show(weights),
    others.us.toFixed(0),
    exampleMs.toFixed(2),
    (1000 / exampleMs).toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
}
