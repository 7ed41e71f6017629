import { mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { FovPredictor, PositionRestrictor } from "./canvas.ts";
import type { CanvasOptions } from "./canvas_options.ts";
import type { Counters } from "./counters.ts";
import type { HaltRule } from "./object_map.ts";

/** What a canvas is made of. */
export interface CanvasInput {
  /** Normalised image `[z, y, x]` of `size`. */
  readonly image: Float32Array;
  /** Extent of the subvolume. */
  readonly size: Zyx;
  /** A network, or the client of an executor that several canvases share. */
  readonly predictor: FovPredictor;
  /** How objects are grown and accepted. */
  readonly options: CanvasOptions;
  /** Positions that masks exclude; none unless given. */
  readonly restrictor?: PositionRestrictor;
  /** Where to go next, by name and arguments; `FaceMaxMovementPolicy` unless given. */
  readonly movementPolicy?: {
    readonly name?: string;
    readonly args?: Readonly<Record<string, unknown>>;
  };
  /** When to give an object up early; never unless given. */
  readonly halt?: HaltRule;
  /** Where to count; counters of its own unless given. */
  readonly counters?: Counters;
  /** Keep the positions of the object in progress, and the voxels deleted at each; off unless set. */
  readonly keepHistory?: boolean;
  /** Begin every object with an empty object map; on unless cleared, then objects share one map. */
  readonly resetSeedPerSegment?: boolean;
}

/** Linear voxel indices and labels are 32-bit. */
const MAX_VOXELS = 2 ** 31 - 1;

/**
 * Checks that image, sizes and model of a canvas fit each other.
 *
 * @throws {RangeError} naming what does not fit.
 */
export function checkCanvas(
  { image, size, predictor: { model } }: Pick<CanvasInput, "image" | "size" | "predictor">,
): void {
  if (size.some((n) => !Number.isInteger(n) || n < 1) || volumeOf(size) > MAX_VOXELS) {
    throw new RangeError(
      `Cannot make a canvas of size (${
        size.join(", ")
      }) (zyx): each axis must be at least 1 and the product at most ${MAX_VOXELS}; use smaller subvolumes`,
    );
  }
  if (image.length !== volumeOf(size)) {
    throw new RangeError(
      `Cannot make a canvas of size (${size.join(", ")}) (zyx): the image must have ${
        volumeOf(size)
      } voxels, current number is ${image.length}`,
    );
  }
  const { imageSize, seedSize, predSize } = model;
  const fits = (inner: Zyx, outer: Zyx) =>
    inner.every((n, axis) => Number.isInteger(n) && n >= 1 && n <= outer[axis]);
  if (!fits(seedSize, imageSize) || !fits(predSize, seedSize)) {
    const sizes = [predSize, seedSize, imageSize].map((s) => `(${s.join(", ")})`);
    throw new RangeError(
      `Cannot use model "${model.name}": predicted, seed and image size must not decrease in this order, current sizes are ${
        sizes.join(", ")
      } (zyx)`,
    );
  }
  // The seed and predicted windows start at the centre minus half their size: all lie inside the image window only
  // when their centres agree.
  const lost = mapZyx((a, b) => Math.floor(a / 2) - Math.floor(b / 2), imageSize, seedSize);
  if (lost.some((d, axis) => d + seedSize[axis] > imageSize[axis])) {
    throw new RangeError(
      `Cannot use model "${model.name}": the seed of size (${
        seedSize.join(", ")
      }) does not lie inside the image of size (${
        imageSize.join(", ")
      }) (zyx) when both are centred`,
    );
  }
}
