/** The roofline on paper against what can be counted: the op's work, the launches and arrays of the plans, the README. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { callOf, executedFlops, gpuCases } from "../../bench/gpu/op_cases.ts";
import { run } from "../../bench/gpu/paper_bench.ts";
import {
  countedWork,
  forwardKernels,
  type Kernel,
  weightGradKernels,
} from "../../bench/gpu/paper_kernels.ts";
import type { BenchContext } from "../../bench/program.ts";
import { placeAlone } from "../../engine/backends/webgpu/placement.ts";
import type { DeviceProfile, PlacedCall } from "../../kernels/kernel.ts";
import { sizeBytes } from "../../kernels/layout.ts";
import { LAUNCHERS } from "../../kernels/mod.ts";

const PROFILE: DeviceProfile = {
  maxBindingBytes: 2 ** 31 - 1,
  maxWorkgroups: 65535,
  halfStorage: false,
  subgroupSize: 32,
};

/** The layer of the tables, where a GPU has it. */
function layer(op = "conv3d"): PlacedCall {
  return placeAlone(callOf(gpuCases(1, 33).find(({ name }) => name === `${op} 32->32`)!), false);
}

const sum = (list: readonly Kernel[], value: (k: Kernel) => number) =>
  list.reduce((total, k) => total + value(k), 0);

Deno.test("the README holds every line that the paper bench prints", async () => {
  const lines: string[] = [];
  await run({ print: (line: string) => void lines.push(line) } as BenchContext);
  const cells = (line: string) => line.split("|").map((cell) => cell.trim()).join("|");
  const text = await Deno.readTextFile(new URL("../../bench/README.md", import.meta.url));
  const known = new Set(text.split("\n").map(cells));
  const rows = lines.filter((line) => line.startsWith("|") && !line.startsWith("| ---"));
  ok(rows.length > 50);
  deepEqual(rows.filter((row) => !known.has(cells(row))), []);
  ok(text.includes(lines[0]), lines[0]);
});

Deno.test("the paper's operations and bytes are those that op and plans count", () => {
  const placed = layer();
  const { flops, bytes } = placed.call.op.work(placed.call);
  deepEqual(countedWork(), { flops, bytes });
  const [halo, plain] = [sizeBytes(placed.outputs[0]), 33 ** 3 * 32 * 4];
  const weights = 27 * 32 * 32 * 4;
  for (const [name, list] of Object.entries(forwardKernels())) {
    const variant = LAUNCHERS.get("conv3d")!.variants.find((v) => v.name === name)!;
    const { scratch, launches } = variant.plan(placed, PROFILE);
    equal(launches.length, list.length, name);
    // Transforms are the rest of a Winograd form.
    const product = list.find((k) => k.name === "product") ?? list[0];
    equal(product.flops, executedFlops(name, placed), name);
    launches.forEach(({ workgroups: [x, y, z], label }, i) => {
      // The last workgroup of each row of the grid may be part empty: 64 threads, of 7 rows each in a product.
      const threads = 64 * x * y * z;
      const spare = threads - list[i].threads;
      ok(spare >= 0 && spare <= 64 * y * z, `${label}: ${threads} threads, ${list[i].threads}`);
    });
    const { winograd_v: v = 0, winograd_m: m = 0, winograd_planes: planes = 0 } = scratch;
    const arrays = v > 0
      // Whatever lies between two launches is written once and read once.
      ? halo + 2 * v + 2 * m + plain + (planes > 0 ? 2 * planes + 2 * joined(placed) : 0)
      : halo + plain + weights;
    equal(sum(list, (k) => k.arrayBytes), arrays, name);
  }
});

Deno.test("the paper's gradient of weights has the launches, threads and parts of the plans", () => {
  const placed = layer("conv3d_weight_grad");
  for (const [name, list] of Object.entries(weightGradKernels())) {
    const variant = LAUNCHERS.get("conv3d_weight_grad")!.variants.find((v) => v.name === name)!;
    const { scratch, launches } = variant.plan(placed, PROFILE);
    const counted = launches.filter(({ label }) => !label.startsWith("conv3d_bias_grad"));
    equal(counted.length, list.length, name);
    counted.forEach(({ workgroups: [x, y, z], label }, i) => {
      const spare = 64 * x * y * z - list[i].threads;
      ok(spare >= 0 && spare <= 64 * y * z, `${label}: ${spare} threads more than on paper`);
    });
    const products = list.find((k) => k.name === "products")!;
    equal(products.flops, executedFlops(name, placed), name);
    const { winograd_v: v, winograd_m: z, parts } = scratch;
    const read = name === "nested" ? v + z : 2 * sizeBytes(placed.inputs[0]);
    equal(products.arrayBytes, read + parts, name);
  }
});

/** Bytes of the planes that the last launch of the full form reads: no halo, five for three. */
function joined({ outputs: [y] }: PlacedCall): number {
  return 5 * Math.ceil(y.z / 3) * y.y * y.x * y.channels * 4;
}
