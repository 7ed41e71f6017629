import { addZyx, maxZyx, minZyx, subZyx, type Zyx } from "./vectors.ts";

/** An axis-aligned box of voxels: `start` inclusive, `start + size` exclusive, both zyx. */
export interface Box {
  /** Lower corner, inclusive. */
  readonly start: Zyx;
  /** Extent per axis, all > 0. */
  readonly size: Zyx;
}

/** Exclusive upper corner. */
export function endOf(box: Box): Zyx {
  return addZyx(box.start, box.size);
}

/** Common part of two boxes, or null when they share no voxel. */
export function intersect(a: Box, b: Box): Box | null {
  const start = maxZyx(a.start, b.start);
  const size = subZyx(minZyx(endOf(a), endOf(b)), start);
  return size.every((n) => n > 0) ? { start, size } : null;
}

/** Smallest box that contains all of `boxes` (at least one). */
export function containing(boxes: readonly Box[]): Box {
  const start = boxes.map((b) => b.start).reduce(minZyx);
  const end = boxes.map(endOf).reduce(maxZyx);
  return { start, size: subZyx(end, start) };
}

/** `start (z, y, x) size (z, y, x)`, for messages. */
export function describeBox(box: Box): string {
  return `start zyx (${box.start.join(", ")}) size (${box.size.join(", ")})`;
}
