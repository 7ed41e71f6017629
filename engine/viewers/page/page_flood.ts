import { UnsupportedError } from "../../errors/errors.ts";
import type { Box } from "../../geometry/box.ts";
import type { Canvas } from "../../inference/canvas.ts";
import { HostCanvas } from "../../inference/host_canvas.ts";
import type { InferenceRequest } from "../../inference/request.ts";
import { normaliseImage, readSubvolume } from "../../inference/subvolume_image.ts";
import { checkCheckpointFits } from "../../models/checkpoint_fit.ts";
import type { Checkpoint } from "../../volumes/checkpoint_file.ts";
import { type Volume, wholeBox } from "../../volumes/volume.ts";
import { openPageNetwork } from "./flood_network.ts";

/** What objects are grown in, and how. */
export interface PageFloodOptions {
  /** Model, thresholds, movement policy and grey values are taken from it; the files that it names are not read. */
  readonly request: InferenceRequest;
  /** The image. */
  readonly image: Volume;
  /** The network's variables. */
  readonly checkpoint: Checkpoint;
  /** The part of the image that is read, and kept in memory; all of it unless given. */
  readonly box?: Box;
  /** `auto`, the default, takes a GPU that is none of software, else threads of the CPU. */
  readonly backend?: "auto" | "webgpu" | "wasm";
}

/** Objects can be grown; disposing it gives memory, threads and GPU back. */
export interface PageFlood extends AsyncDisposable {
  /** Grows objects; its positions count from the corner of `box`. */
  readonly canvas: Canvas;
  /** Of the image. */
  readonly box: Box;
  /** Where the network runs, in one line. */
  readonly backendDescription: string;
  /** What could not be had, a line each. */
  readonly notes: readonly string[];
}

/**
 * Opens what growing objects in a web page needs: the same canvas as under `ffn run-inference`, on the browser's WebGPU or
 * on threads, which take shared memory: the page must be cross-origin isolated.
 *
 * @throws {UnsupportedError} when the request wants preparations that need its files, or neither WebGPU nor shared memory
 * is there; `RangeError` when checkpoint and model, or image and box, do not fit.
 */
export async function openPageFlood(options: PageFloodOptions): Promise<PageFlood> {
  const { request, image, checkpoint, box = wholeBox(image), backend = "auto" } = options;
  const { model, options: canvasOptions, movementPolicy } = request;
  refusePreparations(request);
  checkCheckpointFits(model, checkpoint.prefix, checkpoint.variables);
  const raw = await readSubvolume(image, box);
  await using opened = new AsyncDisposableStack();
  const network = opened.use(await openPageNetwork(model, checkpoint, backend));
  const canvas = new HostCanvas({
    image: normaliseImage(raw, request.imageMean, request.imageStddev),
    size: box.size,
    predictor: network.predictor,
    options: canvasOptions,
    movementPolicy,
    keepHistory: true,
  });
  const owned = opened.move();
  return {
    canvas,
    box,
    backendDescription: network.description,
    notes: network.notes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** @throws {UnsupportedError} naming what a page cannot prepare. */
function refusePreparations(request: InferenceRequest): void {
  const { masks, seedMasks, shiftMask, referenceHistogram, initSegmentation } = request;
  const found = Object.entries({
    masks: masks.length > 0,
    seed_masks: seedMasks.length > 0,
    shift_mask: shiftMask !== null,
    reference_histogram: referenceHistogram !== null,
    init_segmentation: initSegmentation !== null,
  }).filter(([, isThere]) => isThere).map(([name]) => name);
  if (found.length === 0) return;
  throw new UnsupportedError(
    `Cannot grow objects in a page with this request: it has ${
      found.join(", ")
    }, which read further files; remove them, or use ffn view`,
  );
}
