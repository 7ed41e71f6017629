import { floorDivZyx, type Zyx } from "../geometry/vectors.ts";

/** A candidate move: the largest logit on one face of the field of view and where it lies. */
export interface MoveOffset {
  readonly score: number;
  /** Offset from the centre of the field of view. */
  readonly offset: Zyx;
}

/**
 * Candidate moves out of an object map: the first maximum (C order) of each of the six faces of the box `centre ± deltas`,
 * where it is at least `threshold`. Axes with delta 0 have no faces; a candidate equal to an earlier one is dropped.
 *
 * @param logits Object map `[z, y, x]` of the predicted field of view, of size `size`.
 * @returns Moves in order of axis (z, y, x), lower face first.
 */
export function scoreMoveOffsets(
  deltas: Zyx,
  logits: Float32Array,
  size: Zyx,
  threshold: number,
): MoveOffset[] {
  const centre = floorDivZyx(size, 2);
  const strides = [size[1] * size[2], size[2], 1];
  const moves: MoveOffset[] = [];
  for (let axis = 0; axis < 3; axis++) {
    const delta = deltas[axis];
    if (delta === 0) continue;
    const [outer, inner] = axis === 0 ? [1, 2] : axis === 1 ? [0, 2] : [0, 1];
    for (const shift of [-delta, delta]) {
      const corner = (centre[axis] + shift) * strides[axis] +
        (centre[outer] - deltas[outer]) * strides[outer] +
        (centre[inner] - deltas[inner]) * strides[inner];
      let score = -Infinity;
      let atOuter = 0;
      let atInner = 0;
      for (let i = 0; i <= 2 * deltas[outer]; i++) {
        let index = corner + i * strides[outer];
        for (let j = 0; j <= 2 * deltas[inner]; j++, index += strides[inner]) {
          if (logits[index] > score) {
            score = logits[index];
            atOuter = i;
            atInner = j;
          }
        }
      }
      if (score < threshold) continue;
      const offset = [0, 0, 0];
      offset[axis] = shift;
      offset[outer] = atOuter - deltas[outer];
      offset[inner] = atInner - deltas[inner];
      const move: MoveOffset = { score, offset: [offset[0], offset[1], offset[2]] };
      if (!moves.some((m) => compareMoves(m, move) === 0)) moves.push(move);
    }
  }
  return moves;
}

/** Negative when `a` comes first in descending order of (score, offset z, y, x). */
export function compareMoves(a: MoveOffset, b: MoveOffset): number {
  return b.score - a.score || b.offset[0] - a.offset[0] || b.offset[1] - a.offset[1] ||
    b.offset[2] - a.offset[2];
}
