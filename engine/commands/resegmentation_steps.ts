import type { BackendName, KernelProcessMode } from "../backends/open_backend.ts";
import { NotFoundError, UsageError } from "../errors/errors.ts";
import { parseBoundingBox, parseInferenceRequest } from "../formats/protobuf/requests.ts";
import { type Box, describeBox } from "../geometry/box.ts";
import { shareOf } from "../geometry/sub_boxes.ts";
import { addZyx, mapZyx, volumeOf } from "../geometry/vectors.ts";
import { openInference } from "../inference/open_inference.ts";
import { openRunnerVolumes } from "../inference/runner_volumes.ts";
import { analysePoints } from "../resegmentation/analyse_points.ts";
import { buildRequest } from "../resegmentation/build_request.ts";
import { findDecisionPoints } from "../resegmentation/find_decision_points.ts";
import { type CandidatePairs, findPairs } from "../resegmentation/find_pairs.ts";
import { writeAffinities } from "../resegmentation/merge_table.ts";
import {
  readResegmentationRequest,
  resolveResegmentation,
  writeResegmentationRequest,
} from "../resegmentation/request.ts";
import { runPoints } from "../resegmentation/run_points.ts";
import { distinctLabels } from "../segmentation/distinct_labels.ts";
import { assertNoAnnotations, writePointAnnotations } from "../viewers/point_annotations.ts";
import { open } from "../volumes/open.ts";
import { type Volume, wholeBox } from "../volumes/volume.ts";
import type { Context } from "./command.ts";
import { showProgress } from "./progress.ts";

/** The flags of the command. */
export interface ResegmentationFlags {
  readonly resegmentationRequest?: string;
  readonly inferenceRequest?: string;
  readonly boundingBox?: string;
  readonly initSegmentation?: string;
  readonly outputDirectory?: string;
  readonly subdirDigits: number;
  readonly maxRetryIters: number;
  readonly segmentRecoveryFraction: number;
  readonly maxDistance: number;
  readonly detector: "pairs" | "decision-points";
  readonly radius: number;
  readonly rank: number;
  readonly nworkers: number;
  readonly nthreads: number;
  readonly affinitiesNpy?: string;
  readonly annotations?: string;
  readonly threads?: number;
  readonly backend: BackendName;
  readonly kernelProcess?: KernelProcessMode;
}

/** What growing all of them takes stays below some gigabytes. */
const MAX_DECISION_VOXELS = 2 ** 26;

const STEPS = { "build-req": buildStep, run: runPointsStep, analyze: analyseStep };

/** Runs one step by its name, written with `-` or `_`. */
export async function runStep(
  name: string,
  flags: ResegmentationFlags,
  context: Context,
): Promise<void> {
  const step = name.replaceAll("_", "-");
  if (!Object.hasOwn(STEPS, step)) {
    throw new UsageError(
      `Cannot run step "${name}": the steps are ${Object.keys(STEPS).join(", ")}`,
    );
  }
  await STEPS[step as keyof typeof STEPS](flags, context);
}

async function buildStep(flags: ResegmentationFlags, context: Context): Promise<void> {
  const target = given(flags, "resegmentationRequest");
  const initSegmentation = given(flags, "initSegmentation");
  const outputDirectory = given(flags, "outputDirectory");
  const inferencePath = given(flags, "inferenceRequest");
  const inference = parseInferenceRequest(await readText(inferencePath), `"${inferencePath}"`);
  const options = { ...flags, inference, initSegmentation, outputDirectory };
  // Everything is checked before the search, which may take long.
  buildRequest([], options);
  await using labels = await open(initSegmentation);
  const box = flags.boundingBox === undefined
    ? wholeBox(labels)
    : parseBoundingBox(await readText(flags.boundingBox), `"${flags.boundingBox}"`);
  const { pairs, objects } = flags.detector === "pairs"
    ? await searchPairs(labels, box, flags.maxDistance, context)
    : await searchDecisionPoints(labels, box, flags.maxDistance);
  await writeResegmentationRequest(target, buildRequest(pairs, options));
  context.print(
    `"${target}": ${pairs.length} pairs among ${objects} objects, of ${
      objects * (objects - 1) / 2
    } possible ones`,
  );
}

async function searchPairs(
  labels: Volume,
  box: Box,
  maxDistance: number,
  context: Context,
): Promise<CandidatePairs> {
  using progress = showProgress(context, "looking for pairs");
  return await findPairs(labels, box, maxDistance, {
    signal: context.signal,
    onBucket: (boxes, all) => progress.update({ fraction: boxes / all, counts: { boxes } }),
  });
}

async function searchDecisionPoints(
  labels: Volume,
  box: Box,
  maxDistance: number,
): Promise<CandidatePairs> {
  if (volumeOf(box.size) > MAX_DECISION_VOXELS) {
    throw new RangeError(
      `Cannot look for decision points in ${
        describeBox(box)
      }: at most ${MAX_DECISION_VOXELS} voxels ` +
        "fit at once, give a smaller --bounding-box or take --detector pairs",
    );
  }
  const data = await labels.read(box);
  const edges = labels.voxelSizeNm ?? [1, 1, 1];
  const shortest = Math.min(...edges);
  const voxelSize = mapZyx((edge) => edge / shortest, edges);
  const found = await findDecisionPoints(data, box.size, { voxelSize, maxDistance });
  const pairs = found.map((pair) => ({ ...pair, position: addZyx(pair.position, box.start) }));
  return { pairs, objects: distinctLabels(data).ids.length - 1 };
}

async function runPointsStep(flags: ResegmentationFlags, context: Context): Promise<void> {
  const message = await readResegmentationRequest(given(flags, "resegmentationRequest"));
  const request = resolveResegmentation(message);
  const { rank, nworkers } = flags;
  const points = shareOf(request.points.length, rank, nworkers).map((i) => request.points[i]);
  await using inference = await openInference(request.inference, {
    name: flags.backend,
    threads: flags.threads,
    kernelProcess: flags.kernelProcess,
    onRestart: context.note,
  });
  await using volumes = await openRunnerVolumes(request.inference);
  const wanted = flags.nthreads || request.inference.concurrentRequests;
  const concurrency = wanted > 0 ? wanted : points.length;
  context.note(`${points.length} points on ${inference.backendDescription}`);
  using progress = showProgress(context, "growing");
  const counts = await runPoints(request, points, { volumes, executor: inference.executor }, {
    concurrency,
    signal: context.signal,
    onPoint({ done, before, skipped }, steps) {
      const all = done + before + skipped;
      progress.update({
        fraction: all / points.length,
        counts: { points: all, "FOV steps": steps },
      });
    },
  });
  context.print(
    `"${request.outputDirectory}": ${counts.done} points done, ${counts.before} were there, ` +
      `${counts.skipped} left out (a .skipped.txt file says why)`,
  );
}

async function analyseStep(flags: ResegmentationFlags, context: Context): Promise<void> {
  const target = given(flags, "affinitiesNpy");
  if (!target.endsWith(".npy")) {
    throw new UsageError(`Cannot write affinities to "${target}": it must end in .npy`);
  }
  if (await Deno.stat(target).catch(() => null)) {
    throw new RangeError(`Cannot write affinities to "${target}": it exists, remove it first`);
  }
  if (flags.annotations !== undefined) await assertNoAnnotations(flags.annotations);
  const message = await readResegmentationRequest(given(flags, "resegmentationRequest"));
  const request = resolveResegmentation(message);
  await using labels = await open(request.inference.initSegmentation!);
  using progress = showProgress(context, "judging");
  const { evaluations, unjudged } = await analysePoints(request, labels, {
    signal: context.signal,
    onPoint(points) {
      progress.update({ fraction: points / request.points.length, counts: { points } });
    },
  });
  for (const { point, reason } of context.verbosity === "verbose" ? unjudged : []) {
    context.note(`${point.idA}-${point.idB ?? 0} at zyx (${point.position.join(", ")}): ${reason}`);
  }
  if (flags.annotations !== undefined) {
    const points = evaluations.map(({ position, idA, idB, iou }) => ({
      ...{
        position: addZyx(position, labels.offset ?? [0, 0, 0]),
        objects: [idA, idB],
        score: iou,
      },
    }));
    const { voxelSizeNm = [1, 1, 1] } = labels;
    await writePointAnnotations(flags.annotations, points, { voxelSizeNm, signal: context.signal });
  }
  const files = await writeAffinities(target, evaluations);
  if (flags.annotations !== undefined) files.push(flags.annotations);
  context.print(
    `${evaluations.length} pairs judged, ${unjudged.length} left out (--verbose says why): ${
      files.map((file) => `"${file}"`).join(", ")
    }`,
  );
}

type TextFlag =
  | "resegmentationRequest"
  | "inferenceRequest"
  | "initSegmentation"
  | "outputDirectory"
  | "affinitiesNpy";

/** @throws {UsageError} when the flag that a step needs is not there. */
function given(flags: ResegmentationFlags, name: TextFlag): string {
  const value = flags[name];
  if (value) return value;
  const flag = `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
  throw new UsageError(`Cannot run this step without ${flag}`);
}

async function readText(path: string): Promise<string> {
  return await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${path}": no such file`);
  });
}
