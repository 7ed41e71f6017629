import type { DecoratedVolume } from "../formats/protobuf/masks.ts";
import type { Box } from "../geometry/box.ts";
import { floorDivZyx, type Zyx } from "../geometry/vectors.ts";
import type { Volume } from "../volumes/volume.ts";
import { VolumeCache } from "../volumes/volume_cache.ts";
import { readHistogramLut } from "./histogram_lut.ts";
import type { InferenceRequest } from "./request.ts";
import { clipToVolume } from "./subvolume_image.ts";

/** The open inputs of a request. */
export interface RunnerVolumes extends AsyncDisposable {
  readonly image: Volume;
  readonly initSegmentation: Volume | null;
  readonly shiftMask: Volume | null;
  /** Grey values of a reference, 256 entries; null without histogram matching. */
  readonly lut: Uint8Array | null;
  /** Half of the model's image field of view. */
  readonly margin: Zyx;
  /** Opens a volume that a mask names; it stays open as long as these. */
  openMaskVolume(volume: DecoratedVolume): Promise<Volume>;
  /** @throws {RangeError} when the box does not overlap the image. */
  checkBox(box: Box): void;
}

/**
 * Opens the volumes that a request names, masks included, so that a missing one is reported before any work.
 *
 * @throws the error of whatever does not exist, is damaged or does not fit.
 */
export async function openRunnerVolumes(request: InferenceRequest): Promise<RunnerVolumes> {
  const cache = new VolumeCache();
  try {
    const image = await cache.open(request.image);
    const { initSegmentation, shiftMask } = request;
    const lut = request.referenceHistogram === null
      ? null
      : await readHistogramLut(request.referenceHistogram);
    if (lut !== null && image.dtype !== "uint8") {
      throw new TypeError(
        `Cannot match the histogram of "${image.spec}": it must be uint8, current ${image.dtype}; remove reference_histogram`,
      );
    }
    for (
      const { volume } of [
        ...request.masks,
        ...request.seedMasks,
        ...request.histogramMasks,
      ]
    ) {
      if (volume?.mask !== undefined) await cache.open(volume.mask);
    }
    return {
      image,
      initSegmentation: initSegmentation && await cache.open(initSegmentation),
      shiftMask: shiftMask && await cache.open(shiftMask.volume),
      lut,
      margin: floorDivZyx(request.model.imageSize, 2),
      openMaskVolume: (volume) => cache.open(volume),
      checkBox: (box) => void clipToVolume(box, image),
      [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
    };
  } catch (error) {
    await cache[Symbol.asyncDispose]();
    throw error;
  }
}
