import { type Box, endOf, intersect } from "../geometry/box.ts";
import { addZyx, type Zyx } from "../geometry/vectors.ts";

/** An object, its canvas, and the bytes `[z, y, x]` of its box, 0 where it is not the object's. */
export interface PlacedObject {
  /** In the volume. */
  readonly canvas: Box;
  /** In the canvas. */
  readonly box: Box;
  readonly prob: Uint8Array;
}

/** Share of either object's voxels where both canvases are that must be the other's too. */
const SAME_SHARE = 0.5;

/** Whether two objects of overlapping canvases are the same one: where both canvases are, most of either belongs to both. */
export function isContinued(a: PlacedObject, b: PlacedObject): boolean {
  const common = intersect(a.canvas, b.canvas);
  if (common === null) return false;
  const ofB = voxelReader(b);
  let both = 0, inA = 0, inB = 0;
  for (const place of voxelsOf(a, common)) {
    inA++;
    if (ofB(place)) both++;
  }
  if (both === 0) return false;
  for (const _ of voxelsOf(b, common)) inB++;
  return both >= SAME_SHARE * inA && both >= SAME_SHARE * inB;
}

/** The object's voxels inside a box of the volume, positions of the volume. */
function* voxelsOf({ canvas, box, prob }: PlacedObject, within: Box): Generator<Zyx> {
  const start = addZyx(canvas.start, box.start);
  const part = intersect({ start, size: box.size }, within);
  if (part === null) return;
  const end = endOf(part), [, height, width] = box.size;
  for (let z = part.start[0]; z < end[0]; z++) {
    for (let y = part.start[1]; y < end[1]; y++) {
      const row = ((z - start[0]) * height + y - start[1]) * width - start[2];
      for (let x = part.start[2]; x < end[2]; x++) if (prob[row + x] > 0) yield [z, y, x];
    }
  }
}

/** Whether a voxel of the volume belongs to an object. */
function voxelReader({ canvas, box, prob }: PlacedObject): (voxel: Zyx) => boolean {
  const start = addZyx(canvas.start, box.start), { size } = box;
  return ([z, y, x]) => {
    z -= start[0], y -= start[1], x -= start[2];
    if (z < 0 || y < 0 || x < 0 || z >= size[0] || y >= size[1] || x >= size[2]) return false;
    return prob[(z * size[1] + y) * size[2] + x] > 0;
  };
}
