import { mapZyx, type Zyx } from "./vectors.ts";

/** An axis-aligned box of voxels: `start` inclusive, `start + size` exclusive, both zyx. */
export interface Box {
  readonly start: Zyx;
  readonly size: Zyx;
}

/** Exclusive upper corner. */
export function endOf(box: Box): Zyx {
  return mapZyx((a, b) => a + b, box.start, box.size);
}

/** Common part of two boxes, or null when they share no voxel. */
export function intersect(a: Box, b: Box): Box | null {
  const start = mapZyx(Math.max, a.start, b.start);
  const size = mapZyx((end, from) => end - from, mapZyx(Math.min, endOf(a), endOf(b)), start);
  return size.every((n) => n > 0) ? { start, size } : null;
}

/** Smallest box that contains all of `boxes` (at least one). */
export function containing(boxes: readonly Box[]): Box {
  const start = boxes.map((b) => b.start).reduce((a, b) => mapZyx(Math.min, a, b));
  const end = boxes.map(endOf).reduce((a, b) => mapZyx(Math.max, a, b));
  return { start, size: mapZyx((e, s) => e - s, end, start) };
}

/** `start (z, y, x) size (z, y, x)`, for messages. */
export function describeBox(box: Box): string {
  return `start zyx (${box.start.join(", ")}) size (${box.size.join(", ")})`;
}
