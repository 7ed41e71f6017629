/** The file that `ffn segment-volume` takes, read and checked before any work. */
import { dirname, resolve } from "node:path";
import { parse } from "npm:yaml@2.9.1";
import type { BackendName } from "../backends/open_backend.ts";
import { BACKEND_NAMES } from "../backends/open_backend.ts";
import { FormatError, NotFoundError } from "../errors/errors.ts";
import type { ArrayFlags } from "./batch_array.ts";
import type { BatchFlags } from "./batch_session.ts";
import { ConfigSection } from "./config_section.ts";
import type { ConsensusOptions } from "./consensus_volume.ts";
import type { ResegmentationFlags } from "./resegmentation_steps.ts";
import type { SiteFlags } from "./slurm_site.ts";

/** What is done, step by step; paths are absolute. */
export interface SegmentationConfig {
  /** Folder for everything but the results of inference, which go where the requests say. */
  readonly output: string;
  readonly inference: BatchFlags;
  /** Inference is done by a job array; null for this machine. */
  readonly slurm: (ArrayFlags & SiteFlags) | null;
  readonly consensus: ConsensusOptions;
  /** Null leaves out resegmentation and merging. */
  readonly resegmentation:
    | Omit<ResegmentationFlags, "resegmentationRequest" | "initSegmentation" | "outputDirectory">
    | null;
  /** Scores above it merge. */
  readonly mergeThreshold: number;
  /** Volumes to write. */
  readonly exports: readonly string[];
}

/**
 * Reads a configuration in YAML or JSON. Relative paths count from the folder of the file.
 *
 * @throws {UsageError} for keys that are unknown and values that do not fit, {@linkcode FormatError} for text that is
 * neither YAML nor JSON.
 */
export async function readSegmentationConfig(path: string): Promise<SegmentationConfig> {
  const text = await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${path}": no such file`);
  });
  let value: unknown;
  try {
    // JSON is YAML.
    value = parse(text);
  } catch (cause) {
    const problem = (cause as Error).message.split("\n")[0];
    throw new FormatError(`Cannot read "${path}": ${problem}`, { path, cause });
  }
  const from = (name: string) => resolve(dirname(path), name);
  const root = new ConfigSection(value, `"${path}"`);
  const compute = computeOf(root.section("compute"));
  const section = root.section("inference");
  const slurm = section.has("slurm") ? slurmOf(section.section("slurm"), from) : null;
  const inference = inferenceOf(section, compute, from);
  const config: SegmentationConfig = {
    output: from(root.text("output")),
    ...{ inference, slurm },
    consensus: consensusOf(root.section("consensus")),
    resegmentation: root.has("resegmentation")
      ? resegmentationOf(root.section("resegmentation"), compute, inference, from)
      : null,
    mergeThreshold: mergeThresholdOf(root.section("automerge")),
    exports: root.has("export") ? root.texts("export").map(from) : [],
  };
  root.refuseOthers();
  return config;
}

interface Compute {
  readonly threads?: number;
  readonly backend: BackendName;
  readonly kernelProcess: "auto" | "on" | "off";
}

function computeOf(section: ConfigSection): Compute {
  const compute = {
    threads: section.integer("threads", undefined, 1),
    backend: section.text("backend", "auto", BACKEND_NAMES) as BackendName,
    kernelProcess: section.text("kernel_process", "auto", ["auto", "on", "off"]) as "auto",
  };
  section.refuseOthers();
  return compute;
}

function inferenceOf(
  section: ConfigSection,
  compute: Compute,
  from: (path: string) => string,
): BatchFlags {
  const flags: BatchFlags = {
    ...compute,
    inferenceRequests: section.texts("requests").map(from),
    boundingBox: section.has("bounding_box")
      ? boxOf(section.text("bounding_box"), from)
      : undefined,
    subvolumeSize: section.triple("subvolume_size", "-1")!,
    subvolumeOverlap: section.triple("subvolume_overlap", "48")!,
    includeSmall: section.flag("include_small"),
    backShift: section.flag("back_shift"),
    ...{ rank: -1, nworkers: -1 },
    workers: section.integer("workers", 1, 1),
    gpus: section.integer("gpus", undefined, 1),
    gpuEnv: section.text("gpu_env", "CUDA_VISIBLE_DEVICES={i} DRI_PRIME={pci}"),
    leaseSeconds: section.number("lease_seconds", 180, 0.1),
    maxAttempts: section.integer("max_attempts", 3, 1),
    ...{ retryFailed: false, leaveLeased: false, advise: false },
  };
  section.refuseOthers();
  return flags;
}

/** The keys are the flags of `ffn run-slurm-inference`. */
function slurmOf(
  section: ConfigSection,
  from: (path: string) => string,
): SegmentationConfig["slurm"] {
  const text = (key: string) => section.has(key) ? section.text(key) : undefined;
  const texts = (key: string) => section.has(key) ? section.texts(key) : undefined;
  const flags = {
    tasks: section.integer("tasks", 1, 1),
    maxRunning: section.integer("max_running", undefined, 1),
    signalSeconds: section.integer("signal_seconds", 120, 1),
    maxResubmits: section.integer("max_resubmits", 3, 0),
    pollSeconds: section.number("poll_seconds", 15, 0.1),
    site: section.has("site") ? from(section.text("site")) : undefined,
    ...{ partition: text("partition"), account: text("account"), qos: text("qos") },
    ...{ constraint: text("constraint"), gres: text("gres"), t: text("time"), mem: text("mem") },
    cpusPerTask: section.integer("cpus_per_task", undefined, 1),
    ...{ sbatch: texts("sbatch"), setup: texts("setup"), program: text("program") },
  };
  section.refuseOthers();
  return flags;
}

/** The text of a box stays, the name of its file becomes absolute. */
function boxOf(text: string, from: (path: string) => string): string {
  return text.includes("{") ? text : from(text);
}

function consensusOf(section: ConfigSection): ConsensusOptions {
  const options: ConsensusOptions = {
    dset: "seg",
    minFfnSize: section.integer("min_ffn_size", 0, 0),
    minOutSize: section.integer("min_out_size", 0, 0),
    mode: section.text("mode", "meet", ["meet", "compat"]) as "meet",
    assembly: section.text("assembly", "reconcile", ["reconcile", "paste"]) as "paste",
    overlapRule: section.text("overlap_rule", "both", ["both", "either"]) as "both",
    keepDisconnected: section.flag("keep_disconnected"),
    voxelSize: section.triple("voxel_size"),
  };
  section.refuseOthers();
  return options;
}

function resegmentationOf(
  section: ConfigSection,
  compute: Compute,
  { inferenceRequests }: BatchFlags,
  from: (path: string) => string,
): SegmentationConfig["resegmentation"] {
  const flags = {
    ...compute,
    inferenceRequest: from(section.text("request", inferenceRequests![0])),
    subdirDigits: 2,
    maxRetryIters: section.integer("max_retry_iters", 1, 1),
    segmentRecoveryFraction: section.number("segment_recovery_fraction", 0.5, 0),
    maxDistance: section.number("max_distance", 2, 1),
    detector: section.text("detector", "pairs", ["pairs", "decision-points"]) as "pairs",
    radius: section.integer("radius", 48, 1),
    ...{ rank: 0, nworkers: 1, nthreads: 0 },
  };
  section.refuseOthers();
  return flags;
}

function mergeThresholdOf(section: ConfigSection): number {
  const threshold = section.number("threshold", 0.8, 0);
  section.refuseOthers();
  return threshold;
}
