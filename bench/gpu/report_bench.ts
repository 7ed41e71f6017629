/** Draws what `deno task bench gpu --save` left of every GPU: a table to compare them and a roofline. */
import { join } from "node:path";
import type { BenchContext } from "../program.ts";
import type { GpuResult } from "./gpu_bench.ts";
import { drawRoofline } from "./roofline.ts";

export const description = "the table and the roofline over all results in bench/results/gpu";

export async function run({ root, print }: BenchContext): Promise<null> {
  const folder = join(root, "bench", "results", "gpu");
  const results = await readResults(folder);
  if (results.length === 0) {
    print(`no results in "${folder}"; run: deno task bench gpu --save`);
    return null;
  }
  print(compare(results));
  const path = join(folder, "roofline.svg");
  await Deno.writeTextFile(path, drawRoofline(results));
  print(`drew ${path}`);
  return null;
}

async function readResults(folder: string): Promise<GpuResult[]> {
  const results: GpuResult[] = [];
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(".json")) {
        results.push(JSON.parse(await Deno.readTextFile(join(folder, name))));
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return results.sort((a, b) => b.attainable.gflops - a.attainable.gflops);
}

/** A Markdown table, one column per GPU. */
export function compare(results: readonly GpuResult[]): string {
  const rows: [string, (r: GpuResult) => string][] = [
    ["attainable f32, GFLOP/s", (r) => r.attainable.gflops.toFixed(0)],
    ["copy, GB/s", (r) => r.attainable.copyGBps.toFixed(1)],
    ["submit and read, ms", (r) => r.attainable.readMs.toFixed(2)],
  ];
  const names = [...new Set(results.flatMap((r) => r.variants.map((v) => v.name)))];
  for (const name of names) {
    rows.push([`${name}, ms (share of attainable)`, (r) => {
      const found = r.variants.find((v) => v.name === name);
      if (!found) return "–";
      const share = (100 * found.executedGflops / r.attainable.gflops).toFixed(0);
      return `${found.gpuMs.toFixed(2)} (${share} %)`;
    }]);
  }
  for (const batch of [...new Set(results.flatMap((r) => r.steps.map((s) => s.batch)))]) {
    rows.push([`standard step, batch ${batch}, ms per field of view`, (r) => {
      const found = r.steps.find((s) => s.batch === batch);
      return found ? found.gpuMs.toFixed(1) : "–";
    }]);
  }
  for (const batch of [...new Set(results.flatMap((r) => r.trainingSteps.map((s) => s.batch)))]) {
    rows.push([`training step, batch ${batch}, ms per example`, (r) => {
      const found = r.trainingSteps.find((s) => s.batch === batch);
      return found ? found.gpuMs.toFixed(1) : "–";
    }]);
  }
  for (const count of [...new Set(results.flatMap((r) => r.floods.map((f) => f.canvases)))]) {
    const of = (r: GpuResult) => r.floods.find((f) => f.canvases === count);
    rows.push([`flood of ${count}, ms per step`, (r) => of(r)?.msPerStep.toFixed(2) ?? "–"]);
    rows.push([
      `flood of ${count}, dispatches / reads per step`,
      (r) => of(r) ? `${of(r)!.dispatchesPerStep} / ${of(r)!.readsPerStep.toFixed(4)}` : "–",
    ]);
  }
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...results.map((r) => r.device)]),
    line(["---", ...results.map(() => "---")]),
    ...rows.map(([name, cell]) => line([name, ...results.map(cell)])),
  ].join("\n");
}
