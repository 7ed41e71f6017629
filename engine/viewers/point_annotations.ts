import {
  ALL_POINTS_KEY,
  type AnnotatedPoint,
  annotationInfo,
  ANNOTATIONS_TYPE,
  encodePoint,
  encodePoints,
  objectPointsKey,
  pointKey,
} from "../formats/precomputed_annotations.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { FolderStore } from "../volumes/object_store.ts";
import { PartialFolder } from "../volumes/partial_folder.ts";

/**
 * Writes points for Neuroglancer, as a folder that is there when it is complete. Its points are found by place, by number
 * and by object.
 *
 * @param folder Must not exist.
 * @throws {RangeError} when it does.
 */
export async function writePointAnnotations(
  folder: string,
  points: readonly AnnotatedPoint[],
  { voxelSizeNm, signal }: { voxelSizeNm: Zyx; signal?: AbortSignal },
): Promise<void> {
  await assertNoAnnotations(folder);
  // Nothing is gone on with: what a stopped run left is written again.
  await using partial = await PartialFolder.open(folder, { points: points.length }, {
    overwrite: true,
  });
  const store = new FolderStore(partial.path);
  const info = JSON.stringify(annotationInfo(points, voxelSizeNm));
  await store.set("info", new TextEncoder().encode(info));
  await store.set(ALL_POINTS_KEY, encodePoints(points, [...points.keys()]));
  const ofObject = new Map<bigint, number[]>();
  for (const [index, point] of points.entries()) {
    signal?.throwIfAborted();
    await store.set(pointKey(index), encodePoint(point));
    for (const id of point.objects) {
      if (!ofObject.has(id)) ofObject.set(id, []);
      ofObject.get(id)!.push(index);
    }
  }
  for (const [id, indices] of ofObject) {
    signal?.throwIfAborted();
    await store.set(objectPointsKey(id), encodePoints(points, indices));
  }
  await partial.commit();
}

/** Whether there are annotations in a folder. */
export async function isAnnotationFolder(folder: string): Promise<boolean> {
  const info = await new FolderStore(folder).get("info").catch(() => undefined);
  return info !== undefined && new TextDecoder().decode(info).includes(ANNOTATIONS_TYPE);
}

/** @throws {RangeError} when there is something at that name. */
export async function assertNoAnnotations(folder: string): Promise<void> {
  if (await Deno.stat(folder).catch(() => null) === null) return;
  throw new RangeError(
    `Cannot write annotations to "${folder}": it exists, remove it or choose another name`,
  );
}
