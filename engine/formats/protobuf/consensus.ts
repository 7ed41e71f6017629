/** `ffn.ConsensusRequest`: the meet of two stored segmentations. */
import {
  enumeration,
  type EnumType,
  int32,
  message,
  type Schema,
  schema,
  string,
} from "./schema.ts";
import { type SegmentationSource, SegmentationSourceSchema } from "./masks.ts";

export type ConsensusType = "CONSENSUS_SPLIT";
export interface ConsensusRequestMessage {
  readonly segmentation1?: SegmentationSource;
  readonly segmentation2?: SegmentationSource;
  readonly segmentationOutputDir?: string;
  readonly type?: ConsensusType;
  /** Smaller parts become background, in voxels. */
  readonly splitMinSize?: number;
}

export const ConsensusTypeEnum: EnumType<ConsensusType> = {
  kind: "enum",
  name: "ffn.ConsensusRequest.ConsensusType",
  values: { CONSENSUS_SPLIT: 2 },
};
export const ConsensusRequestSchema: Schema<ConsensusRequestMessage> = schema(
  "ffn.ConsensusRequest",
  {
    segmentation1: message(1, SegmentationSourceSchema),
    segmentation2: message(2, SegmentationSourceSchema),
    segmentationOutputDir: string(3),
    type: enumeration(4, ConsensusTypeEnum),
    splitMinSize: int32(7),
  },
);
