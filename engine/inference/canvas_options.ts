import type { Zyx } from "../geometry/vectors.ts";
import { logit, logit32 } from "./logit.ts";

/** How objects are grown and accepted; probabilities and voxels, as a request gives them. */
export interface CanvasOptions {
  /** Probability put at the seed voxel. */
  readonly initActivation: number;
  /** Probability that the network is shown for voxels that were never visited. */
  readonly padValue: number;
  /** Probability that the centre of a field of view must have. */
  readonly moveThreshold: number;
  /** Probability from which a voxel belongs to the object. */
  readonly segmentThreshold: number;
  /** Objects with fewer voxels are dropped; 0 unless given. */
  readonly minSegmentSize?: number;
  /** Seeds need this many voxels of clearance from earlier objects; [0, 0, 0] unless given. */
  readonly minBoundaryDist?: Zyx;
  /**
   * Fraction of a prediction that must be above `moveThreshold` before voxels below probability 0.5 are kept from rising.
   * 0 unless given, which turns the rule on; negative turns it off.
   */
  readonly discoSeedThreshold?: number;
  /** Predict again until the mean change of probability falls below this; 0 or less, the default, predicts once. */
  readonly consistencyThreshold?: number;
}

/** The options as a canvas compares with them: logits in float32. */
export interface CanvasThresholds {
  readonly init: number;
  readonly pad: number;
  readonly move: number;
  readonly segment: number;
  /** Logit of `moveThreshold` in float64, unrounded: face maxima are compared with this one. */
  readonly score: number;
  readonly minSegmentSize: number;
  readonly minBoundaryDist: Zyx;
  readonly disco: number;
  readonly consistency: number;
}

/**
 * Checks options and turns probabilities into logits.
 *
 * @throws {RangeError} when a probability is not strictly between 0 and 1, or a size is not an integer >= 0.
 */
export function resolveThresholds(options: CanvasOptions): CanvasThresholds {
  const minSegmentSize = options.minSegmentSize ?? 0;
  const minBoundaryDist = options.minBoundaryDist ?? [0, 0, 0];
  for (
    const [name, prob] of [
      ["init_activation", options.initActivation],
      ["pad_value", options.padValue],
      ["move_threshold", options.moveThreshold],
      ["segment_threshold", options.segmentThreshold],
    ] as const
  ) {
    if (!(prob > 0 && prob < 1)) {
      throw new RangeError(
        `Cannot segment with ${name} ${prob}: a probability strictly between 0 and 1 is wanted`,
      );
    }
  }
  if (!Number.isInteger(minSegmentSize) || minSegmentSize < 0) {
    throw new RangeError(`Cannot segment with min_segment_size ${minSegmentSize}: must be >= 0`);
  }
  if (minBoundaryDist.some((d) => !Number.isInteger(d) || d < 0)) {
    throw new RangeError(
      `Cannot segment with min_boundary_dist (${minBoundaryDist.join(", ")}) (zyx): must be >= 0`,
    );
  }
  return {
    init: logit32(options.initActivation),
    pad: logit32(options.padValue),
    move: logit32(options.moveThreshold),
    segment: logit32(options.segmentThreshold),
    score: logit(Math.fround(options.moveThreshold)),
    minSegmentSize,
    minBoundaryDist,
    disco: options.discoSeedThreshold ?? 0,
    consistency: options.consistencyThreshold ?? 0,
  };
}
