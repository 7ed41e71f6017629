/**
 * The published network on overlapping boxes of FIB-25, by one process and by several. `FFN_BATCH_EDGE` makes the boxes
 * smaller than the 80 voxels of the check (at least 48); figures that say nothing then are printed only.
 */
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { eachLine } from "../../engine/cluster/worker_processes.ts";
import { openNpz } from "../../engine/formats/npz.ts";
import { listSegmentations } from "../../engine/segmentation/subvolume_paths.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { readBatch } from "../support/batch_run.ts";
import { ffn } from "../support/cli.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "112³ of FIB-25 as 8 boxes of 80³ by 1, 2 and 4 workers: equal results and volume; efficiency of 2 workers, lease and storage per box";

const FULL_EDGE = 80;
/** Of a box, in voxels along each axis. */
const EDGE = Number(Deno.env.get("FFN_BATCH_EDGE") ?? FULL_EDGE);
/** Where the next box begins; two along each axis. */
const STRIDE = 32;
const BOXES = 8;
const WORKERS = [1, 2, 4];
const MIN_EFFICIENCY = 0.9;
const MAX_COST_SEC = 0.2;

/** How one batch went. */
interface BatchTiming {
  /** From the start of the command until the first worker is ready to claim. */
  readonly startMs: number;
  /** From then on until the last box is published. */
  readonly loopMs: number;
}

export async function run(context: AcceptanceContext): Promise<void> {
  const { folder, print, check } = context;
  const timings = new Map<number, BatchTiming>();
  const results = new Map<number, Record<string, unknown>>(), volumes: unknown[] = [];
  for (const workers of WORKERS) {
    const dir = join(folder, `workers${workers}`);
    const timing = await segment(context, dir, workers);
    timings.set(workers, timing);
    results.set(workers, await readBatch(dir));
    volumes.push(await assembled(dir));
    print(
      `${workers} workers: ${seconds(timing.loopMs)} s for the boxes after ${
        seconds(timing.startMs)
      } s until the first worker was ready`,
    );
  }
  const expected = results.get(1)!;
  check("boxes", Object.keys(expected).length, `${BOXES}`, Object.keys(expected).length === BOXES);
  for (const [i, workers] of WORKERS.entries()) {
    if (workers === 1) continue;
    const boxesEqual = isDeepStrictEqual(results.get(workers), expected);
    const what = "segmentation, qprob, overlaps and origins";
    check(`${what} of ${workers} workers equal those of 1`, `${boxesEqual}`, "true", boxesEqual);
    const volumeEqual = isDeepStrictEqual(volumes[i], volumes[0]);
    check(`volume assembled from ${workers} workers`, `${volumeEqual}`, "equal", volumeEqual);
  }
  // With fewer steps than in a box of the check, one box more or less decides.
  const tell = EDGE === FULL_EDGE
    ? check
    : (what: string, value: string) => print(`${what}: ${value} (boxes of ${EDGE}³, not checked)`);
  const work = await workOf(join(folder, "workers1"));
  const cost = (timings.get(1)!.loopMs - work.floodMs) / 1000 / BOXES;
  print(`${work.steps.join(", ")} steps per box, ${seconds(work.floodMs)} s of flooding`);
  tell("lease and storage per box, s", cost.toFixed(3), `<= ${MAX_COST_SEC}`, cost <= MAX_COST_SEC);
  const efficiency = timings.get(1)!.loopMs / (2 * timings.get(2)!.loopMs);
  tell(
    "efficiency of 2 workers against 1",
    efficiency.toFixed(3),
    `>= ${MIN_EFFICIENCY}`,
    efficiency >= MIN_EFFICIENCY,
  );
}

/** Segments the batch into `dir` with worker processes of one thread each. */
async function segment(
  { fib25, root, check }: AcceptanceContext,
  dir: string,
  workers: number,
): Promise<BatchTiming> {
  const request = `${dir}.pbtxt`;
  await Deno.writeTextFile(request, requestText(fib25, dir));
  const outer = EDGE + STRIDE;
  const startedMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", join(root, "cli.ts"), "run-batch-inference"],
      ...["--inference-requests", request, "--workers", `${workers}`],
      ...[
        "--bounding-box",
        `start { x: 64 y: 64 z: 64 } size { x: ${outer} y: ${outer} z: ${outer} }`,
      ],
      ...["--subvolume-size", `${EDGE}`, "--subvolume-overlap", `${EDGE - STRIDE}`],
      ...["--threads", "1", "--backend", "wasm"],
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let readyMs = Infinity, doneMs = 0;
  const remarks: string[] = [];
  await Promise.all([
    eachLine(child.stderr, (line) => {
      remarks.push(line);
      if (/\d+ subvolumes on /.test(line)) readyMs = Math.min(readyMs, performance.now());
    }),
    eachLine(child.stdout, (line) => {
      if (/seg-\d+_\d+_\d+\.npz: /.test(line)) doneMs = performance.now();
    }),
  ]);
  const { code } = await child.status;
  check(`exit code, ${workers} workers`, code, "0", code === 0);
  if (code !== 0) throw new Error(remarks.join("\n"));
  return { startMs: readyMs - startedMs, loopMs: doneMs - readyMs };
}

function requestText(fib25: string, dir: string): string {
  return `image { hdf5: "${fib25}/training_sample2/grayscale_maps.h5:raw" } image_mean: 128 image_stddev: 33
    seed_policy: "PolicyPeaks" model_name: "convstack_3d.ConvStack3DFFNModel"
    model_args: '{"depth": 12, "fov_size": [33, 33, 33], "deltas": [8, 8, 8]}'
    model_checkpoint_path: "${fib25}/model/model.ckpt-27465036" segmentation_output_dir: "${dir}"
    inference_options { init_activation: 0.95 pad_value: 0.05 move_threshold: 0.9
      min_boundary_dist { x: 1 y: 1 z: 1 } segment_threshold: 0.6 min_segment_size: 1000 }`;
}

/** Labels `[z, y, x]` of the whole batch in `dir`, put together. */
async function assembled(dir: string): Promise<unknown> {
  const path = `${dir}.h5`;
  const { code, stderr } = await ffn("run-consensus", path, "--segmentation-dirs", dir, "--quiet");
  if (code !== 0) throw new Error(stderr);
  await using volume = await open(`${path}:seg`, { labels: true });
  return await volume.read(wholeBox(volume));
}

/** What the boxes in `dir` took beside leases and storage, as their counters tell. */
async function workOf(dir: string): Promise<{ steps: number[]; floodMs: number }> {
  const steps: number[] = [];
  let floodMs = 0;
  for (const { path } of await listSegmentations(dir)) {
    const archive = await openNpz(await Deno.readFile(path), path);
    const counters = JSON.parse(await archive.readText("counters"));
    steps.push(counters["update_at-calls"]);
    floodMs += counters["segment_all-time-ms"];
  }
  return { steps, floodMs };
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);
