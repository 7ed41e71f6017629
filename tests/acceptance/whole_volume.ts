/** The published run of the whole training_sample2, repeated: 25,799 network steps, most of an hour on two cores. */
import { join } from "node:path";
import { cpuMs, peakRssBytes } from "../../bench/process_figures.ts";
import { cacheFolder } from "../../engine/backends/measured_choices.ts";
import { openBackend } from "../../engine/backends/open_backend.ts";
import type { TypedArray } from "../../engine/formats/nd_array.ts";
import { openNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins, type Origins } from "../../engine/formats/origins.ts";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import { Executor } from "../../engine/inference/executor.ts";
import { resolveRequest } from "../../engine/inference/request.ts";
import type { ProgressReport } from "../../engine/inference/run_control.ts";
import { Runner } from "../../engine/inference/runner.ts";
import { loadNetwork } from "../../engine/models/load_network.ts";
import { compareLabels } from "../../engine/segmentation/metrics.ts";
import { subvolumePath } from "../../engine/segmentation/subvolume_paths.ts";
import { open } from "../../engine/volumes/open.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "The whole 250³ training_sample2 against the published result; kept in the cache folder, so a stopped run goes on";

const BOX = { start: [0, 0, 0], size: [250, 250, 250] } as const;
const PUBLISHED = { steps: 25_799, origins: 254, split: 0.899, merge: 0.918 };

interface Segmentation {
  readonly labels: TypedArray;
  readonly origins: Origins;
  readonly counters: Record<string, number>;
}

async function load(path: string): Promise<Segmentation> {
  const archive = await openNpz(await Deno.readFile(path), path);
  return {
    labels: (await archive.readArray("segmentation")).data,
    origins: decodeOrigins(await archive.readObject("origins"), path),
    counters: JSON.parse(await archive.readText("counters")),
  };
}

/** The request of the published run with absolute paths and an output folder of its own. */
async function requestIn(folder: string, fib25: string) {
  const text = await Deno.readTextFile(`${fib25}/requests/inference_training_sample2.pbtxt`);
  const absolute = text
    .replace(/"training_sample2\//g, `"${fib25}/training_sample2/`)
    .replace(/"model\//g, `"${fib25}/model/`)
    .replace(/"results\/[^"]*"/, JSON.stringify(folder))
    .replace(/checkpoint_interval: \d+/, "checkpoint_interval: 120");
  return resolveRequest(parseInferenceRequest(absolute));
}

/** Segments the volume, or goes on with it; prints progress twice a minute. */
async function segment(folder: string, context: AcceptanceContext): Promise<void> {
  const request = await requestIn(folder, context.fib25);
  await using backend = await openBackend({
    threads: context.threads,
    kernelProcess: "auto",
    onRestart: context.print,
  });
  context.print(backend.description);
  await using network = await loadNetwork({
    modelName: request.message.modelName!,
    modelArgs: JSON.parse(request.message.modelArgs!),
    checkpointPrefix: request.modelCheckpointPath,
    backend,
    batchSize: request.batchSize,
  });
  await using executor = new Executor(network);
  await using runner = await Runner.start(request, { executor });
  const startedMs = performance.now();
  const cpuStartMs = cpuMs();
  let printedMs = startedMs;
  let first: ProgressReport | null = null;
  // The canvas's own timers are those of all its runs together; these are of this one.
  const outside = () => {
    const networkMs = executor.counters.get("executor-inference-time-ms");
    return 1 - networkMs / (performance.now() - startedMs);
  };
  const result = await runner.run(BOX, {
    progress: {
      report(report) {
        first ??= report;
        if (performance.now() - printedMs < 30_000) return;
        printedMs = performance.now();
        const rate = (report.steps - first.steps) / ((printedMs - startedMs) / 1000);
        context.print(
          `${report.steps} steps, ${rate.toFixed(1)} steps/s, ${report.objects} objects, ${
            (100 * outside()).toFixed(1)
          } % outside the network`,
        );
      },
    },
  });
  if (result === null) return context.print("finished before; only the result is checked");
  const share = outside();
  const wallS = (performance.now() - startedMs) / 1000;
  context.print(
    `wall ${wallS.toFixed(0)} s, CPU ${((cpuMs() - cpuStartMs) / 1000).toFixed(0)} s, peak memory ${
      (peakRssBytes() / 2 ** 20).toFixed(0)
    } MiB, from step ${(first as ProgressReport | null)?.steps ?? 0}`,
  );
  context.check("share of time outside the network", share.toFixed(4), "<= 0.05", share <= 0.05);
}

/** Largest overlap of each object of `a` in `b`, matched one to one by overlap, largest first. */
function equalVoxels(a: TypedArray, b: TypedArray): number {
  const overlap = new Map<number, number>();
  for (let i = 0; i < a.length; i++) {
    const pair = Number(a[i]) * 65536 + Number(b[i]);
    overlap.set(pair, (overlap.get(pair) ?? 0) + 1);
  }
  const taken = new Set<string>();
  let equal = 0;
  for (const [pair, count] of [...overlap].sort((x, y) => y[1] - x[1])) {
    const [left, right] = [Math.floor(pair / 65536), pair % 65536];
    if ((left === 0) !== (right === 0)) continue;
    if (taken.has(`a${left}`) || taken.has(`b${right}`)) continue;
    taken.add(`a${left}`).add(`b${right}`);
    equal += count;
  }
  return equal;
}

/** Entry of `deno task acceptance whole_volume`. */
export async function run(context: AcceptanceContext): Promise<void> {
  const { fib25, check } = context;
  const folder = join(cacheFolder() ?? context.folder, "acceptance", "whole_volume");
  await segment(folder, context);
  const ours = await load(subvolumePath(folder, BOX.start, "npz"));
  const published = await load(`${fib25}/training_sample2/sample-training2.npz`);

  const steps = ours.counters["predict-calls"];
  const offBy = Math.abs(steps / PUBLISHED.steps - 1);
  check("steps", steps, `${PUBLISHED.steps} ± 0.5 %`, offBy <= 0.005);
  const key = ({ startZyx, iters }: { startZyx: readonly number[]; iters: number }) =>
    `${startZyx.join()}:${iters}`;
  const known = new Set([...ours.origins.values()].map(key));
  const equal = [...published.origins.values()].filter((origin) => known.has(key(origin))).length;
  check(
    "origins with equal start and steps",
    equal,
    `>= 250 of ${PUBLISHED.origins}`,
    equal >= 250,
  );
  const share = equalVoxels(ours.labels, published.labels) / ours.labels.length;
  check("voxels equal after matching ids", share.toFixed(5), ">= 0.99", share >= 0.99);

  await using truthVolume = await open(`${fib25}/training_sample2/groundtruth.h5:stack`);
  const metrics = compareLabels(ours.labels, await truthVolume.read(BOX));
  const { split, merge } = metrics.all;
  const near = (value: number, wanted: number) => Math.abs(value - wanted) <= 0.02;
  check("VI split", split.toFixed(4), `${PUBLISHED.split} ± 0.02`, near(split, PUBLISHED.split));
  check("VI merge", merge.toFixed(4), `${PUBLISHED.merge} ± 0.02`, near(merge, PUBLISHED.merge));
  check("coverage", metrics.coverage.toFixed(4), ">= 0.88", metrics.coverage >= 0.88);
  const are = metrics.adaptedRandError;
  check("adapted Rand error", are.toFixed(4), "<= 0.16", are <= 0.16);
}
