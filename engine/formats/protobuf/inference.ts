/** `ffn.InferenceRequest` and its options, and the counters that programs report. */
import {
  type DecoratedVolume,
  DecoratedVolumeSchema,
  type MaskConfig,
  MaskConfigSchema,
} from "./masks.ts";
import {
  bool,
  enumeration,
  type EnumType,
  float,
  int32,
  int64,
  message,
  repeated,
  type Schema,
  schema,
  string,
} from "./schema.ts";
import { type BoundingBox, BoundingBoxSchema, type Vector3j, Vector3jSchema } from "./vectors.ts";

/** How a flood starts, moves and ends; thresholds are probabilities. */
export interface InferenceOptionsMessage {
  /** Put at the seed voxel. */
  readonly initActivation?: number;
  /** Fed for voxels that were never visited. */
  readonly padValue?: number;
  /** Needed at the centre of a field of view. */
  readonly moveThreshold?: number;
  /** Above 0, predictions are repeated until their mean change is smaller. */
  readonly consistencyThreshold?: number;
  /** Below 0 the disconnected-seed freeze is off; unset reads as 0 and leaves it on. */
  readonly discoSeedThreshold?: number;
  /** Clearance of a seed from existing objects, xyz. */
  readonly minBoundaryDist?: Vector3j;
  /** From which on a voxel belongs to the object. */
  readonly segmentThreshold?: number;
  /** In voxels. */
  readonly minSegmentSize?: number;
}
/** When to stop a flood, by an extra output of the model. */
export interface SelfPredictionOptions {
  /** Away from the seed. */
  readonly threshold?: number;
  /** At the seed; 1 where unset. */
  readonly origThreshold?: number;
}
/** Names of `ffn.AlignmentOptions.AlignType`. */
export type AlignType = "UNKNOWN_ALIGNMENT" | "NO_ALIGNMENT";
/** `ffn.AlignmentOptions`. */
export interface AlignmentOptions {
  /** `NO_ALIGNMENT` where unset. */
  readonly type?: AlignType;
  /** Also stores the normalised image of the subvolume. */
  readonly saveRaw?: boolean;
}
/** The request as written; `engine/inference/request.ts` checks it and fills the defaults. */
export interface InferenceRequestMessage {
  /** Grey value that becomes 0. */
  readonly imageMean?: number;
  /** Grey values per unit of the normalised image. */
  readonly imageStddev?: number;
  /** npz that holds `lut`, 256 × uint8. */
  readonly referenceHistogram?: string;
  /** No centre of a field of view may lie there. */
  readonly masks?: readonly MaskConfig[];
  /** `(x, y)` shift per section, at least two channels. */
  readonly shiftMask?: DecoratedVolume;
  /** Downsampling of the shift mask in x and y. */
  readonly shiftMaskScale?: number;
  /** From this shift on a voxel is excluded. */
  readonly shiftMaskThreshold?: number;
  /** Empty for `FaceMaxMovementPolicy`. */
  readonly movementPolicyName?: string;
  /** JSON object. */
  readonly movementPolicyArgs?: string;
  /** `[packages.]module.Class`. */
  readonly modelName?: string;
  /** JSON object; its vectors are xyz. */
  readonly modelArgs?: string;
  /** Prefix of the checkpoint's files. */
  readonly modelCheckpointPath?: string;
  /** Thresholds and sizes. */
  readonly inferenceOptions?: InferenceOptionsMessage;
  /** Created where it does not exist. */
  readonly segmentationOutputDir?: string;
  /** Seconds; 0 or less disables checkpoints. */
  readonly checkpointInterval?: number;
  /** Name of a class, for example `PolicyPeaks`. */
  readonly seedPolicy?: string;
  /** Used only when set. */
  readonly selfPrediction?: SelfPredictionOptions;
  /** JSON object. */
  readonly seedPolicyArgs?: string;
  /** No alignment where unset. */
  readonly alignmentOptions?: AlignmentOptions;
  /** Relative to the position under test; its start may be negative. */
  readonly shiftMaskFov?: BoundingBox;
  /** `(z, y, x)`, or `(channel, z, y, x)` of which channel 0 is used. */
  readonly image?: DecoratedVolume;
  /** Labels to start from. */
  readonly initSegmentation?: DecoratedVolume;
  /** Voxels that do not count for the histogram. */
  readonly histogramMasks?: readonly MaskConfig[];
  /** Fields of view that the network takes at once; 1 where unset. */
  readonly batchSize?: number;
  /** Subvolumes at the same time; 1 where unset. */
  readonly concurrentRequests?: number;
  /** No seed may lie there. */
  readonly seedMasks?: readonly MaskConfig[];
}
/** `ffn.CounterValue`. */
export interface CounterValue {
  /** Name of the counter. */
  readonly name?: string;
  /** Its count. */
  readonly value?: bigint;
}
/** `ffn.TaskCounters`. */
export interface TaskCounters {
  /** In order. */
  readonly counters?: readonly CounterValue[];
  /** Where the task was, xyz. */
  readonly point?: Vector3j;
  /** File the task wrote. */
  readonly filename?: string;
}

export const InferenceOptionsSchema: Schema<InferenceOptionsMessage> = schema(
  "ffn.InferenceOptions",
  {
    initActivation: float(1),
    padValue: float(2),
    moveThreshold: float(3),
    consistencyThreshold: float(4),
    discoSeedThreshold: float(5),
    minBoundaryDist: message(6, Vector3jSchema),
    segmentThreshold: float(7),
    minSegmentSize: int32(8),
  },
);
export const SelfPredictionOptionsSchema: Schema<SelfPredictionOptions> = schema(
  "ffn.SelfPredictionOptions",
  { threshold: float(1), origThreshold: float(2, 1) },
);
export const AlignTypeEnum: EnumType<AlignType> = {
  kind: "enum",
  name: "ffn.AlignmentOptions.AlignType",
  values: { UNKNOWN_ALIGNMENT: 0, NO_ALIGNMENT: 1 },
};
export const AlignmentOptionsSchema: Schema<AlignmentOptions> = schema("ffn.AlignmentOptions", {
  type: enumeration(1, AlignTypeEnum, "NO_ALIGNMENT"),
  saveRaw: bool(6),
});
export const InferenceRequestSchema: Schema<InferenceRequestMessage> = schema(
  "ffn.InferenceRequest",
  {
    imageMean: float(2),
    imageStddev: float(3),
    referenceHistogram: string(4),
    masks: repeated(message(5, MaskConfigSchema)),
    shiftMask: message(6, DecoratedVolumeSchema),
    shiftMaskScale: int32(7),
    shiftMaskThreshold: int32(8),
    movementPolicyName: string(9),
    movementPolicyArgs: string(10),
    modelName: string(11),
    modelArgs: string(12),
    modelCheckpointPath: string(13),
    inferenceOptions: message(14, InferenceOptionsSchema),
    segmentationOutputDir: string(15),
    checkpointInterval: int32(16),
    seedPolicy: string(17),
    selfPrediction: message(18, SelfPredictionOptionsSchema),
    seedPolicyArgs: string(19),
    alignmentOptions: message(20, AlignmentOptionsSchema),
    shiftMaskFov: message(22, BoundingBoxSchema),
    image: message(24, DecoratedVolumeSchema),
    initSegmentation: message(25, DecoratedVolumeSchema),
    histogramMasks: repeated(message(26, MaskConfigSchema)),
    batchSize: int32(27, 1),
    concurrentRequests: int32(28, 1),
    seedMasks: repeated(message(30, MaskConfigSchema)),
  },
);
export const CounterValueSchema: Schema<CounterValue> = schema("ffn.CounterValue", {
  name: string(1),
  value: int64(2),
});
export const TaskCountersSchema: Schema<TaskCounters> = schema("ffn.TaskCounters", {
  counters: repeated(message(1, CounterValueSchema)),
  point: message(2, Vector3jSchema),
  filename: string(3),
});
