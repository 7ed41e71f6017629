/** `ffn.proto` vectors and `ffn` bounding boxes. All of them are xyz, in voxels. */
import {
  double,
  type Field,
  float,
  int32,
  int64,
  message,
  repeated,
  type Schema,
  schema,
  string,
  uint64,
} from "./schema.ts";

/** `ffn.proto.Vector2d`: float64 components. */
export interface Vector2d {
  /** First component. */
  readonly x?: number;
  /** Second component. */
  readonly y?: number;
}
/** `ffn.proto.Vector2i`: int32 components. */
export interface Vector2i {
  /** First component. */
  readonly x?: number;
  /** Second component. */
  readonly y?: number;
}
/** `ffn.proto.Vector3d`: float64 components. */
export interface Vector3d {
  /** First component. */
  readonly x?: number;
  /** Second component. */
  readonly y?: number;
  /** Third component. */
  readonly z?: number;
}
/** `ffn.proto.Vector3f`: float32 components. */
export interface Vector3f {
  /** First component. */
  readonly x?: number;
  /** Second component. */
  readonly y?: number;
  /** Third component. */
  readonly z?: number;
}
/** `ffn.proto.Vector3j`: int64 components, the vector of requests. */
export interface Vector3j {
  /** First component. */
  readonly x?: bigint;
  /** Second component. */
  readonly y?: bigint;
  /** Third component. */
  readonly z?: bigint;
}

/** Any of the `…List` messages. */
export interface VectorList<V> {
  /** In order. */
  readonly vectors?: readonly V[];
}

/** Voxels `start` to `start + size`, the upper corner excluded. */
export interface BoundingBox {
  /** Lower corner, inclusive. */
  readonly start?: Vector3j;
  /** Extent, above 0 on every axis. */
  readonly size?: Vector3j;
  /** Free text. */
  readonly description?: string;
  /** Label tied to the box. */
  readonly objectLabel?: bigint;
}
/** `ffn.BoundingBoxes`. */
export interface BoundingBoxes {
  /** In order. */
  readonly box?: readonly BoundingBox[];
}

type Component<V> = (number: number) => Field<V>;

const xy = <V>(component: Component<V>) => ({ x: component(1), y: component(2) });
const xyz = <V>(component: Component<V>) => ({ ...xy(component), z: component(3) });

export const Vector2dSchema: Schema<Vector2d> = schema("ffn.proto.Vector2d", xy(double));
export const Vector2iSchema: Schema<Vector2i> = schema("ffn.proto.Vector2i", xy(int32));
export const Vector3dSchema: Schema<Vector3d> = schema("ffn.proto.Vector3d", xyz(double));
export const Vector3fSchema: Schema<Vector3f> = schema("ffn.proto.Vector3f", xyz(float));
export const Vector3jSchema: Schema<Vector3j> = schema("ffn.proto.Vector3j", xyz(int64));

const listOf = <V>(vector: Schema<V>): Schema<VectorList<V>> =>
  schema(`${vector.name}List`, { vectors: repeated(message(1, vector)) });

export const Vector2dListSchema: Schema<VectorList<Vector2d>> = listOf(Vector2dSchema);
export const Vector2iListSchema: Schema<VectorList<Vector2i>> = listOf(Vector2iSchema);
export const Vector3dListSchema: Schema<VectorList<Vector3d>> = listOf(Vector3dSchema);
export const Vector3fListSchema: Schema<VectorList<Vector3f>> = listOf(Vector3fSchema);
export const Vector3jListSchema: Schema<VectorList<Vector3j>> = listOf(Vector3jSchema);

export const BoundingBoxSchema: Schema<BoundingBox> = schema("ffn.BoundingBox", {
  start: message(1, Vector3jSchema),
  size: message(2, Vector3jSchema),
  description: string(3),
  objectLabel: uint64(4),
});
export const BoundingBoxesSchema: Schema<BoundingBoxes> = schema("ffn.BoundingBoxes", {
  box: repeated(message(1, BoundingBoxSchema)),
});
