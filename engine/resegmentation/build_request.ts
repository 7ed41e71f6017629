import type { InferenceRequestMessage } from "../formats/protobuf/inference.ts";
import { vector3jOf } from "../formats/protobuf/requests.ts";
import type { ResegmentationRequestMessage } from "../formats/protobuf/resegmentation.ts";
import { floorDivZyx, mapZyx, subZyx, type Zyx } from "../geometry/vectors.ts";
import { resolveRequest } from "../inference/request.ts";
import type { CandidatePair } from "./find_pairs.ts";

/** What a request is made of, beside its pairs. */
export interface RequestOptions {
  /** How points are segmented. */
  readonly inference: InferenceRequestMessage;
  /** `file:dataset` of the labels. */
  readonly initSegmentation: string;
  readonly outputDirectory: string;
  readonly subdirDigits: number;
  readonly maxRetryIters: number;
  readonly segmentRecoveryFraction: number;
  /** Half-size of a subvolume, in voxels on every axis. */
  readonly radius: number;
}

/**
 * The request to look at pairs again. Results are judged where the field of view never reached out of the subvolume.
 *
 * @throws {RangeError} when the radius leaves no room for that.
 */
export function buildRequest(
  pairs: readonly CandidatePair[],
  options: RequestOptions,
): ResegmentationRequestMessage {
  const inference = {
    ...options.inference,
    initSegmentation: { hdf5: options.initSegmentation },
  };
  const { imageSize } = resolveRequest(inference).model;
  const radius: Zyx = [options.radius, options.radius, options.radius];
  // The reference takes away the whole field of view, which throws away results that are as good.
  const analysisRadius = subZyx(radius, floorDivZyx(imageSize, 2));
  if (analysisRadius.some((r) => r < 1)) {
    throw new RangeError(
      `Cannot look at pairs with radius ${options.radius}: it must be above half the field of view, ` +
        `current half zyx is (${mapZyx((n) => Math.floor(n / 2), imageSize).join(", ")})`,
    );
  }
  return {
    inference,
    points: pairs.map(({ idA, idB, position }) => ({ idA, idB, point: vector3jOf(position) })),
    radius: vector3jOf(radius),
    analysisRadius: vector3jOf(analysisRadius),
    outputDirectory: options.outputDirectory,
    subdirDigits: options.subdirDigits,
    maxRetryIters: options.maxRetryIters,
    segmentRecoveryFraction: options.segmentRecoveryFraction,
  };
}
