/** A roofline on paper: what each kernel must do, and how fast GPUs that nobody here has tried should do it. */
import { conv3d } from "../../engine/ops/conv3d.ts";
import type { Call, Shape } from "../../engine/ops/op.ts";
import type { BenchContext } from "../program.ts";

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
const EDGE = 33;
/** Layers of 32 -> 32 in the standard network; the rest is under 1 % of the work. */
const LAYERS = 23;
/** Flood kernels of a step, each as good as empty. */
const FLOOD_DISPATCHES = 10;

/** One launch of a layer; bytes as they cross the last cache, and those that must come from or go to arrays. */
interface Kernel {
  readonly name: string;
  readonly flops: number;
  readonly arrayBytes: number;
  readonly cacheBytes: number;
  /** 32-bit registers per thread that hold data, counted in the .wgsl file; addresses come on top. */
  readonly registers: number;
  readonly threads: number;
}

/** The layer as the op counts it. */
function countedWork(): { flops: number; bytes: number } {
  const x: Shape = [1, EDGE, EDGE, EDGE, 32];
  const value = (shape: Shape, id: number) =>
    ({ id, name: `${id}`, shape, dtype: "float32" }) as const;
  const call: Call = {
    op: conv3d,
    inputs: [x, [3, 3, 3, 32, 32], [32]].map(value),
    outputs: [value(x, 3)],
    attributes: {},
  };
  return conv3d.work(call);
}

/** Kernels of one 32 -> 32 layer by variant, for one field of view. */
function kernels(): Record<string, Kernel[]> {
  const { flops, bytes } = countedWork();
  const voxels = EDGE ** 3;
  const halo = (EDGE + 2) ** 3 * 32 * 4;
  const out = voxels * 32 * 4;
  const weights = 27 * 32 * 32 * 4;
  const tiles = 11 * 11;
  const nestedRows = (EDGE + 2) * tiles;
  const nestedV = 25 * nestedRows * 32 * 4;
  const fullRows = 5 * 11 * tiles;
  const fullV = 25 * fullRows * 32 * 4;
  const split = 5 * 11 * (EDGE + 2) ** 2 * 32 * 4;
  const joined = 5 * 11 * EDGE ** 2 * 32 * 4;
  const direct = (
    name: string,
    voxelsPerThread: number,
    loads: number,
    registers: number,
  ): Kernel => ({
    name,
    flops,
    arrayBytes: Math.max(bytes, halo + out + weights),
    // Every block of 4 output channels reads the input once more; neighbours inside a workgroup meet in its L1.
    cacheBytes: 8 * halo * loads + out,
    registers,
    threads: 8 * voxels / voxelsPerThread,
  });
  const product = (rows: number, valid: number, taps: number): Kernel => ({
    name: "product",
    flops: 2 * 25 * valid * taps * 32 * 32,
    arrayBytes: 2 * 25 * rows * 32 * 4,
    cacheBytes: 8 * 25 * rows * 32 * 4 + 25 * valid * 32 * 4,
    registers: 11 * 4 + 4 * 4 + 4,
    threads: 25 * 8 * Math.ceil(rows / 704) * 64,
  });
  const move = (
    name: string,
    flops: number,
    from: number,
    to: number,
    registers: number,
  ): Kernel => ({
    name,
    flops,
    arrayBytes: from + to,
    cacheBytes: from + to,
    registers,
    threads: to / 16 / (name.includes("input") ? 25 : 9),
  });
  return {
    rows: [direct("rows", 11, 1.6, 11 * 4 + 13 * 4 + 16)],
    columns: [direct("columns", 8, 1.3, 8 * 4 + 10 * 4 + 16)],
    nested: [
      move("input", 480 * nestedRows * 8, halo, nestedV, 25 * 4 + 20),
      product(nestedRows, EDGE * tiles, 3),
      move("output", 240 * EDGE * tiles * 8, nestedV, out, 15 * 4 + 36),
    ],
    full: [
      move("depth input", 20 * split / 16, halo, split, 20),
      move("input", 480 * fullRows * 8, split, fullV, 25 * 4 + 20),
      product(fullRows, fullRows, 1),
      move("output", 240 * fullRows * 8, fullV, joined, 15 * 4 + 36),
      move("depth output", 12 * joined / 16, joined, out, 20),
    ],
  };
}

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

export function run({ print }: BenchContext): Promise<null> {
  const { flops, bytes } = countedWork();
  print(
    `conv3d 32->32 at 33³ by the op's own count: ${(flops / 1e9).toFixed(3)} GFLOP, ${
      (bytes / 1e6).toFixed(2)
    } MB`,
  );
  print("");
  print(
    "| kernel | GFLOP | MB of arrays | MB through the cache | flops per byte | data registers | threads |",
  );
  print("| --- | --- | --- | --- | --- | --- | --- |");
  for (const [variant, list] of Object.entries(kernels())) {
    for (const k of list) {
      const name = k.name === variant ? variant : `${variant} ${k.name}`;
      const cells = [
        name,
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
  print("");
  print("| GPU, batch | variant | µs per layer | bound by | ms per step | steps/s |");
  print("| --- | --- | --- | --- | --- | --- |");
  for (const gpu of GPUS) {
    for (const batch of [1, 8]) {
      for (const [variant, list] of Object.entries(kernels())) {
        print(predictStep(gpu, batch, variant, list));
      }
    }
  }
  return Promise.resolve(null);
}

function predictStep(gpu: Gpu, batch: number, variant: string, list: readonly Kernel[]): string {
  const workingSetMB = Math.max(...list.map((k) => k.arrayBytes)) / 1e6;
  const predictions = list.map((k) => predict(k, gpu, batch, workingSetMB));
  const layerUs = predictions.reduce((sum, p) => sum + p.us, 0) + list.length * gpu.gapUs / batch;
  const longest = predictions.reduce((a, b) => b.us > a.us ? b : a);
  const stepMs = (LAYERS * layerUs + FLOOD_DISPATCHES * gpu.gapUs / batch) / 1000;
  const cells = [
    `${gpu.name}, ${batch}`,
    variant,
    layerUs.toFixed(0),
    longest.bound,
    stepMs.toFixed(2),
    (1000 / stepMs).toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
}
