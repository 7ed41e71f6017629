import { FormatError } from "../errors/errors.ts";
import type { NpyInput } from "./npy.ts";
import { describe, PickledArray, type PickleValue } from "./pickle_values.ts";
import { pickleObjectScalar } from "./pickle_writer.ts";

/** Which earlier segments a segment ran into: IDs and, in the same order, numbers of shared voxels. */
export interface Overlap {
  /** Labels of the other objects. */
  readonly ids: readonly number[];
  /** Voxels shared with each of `ids`. */
  readonly counts: readonly number[];
}

/** Overlap of each segment ID. */
export type Overlaps = Map<number, Overlap>;

/**
 * Reads the value of the `overlaps` member of a segmentation file; `path` is for messages.
 *
 * @throws {FormatError} when it is no dict from IDs to integer arrays of shape `[2, k]`.
 */
export function decodeOverlaps(value: PickleValue, path = "overlaps"): Overlaps {
  if (!(value instanceof Map)) {
    throw new FormatError(`Cannot read "${path}": it must be a dict, current ${describe(value)}`, {
      path,
    });
  }
  const overlaps: Overlaps = new Map();
  for (const [id, rows] of value) {
    const array = rows instanceof PickledArray ? rows.array : null;
    const isPair = array?.shape.length === 2 && array.shape[0] === 2;
    const numbers = Array.from(isPair ? array.data : [], Number);
    if (!Number.isSafeInteger(id) || !isPair || !numbers.every(Number.isSafeInteger)) {
      throw new FormatError(
        `Cannot read "${path}": entry ${describe(id)} must be an integer array of shape (2, k), ` +
          `current ${array ? `(${array.shape.join(", ")}) ${array.dtype}` : describe(rows)}`,
        { path },
      );
    }
    const count = numbers.length / 2;
    overlaps.set(id as number, { ids: numbers.slice(0, count), counts: numbers.slice(count) });
  }
  return overlaps;
}

/** The `overlaps` member as the reference program's readers expect it: int64 arrays of shape `[2, k]`. */
export function encodeOverlaps(overlaps: ReadonlyMap<number, Overlap>): NpyInput {
  const pickle = pickleObjectScalar((writer) => {
    writer.opcodes(0x7d /* EMPTY_DICT */);
    if (overlaps.size === 0) return;
    writer.opcodes(0x28 /* MARK */);
    for (const [id, { ids, counts }] of overlaps) {
      if (ids.length !== counts.length) {
        throw new RangeError(
          `Cannot encode the overlaps of ${id}: there are ${ids.length} IDs, current ${counts.length} counts`,
        );
      }
      const data = BigInt64Array.from([...ids, ...counts].map(BigInt));
      writer.integer(id).array({ dtype: "int64", shape: [2, ids.length], data });
    }
    writer.opcodes(0x75 /* SETITEMS */);
  });
  return { pickle };
}
