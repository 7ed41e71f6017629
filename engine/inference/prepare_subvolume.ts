import type { TypedArray } from "../formats/nd_array.ts";
import { alignAndCrop } from "../geometry/alignment.ts";
import { type Box, intersect } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { buildMask } from "../volumes/masks.ts";
import { wholeBox } from "../volumes/volume.ts";
import type { Counters } from "./counters.ts";
import { matchHistogram } from "./histogram_matching.ts";
import type { InferenceRequest } from "./request.ts";
import { defaultShiftFov, MovementRestrictor, readShiftMask } from "./restrictor.ts";
import type { RunnerVolumes } from "./runner_volumes.ts";
import { clipToVolume, normaliseImage, readSubvolume } from "./subvolume_image.ts";

/** What the canvas of a subvolume starts from. */
export interface PreparedSubvolume {
  /** Normalised image `[z, y, x]`; raw 0 outside of the volume. */
  readonly image: Float32Array;
  readonly restrictor: MovementRestrictor;
  /** Labels `[z, y, x]` that are there already; null without. */
  readonly labels: TypedArray | null;
  /** Why nothing can be segmented; null where it can. */
  readonly emptyBecause: string | null;
}

/**
 * Reads image, masks and labels of a box, which may reach out of the volume.
 *
 * @param counters Those of the subvolume; `shared` those of the runner.
 */
export async function prepareSubvolume(
  request: InferenceRequest,
  volumes: RunnerVolumes,
  box: Box,
  counters: Counters,
  shared: Counters,
): Promise<PreparedSubvolume> {
  let raw = await counters.time("load-image", () => readSubvolume(volumes.image, box));
  const restrictor = await readRestrictor(request, volumes, box, raw, shared);
  const nothing = { image: new Float32Array(), restrictor, labels: null };
  if (restrictor.excludesEverything) return { ...nothing, emptyBecause: "it is masked entirely" };
  if (volumes.lut !== null) {
    // A copy, because volumes in memory hand out their own arrays.
    raw = raw.slice();
    const flat = await match(request, volumes, box, raw as Uint8Array, volumes.lut);
    if (flat !== null) return { ...nothing, emptyBecause: flat };
  }
  return {
    image: normaliseImage(raw, request.imageMean, request.imageStddev),
    restrictor,
    labels: await readLabels(volumes, box),
    emptyBecause: null,
  };
}

async function readRestrictor(
  request: InferenceRequest,
  volumes: RunnerVolumes,
  box: Box,
  raw: TypedArray,
  counters: Counters,
): Promise<MovementRestrictor> {
  const sources = { image: raw, openVolume: volumes.openMaskVolume };
  const { masks, seedMasks, shiftMask, model } = request;
  const mask = masks.length === 0
    ? null
    : await counters.time("load-mask", () => buildMask(masks, box, sources));
  const seedMask = seedMasks.length === 0
    ? null
    : await counters.time("load-seed-mask", () => buildMask(seedMasks, box, sources));
  const shifts = shiftMask && volumes.shiftMask;
  const shift = shifts && await counters.time("load-shift-mask", () =>
    readShiftMask(shifts, box, {
      scale: shiftMask.scale,
      threshold: shiftMask.threshold,
      fov: shiftMask.fov ?? defaultShiftFov(model.imageSize),
    }));
  return new MovementRestrictor(box.size, { mask, seedMask, shiftMask: shift });
}

/** Matches the histogram in place; says why where the image does not allow it. */
async function match(
  { histogramMasks }: InferenceRequest,
  { openMaskVolume }: RunnerVolumes,
  box: Box,
  raw: Uint8Array,
  lut: Uint8Array,
): Promise<string | null> {
  const mask = await buildMask(histogramMasks, box, { image: raw, openVolume: openMaskVolume });
  try {
    matchHistogram(raw, box.size, lut, mask);
    return null;
  } catch (error) {
    // As in the reference, an image too small or too flat for its tiles is skipped, not an error.
    if (error instanceof RangeError) return `its histogram cannot be matched: ${error.message}`;
    throw error;
  }
}

/** Labels over the part of the box that is inside the image; 0 elsewhere. */
async function readLabels(volumes: RunnerVolumes, box: Box): Promise<TypedArray | null> {
  const { initSegmentation: volume, image } = volumes;
  if (volume === null) return null;
  const part = intersect(clipToVolume(box, image), wholeBox(volume));
  if (part === null) return new Uint8Array(volumeOf(box.size));
  return alignAndCrop(await volume.read(part) as Uint8Array, part, box) as TypedArray;
}
