/**
 * Points as Neuroglancer precomputed annotations: a folder with `info`, a file for each point under `by_id`, the points of
 * each object under `rel_objects`, and all of them in one cell under `spatial0`.
 */
import { toXyz, type Zyx } from "../geometry/vectors.ts";
import type { JsonObject } from "./json_document.ts";

/** A point about two objects. */
export interface AnnotatedPoint {
  readonly position: Zyx;
  readonly objects: readonly bigint[];
  /** How much speaks for the objects being one, 0 to 1. */
  readonly score: number;
}

/** Three coordinates and the score. */
const POINT_BYTES = 16;

/** What the `info` of such a folder says that it is. */
export const ANNOTATIONS_TYPE = "neuroglancer_annotations_v1";

/** Key of the cell that holds all points. */
export const ALL_POINTS_KEY = "spatial0/0_0_0";

/** Key of a point by its number in the list. */
export function pointKey(index: number): string {
  return `by_id/${index}`;
}

/** Key of the points of an object. */
export function objectPointsKey(id: bigint): string {
  return `rel_objects/${id}`;
}

/** The `info` of such a folder; positions are in voxels of this size. */
export function annotationInfo(
  points: readonly AnnotatedPoint[],
  voxelSizeNm: Zyx,
): JsonObject {
  const { x, y, z } = toXyz(voxelSizeNm);
  const along = (axis: number) => points.map(({ position }) => position[axis]);
  const axes = [2, 1, 0];
  const lower = axes.map((axis) => along(axis).reduce((a, b) => Math.min(a, b), Infinity));
  const upper = axes.map((axis) => along(axis).reduce((a, b) => Math.max(a, b), -Infinity) + 1);
  const [from, to] = points.length > 0 ? [lower, upper] : [[0, 0, 0], [1, 1, 1]];
  return {
    "@type": ANNOTATIONS_TYPE,
    dimensions: { x: [x * 1e-9, "m"], y: [y * 1e-9, "m"], z: [z * 1e-9, "m"] },
    ...{ lower_bound: from, upper_bound: to, annotation_type: "point" },
    properties: [{
      ...{ id: "score", type: "float32" },
      description: "how much speaks for the two being one object",
    }],
    relationships: [{ id: "objects", key: "rel_objects" }],
    by_id: { key: "by_id" },
    spatial: [{
      ...{ key: "spatial0", grid_shape: [1, 1, 1] },
      chunk_size: to.map((end, i) => end - from[i]),
      limit: Math.max(1, points.length),
    }],
  };
}

/** The file of one point: where it is, its score, and the objects that it is about. */
export function encodePoint(point: AnnotatedPoint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(POINT_BYTES + 4 + 8 * point.objects.length);
  const view = new DataView(bytes.buffer);
  writePoint(view, 0, point);
  view.setUint32(POINT_BYTES, point.objects.length, true);
  point.objects.forEach((id, i) => view.setBigUint64(POINT_BYTES + 4 + 8 * i, id, true));
  return bytes;
}

/**
 * A list of points with their numbers.
 *
 * @param indices Of those to list; each is the number that {@linkcode pointKey} takes.
 */
export function encodePoints(
  points: readonly AnnotatedPoint[],
  indices: readonly number[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8 + indices.length * (POINT_BYTES + 8));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(indices.length), true);
  const ids = 8 + indices.length * POINT_BYTES;
  for (const [i, index] of indices.entries()) {
    writePoint(view, 8 + i * POINT_BYTES, points[index]);
    view.setBigUint64(ids + 8 * i, BigInt(index), true);
  }
  return bytes;
}

function writePoint(view: DataView, at: number, { position: [z, y, x], score }: AnnotatedPoint) {
  // The middle of the voxel.
  [x + 0.5, y + 0.5, z + 0.5, score].forEach((value, i) =>
    view.setFloat32(at + 4 * i, value, true)
  );
}
