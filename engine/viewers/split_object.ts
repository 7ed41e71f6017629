import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { dequantiseProbability } from "../segmentation/quantisation.ts";

/** Below these probabilities a voxel takes as long to enter as ten, a hundred and a thousand voxels of the best kind. */
const DOUBTS = [0.9, 0.8, 0.7] as const;

/**
 * Cuts an object in two between two sets of marks: both sides spread from their marks, slower the less probable the voxels,
 * and each voxel belongs to the side that is there first. They meet at the weakest place between them, and half-way where none
 * is weaker than the others. Parts that neither reaches go to the side of the nearest mark.
 *
 * @param size Of the object's box.
 * @param prob Quantised probabilities `[z, y, x]` of the box, 0 where it is not the object's.
 * @param sides Marks of either side, positions in the box, all of them in the object.
 * @returns Probabilities `[z, y, x]` of either side; each voxel of the object belongs to one of them.
 */
export function splitObject(
  size: Zyx,
  prob: Uint8Array,
  sides: readonly [readonly Zyx[], readonly Zyx[]],
): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
  const [, height, width] = size;
  const positionOf = (i: number): Zyx => [
    Math.floor(i / (height * width)),
    Math.floor(i / width) % height,
    i % width,
  ];
  const duration = durations();
  const owner = new Uint8Array(volumeOf(size));
  const reached = new Uint32Array(owner.length).fill(2 ** 32 - 1);
  /** Voxels by the time when they may be reached. */
  const due: number[][] = [[]];
  sides.forEach((marks, side) => {
    for (const [z, y, x] of marks) {
      const i = (z * height + y) * width + x;
      owner[i] = side + 1;
      reached[i] = 0;
      due[0].push(i);
    }
  });
  for (let time = 0; time < due.length; time++) {
    for (const from of due[time] ?? []) {
      // One that was reached sooner another way.
      if (reached[from] !== time) continue;
      visitNeighbours(positionOf(from), size, (i) => {
        const then = time + duration[prob[i]];
        if (prob[i] === 0 || reached[i] <= then) return;
        reached[i] = then;
        owner[i] = owner[from];
        (due[then] ??= []).push(i);
      });
    }
    delete due[time];
  }
  const parts = [new Uint8Array(prob.length), new Uint8Array(prob.length)] as const;
  for (let i = 0; i < prob.length; i++) {
    if (prob[i] === 0) continue;
    const side = owner[i] === 0 ? nearestSide(positionOf(i), sides) : owner[i] - 1;
    parts[side][i] = prob[i];
  }
  return [...parts];
}

/** Time to enter a voxel, by its byte. */
function durations(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    const prob = dequantiseProbability(byte);
    return 10 ** DOUBTS.filter((doubt) => !(prob >= doubt)).length;
  });
}

function visitNeighbours([z, y, x]: Zyx, size: Zyx, visit: (index: number) => void): void {
  const [depth, height, width] = size;
  for (let a = Math.max(0, z - 1); a <= Math.min(depth - 1, z + 1); a++) {
    for (let b = Math.max(0, y - 1); b <= Math.min(height - 1, y + 1); b++) {
      const row = (a * height + b) * width;
      for (let c = Math.max(0, x - 1); c <= Math.min(width - 1, x + 1); c++) visit(row + c);
    }
  }
}

function nearestSide(position: Zyx, sides: readonly (readonly Zyx[])[]): number {
  const distances = sides.map((marks) =>
    Math.min(
      ...marks.map((mark) => Math.hypot(...mark.map((m, axis) => m - position[axis]))),
    )
  );
  return distances[1] < distances[0] ? 1 : 0;
}

/**
 * Marks of two sides that came from outside.
 *
 * @param belongs Whether a voxel is one of the object `id`.
 * @throws {RangeError} when they are none.
 */
export function checkSides(
  id: number,
  sides: unknown,
  belongs: (voxel: Zyx) => boolean,
): [Zyx[], Zyx[]] {
  const refuse = (reason: string) => new RangeError(`Cannot split object ${id}: ${reason}`);
  const isMark = (mark: unknown): mark is Zyx =>
    Array.isArray(mark) && mark.length === 3 && mark.every(Number.isSafeInteger);
  const isSide = (side: unknown): side is Zyx[] =>
    Array.isArray(side) && side.length > 0 && side.every(isMark);
  if (!Array.isArray(sides) || sides.length !== 2 || !sides.every(isSide)) {
    throw refuse("each of two sides must have marks, positions zyx");
  }
  const outside = sides.flat().find((mark) => !belongs(mark));
  if (outside !== undefined) throw refuse(`(${outside.join(", ")}) (zyx) is not in it`);
  const [one, other] = sides.map((side) => new Set(side.map(String)));
  for (const mark of one) {
    if (other.has(mark)) throw refuse(`(${mark}) (zyx) is a mark of both sides`);
  }
  return [sides[0], sides[1]];
}
