/**
 * Flood-filling networks for connectomics: segment volumes of electron microscopy with a trained network.
 *
 * A request, as `ffn run-inference` takes it, names the volume, the network and how objects are grown:
 *
 * ```ts ignore
 * import { openInference, parseInferenceRequest, resolveRequest } from "@ffn/ffn";
 *
 * const text = await Deno.readTextFile("inference.pbtxt");
 * const request = resolveRequest(parseInferenceRequest(text));
 * await using inference = await openInference(request, { threads: 4 });
 * const result = await inference.runner.run(inference.imageBox);
 * console.log(result?.origins.size, "objects in", result?.path);
 * ```
 *
 * Everything a request is made of can be used alone. A canvas floods an array with any predictor, here one that believes
 * the image:
 *
 * ```ts
 * import { type FovPredictor, HostCanvas, type Zyx } from "@ffn/ffn";
 * import { strictEqual } from "node:assert/strict";
 *
 * const size: Zyx = [9, 9, 21];
 * // A bright bar along x through the middle of a dark volume, [z, y, x].
 * const image = Float32Array.from({ length: 9 * 9 * 21 }, (_, i) => {
 *   const y = Math.floor(i / 21) % 9, z = Math.floor(i / 189);
 *   return Math.abs(y - 4) < 3 && Math.abs(z - 4) < 3 ? 1 : -1;
 * });
 * const fov: Zyx = [5, 5, 5];
 * const predictor: FovPredictor = {
 *   model: { name: "threshold", imageSize: fov, seedSize: fov, predSize: fov, deltas: [0, 0, 2] },
 *   async predict(image, _seed, logits) {
 *     for (let i = 0; i < logits.length; i++) logits[i] = 4 * image[i];
 *   },
 * };
 * const options = {
 *   initActivation: 0.95,
 *   padValue: 0.05,
 *   moveThreshold: 0.9,
 *   segmentThreshold: 0.6,
 *   discoSeedThreshold: -1,
 * };
 * const canvas = new HostCanvas({ image, size, predictor, options });
 * await canvas.segmentAt([4, 4, 10]);
 * const logits = await canvas.objectMap();
 * strictEqual(logits.filter((logit) => logit > 0).length, 5 * 5 * 21);
 * ```
 *
 * Inside the library vectors are `[z, y, x]` ({@linkcode Zyx}) and arrays are C order in the same axes; only requests and
 * file names use xyz.
 *
 * @module
 */
export {
  FormatError,
  KernelError,
  NotFoundError,
  UnsupportedError,
} from "./engine/errors/errors.ts";
export { toXyz, toZyx, type Xyz, type Zyx } from "./engine/geometry/vectors.ts";
export { type Box, endOf, intersect } from "./engine/geometry/box.ts";
export type { DType, NdArray, TypedArray } from "./engine/formats/nd_array.ts";
export type { OriginInfo, Origins } from "./engine/formats/origins.ts";
export type { Overlap, Overlaps } from "./engine/formats/overlaps.ts";
export {
  parseBoundingBox,
  parseInferenceRequest,
  printInferenceRequest,
} from "./engine/formats/protobuf/requests.ts";
export type {
  AlignmentOptions,
  AlignType,
  InferenceOptionsMessage,
  InferenceRequestMessage,
  SelfPredictionOptions,
} from "./engine/formats/protobuf/inference.ts";
export type {
  CoordinateExpressionOptions,
  DecoratedVolume,
  ImageMaskOptions,
  MaskChannelConfig,
  MaskConfig,
  VolumeMaskOptions,
} from "./engine/formats/protobuf/masks.ts";
export type { BoundingBox, Vector3j } from "./engine/formats/protobuf/vectors.ts";
export type {
  Attributes,
  Call,
  GraphWriter,
  Host,
  Op,
  Shape,
  Value,
  Work,
} from "./engine/ops/op.ts";
export type { Graph } from "./engine/ops/graph.ts";
export { open, type OpenOptions } from "./engine/volumes/open.ts";
export type { HttpOptions } from "./engine/volumes/http_store.ts";
export type { StackOptions } from "./engine/volumes/section_stack.ts";
export { spatialSize, type Volume, wholeBox } from "./engine/volumes/volume.ts";
export { memoryVolume } from "./engine/volumes/memory.ts";
export {
  type Checkpoint,
  type CheckpointVariable,
  openCheckpoint,
  writeCheckpoint,
  type WriteCheckpointOptions,
} from "./engine/volumes/checkpoint_file.ts";
export {
  BACKEND_NAMES,
  type BackendName,
  type BackendOptions,
  KERNEL_PROCESS_MODES,
  type KernelProcessMode,
  openBackend,
} from "./engine/backends/open_backend.ts";
export type { Backend, Program, Tensor } from "./engine/backends/backend.ts";
export { loadNetwork, type NetworkRequest } from "./engine/models/load_network.ts";
export type { Network } from "./engine/models/network.ts";
export type {
  Architecture,
  Model,
  ModelArgs,
  OtherCheckpoint,
  Variable,
} from "./engine/models/model.ts";
export { createModel } from "./engine/models/registry.ts";
export { HostCanvas } from "./engine/inference/host_canvas.ts";
export type { CanvasInput } from "./engine/inference/canvas_input.ts";
export type { FovVisit, HaltRule } from "./engine/inference/object_map.ts";
export type { MovementState } from "./engine/inference/movement_policy.ts";
export type * from "./engine/inference/canvas.ts";
export type { CanvasOptions } from "./engine/inference/canvas_options.ts";
export { Counters } from "./engine/inference/counters.ts";
export type {
  Progress,
  ProgressReport,
  RunControl,
  SeenCanvas,
} from "./engine/inference/run_control.ts";
export { type BatchPredictor, Executor, type ExecutorClient } from "./engine/inference/executor.ts";
export { createSeedPolicy } from "./engine/inference/seed_policies/create_seed_policy.ts";
export type * from "./engine/inference/seed_policies/policy.ts";
export {
  type InferenceRequest,
  type NamedArguments,
  resolveRequest,
} from "./engine/inference/request.ts";
export type { ShiftMaskRequest } from "./engine/inference/request_fields.ts";
export {
  Runner,
  type RunnerControl,
  type RunnerResources,
  type SeenSubvolume,
  type SubvolumeResult,
} from "./engine/inference/runner.ts";
export {
  type OpenInference,
  openInference,
  type OpenInferenceOptions,
} from "./engine/inference/open_inference.ts";
export type { LabelArray } from "./engine/segmentation/distinct_labels.ts";
export {
  type LoadedSegmentation,
  type LoadOptions,
  loadOrigins,
  loadSegmentation,
} from "./engine/segmentation/load_segmentation.ts";
export {
  compareLabels,
  type LabelMetrics,
  type VariationOfInformation,
} from "./engine/segmentation/metrics.ts";
export { encodePng, type PngImage } from "./engine/formats/png.ts";
export {
  arrayReader,
  type BoxReader,
  type OrthogonalPlanes,
  paintLabels,
  type Plane,
  readOrthogonalPlanes,
  type RgbPicture,
} from "./engine/viewers/orthogonal_planes.ts";
export { paintFlood, tilePictures } from "./engine/viewers/flood_picture.ts";
export { type Edge, GraphUpdater } from "./engine/viewers/proofreading/graph_updater.ts";
export { ObjectClassification } from "./engine/viewers/proofreading/object_classification.ts";
export { ObjectReview } from "./engine/viewers/proofreading/object_review.ts";
export {
  parseReviewItems,
  type ReviewItem,
  ReviewList,
  type ReviewListOptions,
  type Upcoming,
} from "./engine/viewers/proofreading/review_list.ts";
