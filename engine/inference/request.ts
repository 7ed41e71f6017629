import { UnsupportedError } from "../errors/errors.ts";
import {
  type InferenceOptionsMessage,
  InferenceOptionsSchema,
  type InferenceRequestMessage,
} from "../formats/protobuf/inference.ts";
import type { DecoratedVolume, MaskConfig } from "../formats/protobuf/masks.ts";
import { zyxOf } from "../formats/protobuf/requests.ts";
import { fieldValue } from "../formats/protobuf/schema.ts";
import { equalZyx } from "../geometry/vectors.ts";
import type { Model } from "../models/model.ts";
import { createModel } from "../models/registry.ts";
import { volumeName } from "../volumes/open.ts";
import { type CanvasOptions, resolveThresholds } from "./canvas_options.ts";
import { createMovementPolicy } from "./movement_policy.ts";
import {
  atLeast,
  concurrencyOf,
  fieldOf,
  finite,
  jsonOf,
  masksOf,
  probability,
  requiredFields,
  shiftMaskOf,
  type ShiftMaskRequest,
} from "./request_fields.ts";
import { checkSeedPolicy } from "./seed_policies/create_seed_policy.ts";

/** A class by name and its constructor arguments. */
export interface NamedArguments {
  /** Name of the class. */
  readonly name: string;
  /** As parsed from JSON. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** An inference request that was checked, with every default filled in. Paths are as written. */
export interface InferenceRequest {
  /** As it was read; results store it. */
  readonly message: InferenceRequestMessage;
  /** Source of the raw image. */
  readonly image: DecoratedVolume;
  /** The image is normalised as (raw - `imageMean`) / `imageStddev`. */
  readonly imageMean: number;
  /** Above 0. */
  readonly imageStddev: number;
  /** npz that holds `lut`; null for no histogram matching. */
  readonly referenceHistogram: string | null;
  /** Voxels that do not count for the histogram. */
  readonly histogramMasks: readonly MaskConfig[];
  /** No field of view may be centred there. */
  readonly masks: readonly MaskConfig[];
  /** No object may start there. */
  readonly seedMasks: readonly MaskConfig[];
  /** Null for none. */
  readonly shiftMask: ShiftMaskRequest | null;
  /** With the sizes that the arguments give. */
  readonly model: Model;
  /** Prefix of the checkpoint's files. */
  readonly modelCheckpointPath: string;
  /** An empty name is `FaceMaxMovementPolicy`. */
  readonly movementPolicy: NamedArguments;
  /** Checked by name and arguments. */
  readonly seedPolicy: NamedArguments;
  /** How objects are grown and accepted. */
  readonly options: Required<CanvasOptions>;
  /** Folder for the results. */
  readonly segmentationOutputDir: string;
  /** 0 for no checkpoints. */
  readonly checkpointIntervalSec: number;
  /** Labels that the canvas starts from. */
  readonly initSegmentation: DecoratedVolume | null;
  /** Also stores the normalised image of each subvolume. */
  readonly saveRaw: boolean;
  /** Fields of view that the network takes at once. */
  readonly batchSize: number;
  /** Subvolumes that are worked on at the same time; below 0 for all of them. */
  readonly concurrentRequests: number;
}

/**
 * Checks a request as far as that is possible without opening a file, and fills in the defaults.
 *
 * @throws {RangeError | TypeError | SyntaxError | NotFoundError | UnsupportedError} naming the field, its value, what is
 * allowed and the fix.
 */
export function resolveRequest(message: InferenceRequestMessage): InferenceRequest {
  const required = requiredFields(message);
  const model = createModel(required.modelName, jsonOf("model_args", message.modelArgs));
  const options = optionsOf(message.inferenceOptions ?? {}, model);
  const seedPolicy = {
    name: required.seedPolicy,
    args: jsonOf("seed_policy_args", message.seedPolicyArgs),
  };
  checkSeedPolicy(seedPolicy.name, seedPolicy.args);
  const movementPolicy = {
    name: message.movementPolicyName ?? "",
    args: jsonOf("movement_policy_args", message.movementPolicyArgs),
  };
  checkMovementPolicy(movementPolicy, model, options);
  const alignment = message.alignmentOptions?.type ?? "NO_ALIGNMENT";
  if (alignment !== "NO_ALIGNMENT") {
    throw new UnsupportedError(
      `Cannot run the request: alignment_options.type must be NO_ALIGNMENT, current is ${alignment}`,
    );
  }
  if (message.selfPrediction !== undefined) {
    throw new UnsupportedError(
      `Cannot run the request: self_prediction needs an output that "${model.name}" does not have; ` +
        "remove the field",
    );
  }
  if (message.initSegmentation !== undefined) volumeName(message.initSegmentation);
  return {
    message,
    image: required.image,
    imageMean: finite("image_mean", fieldOf(message, "imageMean")),
    imageStddev: atLeast("image_stddev", fieldOf(message, "imageStddev"), Number.MIN_VALUE, 33),
    referenceHistogram: message.referenceHistogram || null,
    histogramMasks: masksOf("histogram_masks", message.histogramMasks),
    masks: masksOf("masks", message.masks),
    seedMasks: masksOf("seed_masks", message.seedMasks),
    shiftMask: shiftMaskOf(message),
    model,
    modelCheckpointPath: required.modelCheckpointPath,
    movementPolicy,
    seedPolicy,
    options,
    segmentationOutputDir: required.segmentationOutputDir,
    checkpointIntervalSec: Math.max(0, fieldOf(message, "checkpointInterval")),
    initSegmentation: message.initSegmentation ?? null,
    saveRaw: message.alignmentOptions?.saveRaw ?? false,
    batchSize: atLeast("batch_size", fieldOf(message, "batchSize"), 1, 1),
    concurrentRequests: concurrencyOf(message),
  };
}

function optionsOf(message: InferenceOptionsMessage, model: Model): Required<CanvasOptions> {
  const value = <K extends keyof InferenceOptionsMessage>(member: K) =>
    fieldValue(InferenceOptionsSchema, message, member);
  const options: Required<CanvasOptions> = {
    initActivation: probability("init_activation", message.initActivation, 0.95),
    padValue: probability("pad_value", message.padValue, 0.05),
    moveThreshold: probability("move_threshold", message.moveThreshold, 0.9),
    segmentThreshold: probability("segment_threshold", message.segmentThreshold, 0.6),
    minSegmentSize: atLeast("inference_options.min_segment_size", value("minSegmentSize"), 0, 1000),
    minBoundaryDist: zyxOf(value("minBoundaryDist"), "inference_options.min_boundary_dist"),
    discoSeedThreshold: finite(
      "inference_options.disco_seed_threshold",
      value("discoSeedThreshold"),
    ),
    consistencyThreshold: finite(
      "inference_options.consistency_threshold",
      value("consistencyThreshold"),
    ),
  };
  const { minBoundaryDist, consistencyThreshold } = options;
  const axis = minBoundaryDist.findIndex((n) => n < 0);
  if (axis >= 0) {
    throw new RangeError(
      `Cannot run the request: inference_options.min_boundary_dist must be at least 0 on every axis, ` +
        `current ${"zyx"[axis]} is ${minBoundaryDist[axis]}`,
    );
  }
  if (consistencyThreshold > 0 && !equalZyx(model.predSize, model.seedSize)) {
    throw new RangeError(
      `Cannot run the request: inference_options.consistency_threshold needs a model that predicts ` +
        `its whole seed, "${model.name}" predicts (${model.predSize.join(", ")}) of (${
          model.seedSize.join(", ")
        }) (zyx); remove the field`,
    );
  }
  return options;
}

function checkMovementPolicy(
  { name, args }: NamedArguments,
  { predSize, deltas }: Model,
  options: CanvasOptions,
): void {
  // A canvas of one voxel: only the arguments are looked at.
  const scoreThreshold = resolveThresholds(options).score;
  const context = { canvasSize: [1, 1, 1] as const, predSize, deltas, scoreThreshold };
  createMovementPolicy(name, args, { ...context, isValidPosition: () => false });
}
