/** Requests that revisit decision points of a segmentation, and the results of analysing them. */
import { type InferenceRequestMessage, InferenceRequestSchema } from "./inference.ts";
import {
  bool,
  float,
  int32,
  map,
  message,
  repeated,
  type Schema,
  schema,
  string,
  uint64,
} from "./schema.ts";
import { type Vector3j, Vector3jSchema } from "./vectors.ts";

export interface ResegmentationPoint {
  readonly idA?: bigint;
  /** Unset asks for an endpoint, not for a pair. */
  readonly idB?: bigint;
  /** Decision point, xyz. */
  readonly point?: Vector3j;
}
/** Vectors are xyz, in voxels. */
export interface ResegmentationRequestMessage {
  /** Needs `initSegmentation`. */
  readonly inference?: InferenceRequestMessage;
  readonly points?: readonly ResegmentationPoint[];
  readonly radius?: Vector3j;
  readonly outputDirectory?: string;
  /** Above 1, results go to folders named by so many hex digits. */
  readonly subdirDigits?: number;
  readonly maxRetryIters?: number;
  readonly exclusionRadius?: Vector3j;
  readonly segmentRecoveryFraction?: number;
  readonly initExclusionRadius?: Vector3j;
  readonly terminateEarly?: boolean;
  readonly analysisRadius?: Vector3j;
}
export interface OverlapInfo {
  readonly numOverlapping?: number;
  readonly numOriginal?: number;
}
export interface EndpointResegmentationResult {
  readonly id?: bigint;
  readonly start?: Vector3j;
  readonly numVoxels?: number;
  /** By label of the original segmentation. */
  readonly overlaps?: ReadonlyMap<bigint, OverlapInfo>;
  readonly source?: OverlapInfo;
  readonly segmentationRadius?: Vector3j;
  readonly tag?: string;
}
export interface SegmentResult {
  readonly origin?: Vector3j;
  readonly numVoxels?: number;
  readonly deletedVoxels?: number;
  readonly segmentAConsistency?: number;
  readonly segmentBConsistency?: number;
  readonly maxEdt?: number;
}
export interface EvalResult {
  readonly radius?: Vector3j;
  readonly iou?: number;
  readonly fromA?: SegmentResult;
  readonly fromB?: SegmentResult;
  readonly maxEdtA?: number;
  readonly maxEdtB?: number;
  readonly numVoxelsA?: number;
  readonly numVoxelsB?: number;
}
export interface PairResegmentationResult {
  readonly point?: Vector3j;
  readonly idA?: bigint;
  readonly idB?: bigint;
  readonly segmentationRadius?: Vector3j;
  readonly tag?: string;
  readonly eval?: EvalResult;
}

export const ResegmentationPointSchema: Schema<ResegmentationPoint> = schema(
  "ffn.ResegmentationPoint",
  { idA: uint64(1), idB: uint64(2), point: message(3, Vector3jSchema) },
);
export const ResegmentationRequestSchema: Schema<ResegmentationRequestMessage> = schema(
  "ffn.ResegmentationRequest",
  {
    inference: message(1, InferenceRequestSchema),
    points: repeated(message(2, ResegmentationPointSchema)),
    radius: message(5, Vector3jSchema),
    outputDirectory: string(6),
    subdirDigits: int32(7),
    maxRetryIters: int32(8, 1),
    exclusionRadius: message(9, Vector3jSchema),
    segmentRecoveryFraction: float(10),
    initExclusionRadius: message(11, Vector3jSchema),
    terminateEarly: bool(12),
    analysisRadius: message(13, Vector3jSchema),
  },
);
export const OverlapInfoSchema: Schema<OverlapInfo> = schema(
  "ffn.EndpointResegmentationResult.OverlapInfo",
  { numOverlapping: int32(1), numOriginal: int32(2) },
);
export const EndpointResegmentationResultSchema: Schema<EndpointResegmentationResult> = schema(
  "ffn.EndpointResegmentationResult",
  {
    id: uint64(1),
    start: message(2, Vector3jSchema),
    numVoxels: int32(3),
    overlaps: map(4, OverlapInfoSchema),
    source: message(5, OverlapInfoSchema),
    segmentationRadius: message(6, Vector3jSchema),
    tag: string(7),
  },
);
export const SegmentResultSchema: Schema<SegmentResult> = schema(
  "ffn.PairResegmentationResult.SegmentResult",
  {
    origin: message(1, Vector3jSchema),
    numVoxels: int32(2),
    deletedVoxels: int32(3),
    segmentAConsistency: float(4),
    segmentBConsistency: float(5),
    maxEdt: float(6),
  },
);
export const EvalResultSchema: Schema<EvalResult> = schema(
  "ffn.PairResegmentationResult.EvalResult",
  {
    radius: message(1, Vector3jSchema),
    iou: float(2),
    fromA: message(3, SegmentResultSchema),
    fromB: message(4, SegmentResultSchema),
    maxEdtA: float(5),
    maxEdtB: float(6),
    numVoxelsA: int32(7),
    numVoxelsB: int32(8),
  },
);
export const PairResegmentationResultSchema: Schema<PairResegmentationResult> = schema(
  "ffn.PairResegmentationResult",
  {
    point: message(1, Vector3jSchema),
    idA: uint64(2),
    idB: uint64(3),
    segmentationRadius: message(4, Vector3jSchema),
    tag: string(5),
    eval: message(6, EvalResultSchema),
  },
);
