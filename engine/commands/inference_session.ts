/** One run of `ffn run-inference`, from its texts to its files. */
import { join } from "node:path";
import type { BackendName, KernelProcessMode } from "../backends/open_backend.ts";
import { NotFoundError, UsageError } from "../errors/errors.ts";
import {
  InferenceOptionsSchema,
  type InferenceRequestMessage,
} from "../formats/protobuf/inference.ts";
import { parseBoundingBox, parseInferenceRequest } from "../formats/protobuf/requests.ts";
import { parseText } from "../formats/protobuf/text_reader.ts";
import { type Box, describeBox } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { type InferenceRequest, resolveRequest } from "../inference/request.ts";
import type { ProgressReport } from "../inference/run_control.ts";
import type { Runner, SeenSubvolume, SubvolumeResult } from "../inference/runner.ts";
import { resolveThresholds } from "../inference/canvas_options.ts";
import { withInference } from "../inference/with_inference.ts";
import { findSubvolumeFile } from "../segmentation/subvolume_paths.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { volumeName } from "../volumes/open.ts";
import type { Context } from "./command.ts";
import { LiveInference } from "./live_inference.ts";
import { duration, type ProgressState, short, showProgress } from "./progress.ts";
import { startLive } from "./start_live.ts";
import { writePreview } from "./write_preview.ts";

/** The flags of the command. */
export interface InferenceFlags {
  readonly request?: string;
  readonly inferenceRequest?: string;
  readonly inferenceOptions?: string;
  readonly boundingBox?: string;
  readonly preview: boolean;
  /** Port of the page that shows the run; none unless given. */
  readonly live?: number;
  readonly threads?: number;
  readonly backend: BackendName;
  readonly kernelProcess: KernelProcessMode;
}

/** Segments what the flags ask for; an interrupted run leaves a checkpoint from which the same command goes on. */
export async function runInference(flags: InferenceFlags, context: Context): Promise<void> {
  const message = await readRequest(flags);
  const given = flags.boundingBox === undefined
    ? null
    : onCommandLine(() => parseBoundingBox(flags.boundingBox!, "--bounding-box"));
  if (flags.inferenceOptions !== undefined) {
    const text = flags.inferenceOptions;
    onCommandLine(() => parseText(InferenceOptionsSchema, text, "--inference-options"));
    context.note("--inference-options has no effect: the options of the request count");
  }
  const request = resolveRequest(message);
  const live = flags.live === undefined ? null : new LiveInference(
    `Segmenting "${volumeName(request.image)}"`,
    resolveThresholds(request.options).segment,
  );
  await using _page = live && startLive(flags.live!, live, context);
  const options = {
    name: flags.backend,
    threads: flags.threads,
    kernelProcess: flags.kernelProcess,
    onChoice: context.note,
    onRestart: context.note,
  };
  const box = await withInference(request, options, async (inference) => {
    const { runner } = inference;
    const box = given ?? inference.imageBox;
    runner.checkBox(box);
    context.note(`Segmenting ${describeBox(box)} of "${volumeName(request.image)}"`);
    context.note(`Network: ${request.model.name} on ${inference.backendDescription}`);
    const startedMs = performance.now();
    const result = await watch(runner, box, live, context);
    await writeCounters(runner);
    context.print(describeResult(result, box, performance.now() - startedMs, request));
    return box;
  });
  if (flags.preview) context.print(`preview: ${await writePreview(request, box)}`);
}

async function readRequest(
  { request, inferenceRequest }: InferenceFlags,
): Promise<InferenceRequestMessage> {
  if ((request === undefined) === (inferenceRequest === undefined)) {
    throw new UsageError(
      "Cannot run without exactly one request: give --request FILE.pbtxt or --inference-request TEXT",
    );
  }
  if (inferenceRequest !== undefined) {
    return onCommandLine(() => parseInferenceRequest(inferenceRequest, "--inference-request"));
  }
  const text = await Deno.readTextFile(request!).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open request "${request}": no such file`);
  });
  return parseInferenceRequest(text, `"${request}"`);
}

/** Text that stands on the command line and does not parse is a usage error. */
function onCommandLine<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

/** Runs one box under a progress display; says where an interrupted run can go on. */
async function watch(
  runner: Runner,
  box: Box,
  live: LiveInference | null,
  context: Context,
): Promise<SubvolumeResult | null> {
  const { segmentationOutputDir: dir } = runner.request;
  const checkpoint = () => findSubvolumeFile(dir, box.start, "cpoint");
  const resumed = await checkpoint();
  if (resumed !== null) context.note(`Going on from "${resumed}"`);
  try {
    using display = showProgress(context, "segmenting");
    const report = (state: ProgressReport) => {
      display.update(progressOf(state));
      live?.report(state);
    };
    live?.say(`Segmenting ${describeBox(box)}`);
    return await runner.run(box, {
      ...{ signal: context.signal, progress: { report } },
      ...live && {
        log: (line: string) => live.log(line),
        look: (subvolume: SeenSubvolume) => live.look(subvolume),
      },
    });
  } catch (error) {
    const saved = context.signal.aborted ? await checkpoint() : null;
    if (saved !== null) context.note(`Saved "${saved}"; the same command goes on from there`);
    throw error;
  }
}

export function progressOf(report: ProgressReport): ProgressState {
  const { seedsDone, seedsTotal, steps, voxelsSegmented } = report;
  return {
    fraction: seedsTotal ? seedsDone / seedsTotal : 0,
    counts: { voxels: voxelsSegmented, "FOV steps": steps },
  };
}

/** `counters.txt` of the output folder, as the reference leaves it: written once. */
async function writeCounters(runner: Runner): Promise<void> {
  const path = join(runner.request.segmentationOutputDir, "counters.txt");
  const exists = await Deno.stat(path).then(() => true, () => false);
  if (exists) return;
  await writeFileAtomically(path, new TextEncoder().encode(runner.counters.toText()));
}

function describeResult(
  result: SubvolumeResult | null,
  box: Box,
  elapsedMs: number,
  { segmentationOutputDir }: InferenceRequest,
): string {
  if (result === null) {
    return `${describeBox(box)} was segmented before: nothing to do in "${segmentationOutputDir}"`;
  }
  if (result.emptyBecause !== null) return `${result.path}: no objects, ${result.emptyBecause}`;
  const voxels = result.counters.get("voxels-segmented");
  const steps = result.counters.get("update_at-calls");
  const perSecond = (count: number) => short(count / (elapsedMs / 1000));
  return [
    `${result.path}: ${result.origins.size} objects`,
    `${voxels} of ${volumeOf(box.size)} voxels`,
    `${steps} FOV steps`,
    `${duration(elapsedMs)} (${perSecond(voxels)} voxels/s, ${perSecond(steps)} FOV steps/s)`,
  ].join(", ");
}
