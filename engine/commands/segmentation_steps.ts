import { basename, join, resolve } from "node:path";
import { UsageError } from "../errors/errors.ts";
import { parseInferenceRequest, printInferenceRequest } from "../formats/protobuf/requests.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { readMapping } from "../resegmentation/mapping_file.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { createVolume } from "../volumes/create.ts";
import { mappedLabels } from "../volumes/mapped_labels.ts";
import type { NewVolume } from "../volumes/new_volume.ts";
import { open } from "../volumes/open.ts";
import { refuseFailures, runArray } from "./batch_array.ts";
import { runBatchInference } from "./batch_session.ts";
import type { Context } from "./command.ts";
import { runConsensus } from "./consensus_volume.ts";
import { copyLevels } from "./convert_volume.ts";
import { runAutomerge } from "./merge_supervoxels.ts";
import { readBox } from "./read_request.ts";
import { runStep } from "./resegmentation_steps.ts";
import { readSegmentationConfig, type SegmentationConfig } from "./segmentation_config.ts";
import { siteOf } from "./slurm_site.ts";

/** One step; it can be run again after it was stopped anywhere. */
interface Step {
  readonly name: string;
  /** What its result depends on, beside the steps before. */
  readonly settings: unknown;
  run(): Promise<void>;
}

/**
 * Runs every step that is not done yet. What a step has done is in its own files; that it is done, and with which
 * settings, is in `steps/NAME.json` of the output folder.
 *
 * @throws {UsageError} when a step was done with other settings.
 */
export async function segmentVolume(path: string, context: Context): Promise<void> {
  const config = await readSegmentationConfig(path);
  const steps = await stepsOf(config, context);
  const marks = await Promise.all(steps.map((step) => readMark(config, step)));
  for (const [i, step] of steps.entries()) {
    if (marks[i] !== null) continue;
    context.signal.throwIfAborted();
    context.note(`step ${i + 1} of ${steps.length}: ${step.name}`);
    await step.run();
    const text = new TextEncoder().encode(JSON.stringify(step.settings));
    await writeFileAtomically(markPath(config, step.name), text);
  }
  context.print(`"${config.output}": ${steps.length} steps done`);
}

function markPath({ output }: SegmentationConfig, step: string): string {
  return join(output, "steps", `${step}.json`);
}

/** The settings that a step was done with; null where it is not done. */
async function readMark(config: SegmentationConfig, step: Step): Promise<string | null> {
  const path = markPath(config, step.name);
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (text === null || text === JSON.stringify(step.settings)) return text;
  throw new UsageError(
    `Cannot go on in "${config.output}": step ${step.name} was done with other settings, stored in ` +
      `"${path}"; choose another output, or remove this file and those of the steps after it`,
  );
}

async function stepsOf(config: SegmentationConfig, context: Context): Promise<Step[]> {
  const { inference, consensus, resegmentation, exports } = config;
  const labels = `${join(config.output, "consensus.h5")}:${consensus.dset}`;
  const dirs = await Promise.all(inference.inferenceRequests!.map(outputOf));
  const start: Zyx = inference.boundingBox === undefined
    ? [0, 0, 0]
    : (await readBox(inference.boundingBox)).start;
  if (resegmentation !== null && start.some((n) => n !== 0)) {
    throw new UsageError(
      `Cannot look at pairs again in a box that starts at zyx (${
        start.join(", ")
      }): labels and image must ` +
        "have the same origin; start the box at 0, cut the image before, or leave out resegmentation",
    );
  }
  const { workers: _, gpus: __, gpuEnv: ___, leaseSeconds: ____, ...tiling } = withoutCompute(
    inference,
  );
  return [
    {
      name: "inference",
      settings: tiling,
      run: () => infer(config, dirs[0], context),
    },
    {
      name: "consensus",
      settings: { dirs, ...consensus },
      run: () => makeConsensus(config, dirs, context),
    },
    ...resegmentation === null ? [] : [
      {
        name: "resegmentation",
        settings: withoutCompute(resegmentation),
        run: () => resegment(config, labels, context),
      },
      {
        name: "automerge",
        settings: { threshold: config.mergeThreshold },
        run: () => merge(config, context),
      },
    ],
    ...exports.map((target): Step => ({
      name: `export-${basename(target).replace(/\W/g, "_")}`,
      settings: { target },
      run: () => exportLabels(config, { labels, start }, target, context),
    })),
  ];
}

/** Segments all subvolumes, here or as a job array. */
async function infer(
  { output, inference, slurm }: SegmentationConfig,
  dir: string,
  context: Context,
): Promise<void> {
  if (slurm === null) return await runBatchInference(inference, context);
  const batches = [{ flags: inference, outputDir: resolve(dir) }];
  const site = await siteOf(slurm);
  await runArray({ folder: output, batches, flags: slurm, site }, context);
  await refuseFailures(batches);
}

/** Settings without those that say only how the work is done. */
function withoutCompute<T extends object>(flags: T) {
  const { threads: _, backend: __, kernelProcess: ___, ...rest } = flags as T & {
    threads?: number;
    backend?: string;
    kernelProcess?: string;
  };
  return rest;
}

async function outputOf(requestPath: string): Promise<string> {
  const text = await Deno.readTextFile(requestPath);
  return parseInferenceRequest(text, `"${requestPath}"`).segmentationOutputDir ?? "";
}

async function makeConsensus(
  { output, consensus }: SegmentationConfig,
  dirs: readonly string[],
  context: Context,
): Promise<void> {
  const path = join(output, "consensus.h5");
  // Written as a whole: killed after that, only the mark is missing.
  if (await exists(path)) return;
  await Deno.mkdir(output, { recursive: true });
  await runConsensus(path, dirs, consensus, context);
}

async function resegment(
  { output, resegmentation }: SegmentationConfig,
  labels: string,
  context: Context,
): Promise<void> {
  const flags = {
    ...resegmentation!,
    inferenceRequest: await pointRequest(resegmentation!.inferenceRequest!, output),
    resegmentationRequest: join(output, "resegmentation.pbtxt"),
    initSegmentation: labels,
    outputDirectory: join(output, "points"),
    affinitiesNpy: join(output, "affinities.npy"),
  };
  if (!await exists(flags.resegmentationRequest)) await runStep("build-req", flags, context);
  await runStep("run", flags, context);
  // The last of its files to be written.
  if (!await exists(flags.affinitiesNpy)) await runStep("analyze", flags, context);
}

/** A copy of a request for points: none of its results may lie where those of inference are. */
async function pointRequest(path: string, output: string): Promise<string> {
  const message = parseInferenceRequest(await Deno.readTextFile(path), `"${path}"`);
  const text = printInferenceRequest({ ...message, segmentationOutputDir: join(output, "points") });
  const copy = join(output, "points.pbtxt");
  await writeFileAtomically(copy, new TextEncoder().encode(text));
  return copy;
}

async function merge({ output, mergeThreshold }: SegmentationConfig, context: Context) {
  await runAutomerge({
    affinitiesNpy: join(output, "affinities.npy"),
    mappingsOutput: join(output, "mapping.npz"),
    threshold: mergeThreshold,
    ...{ largeThreshold: 0.9, dryRun: false },
  }, context);
}

/** Copies the labels, merged where that was asked for, into a new volume. */
async function exportLabels(
  { output, resegmentation, consensus }: SegmentationConfig,
  { labels, start }: { labels: string; start: Zyx },
  target: string,
  context: Context,
): Promise<void> {
  await using supervoxels = await open(labels);
  const source = resegmentation === null
    ? supervoxels
    : mappedLabels(supervoxels, await mappingRows(join(output, "mapping.npz")), {
      keepOthers: true,
    });
  const made: NewVolume = {
    shape: source.shape,
    dtype: source.dtype,
    voxelSizeNm: source.voxelSizeNm,
    offset: start,
    type: "segmentation",
  };
  const settings = { labels, merged: resegmentation !== null, consensus };
  await using volume = await createVolume(target, made, { overwrite: true, settings });
  await copyLevels(source, volume, made, context, "exporting");
  await volume.commit();
  context.print(`"${target}": ${made.dtype} [${made.shape.join(", ")}]`);
}

/** `[n, 2]`: supervoxel, body. */
async function mappingRows(path: string) {
  const mapping = [...await readMapping(path)];
  const data = BigUint64Array.from(mapping.flat());
  return { dtype: "uint64", shape: [mapping.length, 2], data } as const;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
