/** The demo, from a seed to a measured segmentation; every step is one that a user's own data would go through. */
import { join } from "node:path";
import type { BackendOptions } from "../backends/open_backend.ts";
import { UsageError } from "../errors/errors.ts";
import { encodePng } from "../formats/png.ts";
import type { InferenceRequestMessage } from "../formats/protobuf/inference.ts";
import { printInferenceRequest } from "../formats/protobuf/requests.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { openInference } from "../inference/open_inference.ts";
import { resolveRequest } from "../inference/request.ts";
import type { ProgressReport } from "../inference/run_control.ts";
import { copyDemoCheckpoint, DEMO_FOV_RADIUS, DEMO_REQUEST } from "../models/demo/demo_network.ts";
import { splitDisconnectedComponents } from "../segmentation/components.ts";
import { compareLabels, type LabelMetrics } from "../segmentation/metrics.ts";
import { arrayReader, paintLabels, readOrthogonalPlanes } from "../viewers/orthogonal_planes.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { createHdf5 } from "../volumes/hdf5_writer.ts";
import { type SyntheticTissue, syntheticTissue, withFrame } from "../volumes/synthetic_tissue.ts";

/** What a demo is run with. */
export interface DemoOptions {
  /** Gets every file; made where it does not exist. */
  readonly folder: string;
  /** Of the tissue; the network was trained on seeds from 1000. */
  readonly seed: number;
  /** Size of the tissue in voxels, zyx; a frame of half a field of view comes around it. */
  readonly size: Zyx;
  readonly backend?: BackendOptions;
  /** Prefix of another checkpoint of the same network; the embedded one unless given. */
  readonly checkpoint?: string;
  readonly signal?: AbortSignal;
  readonly report?: (report: ProgressReport) => void;
}

/** What came out. */
export interface DemoResult {
  readonly metrics: LabelMetrics;
  /** Fields of view predicted. */
  readonly steps: number;
  /** Time for opening the network and segmenting. */
  readonly segmentingMs: number;
  /** Where the network ran, in one line. */
  readonly backendDescription: string;
  /** The picture: three orthogonal slices, labels over the image. */
  readonly picturePath: string;
  /** Specs for `ffn evaluate`: results and truth. */
  readonly resultsPath: string;
  readonly truthSpec: string;
}

/** First line of the request of a demo, by which its folder is known. */
const MARK = "# Written by ffn demo\n";
const REQUEST_NAME = "request.pbtxt";
const RESULTS_NAME = "results";

/**
 * Makes tissue, segments it with the embedded network as `ffn run-inference` would, and compares it with the truth. The
 * folder holds the volume and its truth, the checkpoint, the request, the results and a picture.
 *
 * @throws {UsageError} when the folder holds other files than those of a demo.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { folder, seed, size, signal, report } = options;
  await clearFolder(folder);
  const tissue = withFrame(syntheticTissue({ size, seed }), DEMO_FOV_RADIUS);
  // A process that leaves the volume and comes back cannot be known to be one.
  const { labels: truth } = await splitDisconnectedComponents(tissue.labels, tissue.size);
  const volumePath = join(folder, "tissue.h5");
  await writeVolume(volumePath, "raw", "uint8", tissue.size, tissue.image);
  await writeVolume(volumePath, "truth", "uint32", tissue.size, truth);
  const message: InferenceRequestMessage = {
    ...DEMO_REQUEST,
    image: { hdf5: `${volumePath}:raw` },
    modelCheckpointPath: options.checkpoint ?? await copyDemoCheckpoint(folder),
    segmentationOutputDir: join(folder, RESULTS_NAME),
  };
  const text = new TextEncoder().encode(MARK + printInferenceRequest(message));
  await writeFileAtomically(join(folder, REQUEST_NAME), text);

  const startedMs = performance.now();
  await using inference = await openInference(resolveRequest(message), options.backend);
  const result = await inference.runner.run(inference.imageBox, {
    signal,
    progress: report && { report },
  });
  const segmentingMs = performance.now() - startedMs;
  // The results folder was emptied above, so the run was not finished before. Marks of rejected seeds are no labels.
  const labels = result!.segmentation.map((label) => Math.max(0, label));
  const picturePath = join(folder, "demo.png");
  await writeFileAtomically(picturePath, await picture(tissue, labels));
  return {
    metrics: compareLabels(labels, truth),
    steps: result!.counters.get("update_at-calls"),
    segmentingMs,
    backendDescription: inference.backendDescription,
    picturePath,
    resultsPath: message.segmentationOutputDir!,
    truthSpec: `${volumePath}:truth`,
  };
}

/** Removes the results of an earlier demo. */
async function clearFolder(folder: string): Promise<void> {
  const names = await Array.fromAsync(Deno.readDir(folder), (entry) => entry.name)
    .catch((error): string[] => {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    });
  if (names.length === 0) return;
  const text = await Deno.readTextFile(join(folder, REQUEST_NAME)).catch(() => "");
  if (!text.startsWith(MARK)) {
    throw new UsageError(
      `Cannot write the demo into "${folder}": it holds other files; name a new folder with --output`,
    );
  }
  for (const name of [RESULTS_NAME, "tissue.h5"]) {
    if (names.includes(name)) await Deno.remove(join(folder, name), { recursive: true });
  }
}

async function writeVolume(
  path: string,
  dataset: string,
  dtype: "uint8" | "uint32",
  size: Zyx,
  data: Uint8Array | Uint32Array,
): Promise<void> {
  await using writer = await createHdf5(path, { dataset, shape: size, dtype });
  await writer.write({ start: [0, 0, 0], size }, data);
  await writer.commit();
}

/** A PNG of labels `[z, y, x]` over the tissue. */
async function picture({ image, size }: SyntheticTissue, labels: Int32Array): Promise<Uint8Array> {
  const cut = (data: Uint8Array | Int32Array) =>
    readOrthogonalPlanes(arrayReader(data, size), { start: [0, 0, 0], size });
  return encodePng({ ...paintLabels(await cut(image), await cut(labels)), channels: 3 });
}
