/** Messages that name volumes and say which of their voxels count: image and label sources, masks, stored segmentations. */
import {
  bool,
  float,
  int32,
  message,
  oneof,
  repeated,
  type Schema,
  schema,
  string,
  uint64,
} from "./schema.ts";

/** A volume by exactly one of its paths. */
export interface DecoratedVolume {
  /** A volume-info file; no published program can open one. */
  readonly volinfo?: string;
  /** JSON list of decorators of a `volinfo`. */
  readonly decoratorSpecs?: string;
  /** `file:dataset`. */
  readonly hdf5?: string;
  /** JSON TensorStore spec. */
  readonly tensorstore?: string;
}

/** Which values of one channel count as masked: `values`, or else `minValue` to `maxValue`, both inclusive. */
export interface MaskChannelConfig {
  /** Index of the channel; 0 where unset. */
  readonly channel?: number;
  /** Lowest masked value; 0 where unset. */
  readonly minValue?: number;
  /** Highest masked value; 0 where unset. */
  readonly maxValue?: number;
  /** Complement of this channel's mask. */
  readonly invert?: boolean;
  /** Masked values; where there are any, the bounds do not count. */
  readonly values?: readonly bigint[];
}
/** The raw image itself as the mask's source; it has one channel. */
export interface ImageMaskOptions {
  /** Tests that are united. */
  readonly channels?: readonly MaskChannelConfig[];
}
/** A `(channel, z, y, x)` volume as the mask's source. */
export interface VolumeMaskOptions {
  /** The volume. */
  readonly mask?: DecoratedVolume;
  /** Tests that are united. */
  readonly channels?: readonly MaskChannelConfig[];
}
/** A formula over the global voxel coordinates `x`, `y`, `z`. */
export interface CoordinateExpressionOptions {
  /** For example `(x > 3) & (z < 100)`. */
  readonly expression?: string;
}
/** One mask from exactly one source. */
export interface MaskConfig {
  /** Voxels of a volume. */
  readonly volume?: VolumeMaskOptions;
  /** Voxels of the raw image. */
  readonly image?: ImageMaskOptions;
  /** A formula. */
  readonly coordinateExpression?: CoordinateExpressionOptions;
  /** Complement, after the channels were united. */
  readonly invert?: boolean;
}
/** `ffn.MaskConfigs`. */
export interface MaskConfigs {
  /** Masks that are united. */
  readonly masks?: readonly MaskConfig[];
}

/** A stored segmentation and what to do with it when it is read. */
export interface SegmentationSource {
  /** Folder of a run's results. */
  readonly directory?: string;
  /** Voxels below this probability become background. */
  readonly threshold?: number;
  /** Gives every connected part its own label. */
  readonly splitCc?: boolean;
  /** Smaller labels become background, in voxels. */
  readonly minSize?: number;
  /** Voxels that become background. */
  readonly mask?: MaskConfigs;
}

export const DecoratedVolumeSchema: Schema<DecoratedVolume> = schema("ffn.DecoratedVolume", {
  volinfo: oneof("volume_path", string(1)),
  decoratorSpecs: string(2),
  hdf5: oneof("volume_path", string(3)),
  tensorstore: oneof("volume_path", string(4)),
});
export const MaskChannelConfigSchema: Schema<MaskChannelConfig> = schema("ffn.MaskChannelConfig", {
  channel: int32(1),
  minValue: float(2),
  maxValue: float(3),
  invert: bool(4),
  values: repeated(uint64(5)),
});
export const ImageMaskOptionsSchema: Schema<ImageMaskOptions> = schema("ffn.ImageMaskOptions", {
  channels: repeated(message(1, MaskChannelConfigSchema)),
});
export const VolumeMaskOptionsSchema: Schema<VolumeMaskOptions> = schema("ffn.VolumeMaskOptions", {
  mask: message(1, DecoratedVolumeSchema),
  channels: repeated(message(2, MaskChannelConfigSchema)),
});
export const CoordinateExpressionOptionsSchema: Schema<CoordinateExpressionOptions> = schema(
  "ffn.CoordinateExpressionOptions",
  { expression: string(1) },
);
export const MaskConfigSchema: Schema<MaskConfig> = schema("ffn.MaskConfig", {
  volume: oneof("source", message(1, VolumeMaskOptionsSchema)),
  image: oneof("source", message(2, ImageMaskOptionsSchema)),
  coordinateExpression: oneof("source", message(3, CoordinateExpressionOptionsSchema)),
  invert: bool(4),
});
export const MaskConfigsSchema: Schema<MaskConfigs> = schema("ffn.MaskConfigs", {
  masks: repeated(message(1, MaskConfigSchema)),
});
export const SegmentationSourceSchema: Schema<SegmentationSource> = schema(
  "ffn.SegmentationSource",
  {
    directory: string(1),
    threshold: float(2),
    splitCc: bool(3),
    minSize: int32(4),
    mask: message(5, MaskConfigsSchema),
  },
);
