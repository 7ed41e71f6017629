/** Single fields of an inference request, each checked; every message names field, value, what is allowed and the fix. */
import {
  type InferenceRequestMessage,
  InferenceRequestSchema,
} from "../formats/protobuf/inference.ts";
import type { DecoratedVolume, MaskConfig } from "../formats/protobuf/masks.ts";
import { boxOf } from "../formats/protobuf/requests.ts";
import { fieldValue } from "../formats/protobuf/schema.ts";
import type { Box } from "../geometry/box.ts";
import { checkMaskConfigs } from "../volumes/masks.ts";
import { volumeName } from "../volumes/open.ts";

/** Sections that are shifted against each other, as a request describes them. */
export interface ShiftMaskRequest {
  /** Two or more channels: shift in x and in y. */
  readonly volume: DecoratedVolume;
  /** Downsampling along y and x. */
  readonly scale: number;
  /** From this absolute shift on a voxel is excluded. */
  readonly threshold: number;
  /** Null for the model's own field of view. */
  readonly fov: Box | null;
}

/** Value of a field, or its default. */
export const fieldOf = <K extends keyof InferenceRequestMessage>(
  message: InferenceRequestMessage,
  member: K,
): NonNullable<InferenceRequestMessage[K]> => fieldValue(InferenceRequestSchema, message, member);

/** Fields without which nothing can be done, with what to write. */
const REQUIRED = {
  modelName: 'model_name: "convstack_3d.ConvStack3DFFNModel"',
  modelArgs:
    'model_args: "{\\"depth\\": 12, \\"fov_size\\": [33, 33, 33], \\"deltas\\": [8, 8, 8]}"',
  modelCheckpointPath: 'model_checkpoint_path: "model/model.ckpt-27465036"',
  seedPolicy: 'seed_policy: "PolicyPeaks"',
  segmentationOutputDir: 'segmentation_output_dir: "results"',
} as const;

/** The request, all of whose required fields are there. */
export type CompleteMessage =
  & InferenceRequestMessage
  & Readonly<Required<Pick<InferenceRequestMessage, "image" | keyof typeof REQUIRED>>>;

/** @throws {RangeError} naming the first required field that is missing or empty. */
export function requiredFields(message: InferenceRequestMessage): CompleteMessage {
  if (message.image === undefined) {
    throw new RangeError(
      'Cannot run the request: image is missing; add image { hdf5: "file.h5:dataset" }',
    );
  }
  volumeName(message.image);
  for (const [member, example] of Object.entries(REQUIRED)) {
    if (message[member as keyof typeof REQUIRED]) continue;
    const field = example.slice(0, example.indexOf(":"));
    throw new RangeError(
      `Cannot run the request: ${field} is missing; add, for example, ${example}`,
    );
  }
  return message as CompleteMessage;
}

/** A JSON object in a string field; empty where the field is unset. */
export function jsonOf(
  field: string,
  text = "{}",
): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text || "{}");
  } catch (cause) {
    throw new SyntaxError(
      `Cannot run the request: ${field} must be a JSON object, current is ${
        JSON.stringify(text)
      } (${(cause as Error).message})`,
      { cause },
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new TypeError(
    `Cannot run the request: ${field} must be a JSON object such as {"depth": 12}, current is ${
      JSON.stringify(text)
    }`,
  );
}

/** An unset probability would be 0, whose logit is minus infinity. */
export function probability(
  field: string,
  value: number | undefined,
  example: number,
): number {
  if (value !== undefined && value > 0 && value < 1) return value;
  throw new RangeError(
    `Cannot run the request: inference_options.${field} must lie between 0 and 1, current is ${
      value ?? "unset"
    }; set, for example, ${field}: ${example}`,
  );
}

/** Masks whose sources, channels and expressions are valid. */
export function masksOf(field: string, masks: readonly MaskConfig[] = []): readonly MaskConfig[] {
  checkMaskConfigs(masks, field);
  for (const { volume } of masks) if (volume?.mask !== undefined) volumeName(volume.mask);
  return masks;
}

/** The four fields of the shift mask; null where no volume is named. */
export function shiftMaskOf(message: InferenceRequestMessage): ShiftMaskRequest | null {
  const { shiftMask, shiftMaskFov } = message;
  // A message that names no volume is the same as none.
  if (shiftMask === undefined || Object.values(shiftMask).every((v) => v === undefined)) {
    return null;
  }
  volumeName(shiftMask);
  return {
    volume: shiftMask,
    scale: atLeast("shift_mask_scale", fieldOf(message, "shiftMaskScale"), 1, 1),
    // At 0 every voxel would be excluded.
    threshold: atLeast("shift_mask_threshold", fieldOf(message, "shiftMaskThreshold"), 1, 4),
    fov: shiftMaskFov === undefined ? null : boxOf(shiftMaskFov, "shift_mask_fov"),
  };
}

/** Subvolumes at the same time. */
export function concurrencyOf(message: InferenceRequestMessage): number {
  const value = fieldOf(message, "concurrentRequests");
  if (value !== 0) return value;
  throw new RangeError(
    "Cannot run the request: concurrent_requests must be at least 1, or below 0 for one per " +
      "subvolume, current is 0",
  );
}

/** @throws {RangeError} for infinities and NaN. */
export function finite(field: string, value: number): number {
  if (Number.isFinite(value)) return value;
  throw new RangeError(`Cannot run the request: ${field} must be a number, current is ${value}`);
}

/** @throws {RangeError} below `least`, proposing `example`. */
export function atLeast(field: string, value: number, least: number, example: number): number {
  if (value >= least && Number.isFinite(value)) return value;
  const wanted = least === Number.MIN_VALUE ? "above 0" : `at least ${least}`;
  throw new RangeError(
    `Cannot run the request: ${field} must be ${wanted}, current is ${value}; set, for example, ${
      field.slice(field.lastIndexOf(".") + 1)
    }: ${example}`,
  );
}
