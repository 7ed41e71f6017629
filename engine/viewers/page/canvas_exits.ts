import { type Box, endOf } from "../../geometry/box.ts";
import type { Zyx } from "../../geometry/vectors.ts";
import { type JudgedObject, nearestToMean, type WeakPlace } from "./weak_places.ts";

/**
 * Places where an object reaches a face of its canvas beyond which the volume goes on, the largest first: one for each part
 * that hangs together in the face.
 *
 * @param canvas Of the object, in the volume.
 * @param volumeSize Of the volume.
 */
export function canvasExits(
  object: Pick<JudgedObject, "seed" | "threshold">,
  canvas: Box,
  volumeSize: Zyx,
): WeakPlace[] {
  const end = endOf(canvas);
  const parts: Zyx[][] = [];
  for (const axis of [0, 1, 2]) {
    if (canvas.start[axis] > 0) parts.push(...partsInFace(object, canvas.size, axis, 0));
    if (end[axis] < volumeSize[axis]) {
      parts.push(...partsInFace(object, canvas.size, axis, canvas.size[axis] - 1));
    }
  }
  return parts.sort((a, b) => b.length - a.length).map((part) => ({
    position: nearestToMean(part),
    reason: "it reaches the end of its canvas here: A accepts it, then G grows it on in the next",
    isExit: true,
  }));
}

/** Voxels of the object in the plane at `index` across `axis`, by parts that touch along an edge of a pixel. */
function partsInFace(
  { seed, threshold }: Pick<JudgedObject, "seed" | "threshold">,
  size: Zyx,
  axis: number,
  index: number,
): Zyx[][] {
  const strides = [size[1] * size[2], size[2], 1];
  const [rows, columns] = [0, 1, 2].filter((a) => a !== axis);
  const [height, width] = [size[rows], size[columns]];
  const isObject = (row: number, column: number) =>
    seed[index * strides[axis] + row * strides[rows] + column * strides[columns]] >= threshold;
  const seen = new Uint8Array(height * width);
  const parts: Zyx[][] = [];
  for (let first = 0; first < seen.length; first++) {
    const part: Zyx[] = [], queue = [first];
    for (let at; (at = queue.pop()) !== undefined;) {
      const row = Math.floor(at / width), column = at % width;
      if (seen[at] !== 0 || !isObject(row, column)) continue;
      seen[at] = 1;
      const voxel = [index, index, index];
      voxel[rows] = row;
      voxel[columns] = column;
      part.push(voxel as unknown as Zyx);
      if (row > 0) queue.push(at - width);
      if (row + 1 < height) queue.push(at + width);
      if (column > 0) queue.push(at - 1);
      if (column + 1 < width) queue.push(at + 1);
    }
    if (part.length > 0) parts.push(part);
  }
  return parts;
}
