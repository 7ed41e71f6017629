import { FormatError } from "../errors/errors.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { NpyInput } from "./npy.ts";
import { describe, PickledArray, PickledObject, type PickleValue } from "./pickle_values.ts";
import { pickleObjectScalar } from "./pickle_writer.ts";

/** How a segment came about. */
export interface OriginInfo {
  /** Voxel of the seed, local to the subvolume. */
  readonly startZyx: Zyx;
  /** Number of field-of-view positions that were evaluated. */
  readonly iters: number;
  /** Time that the object took, as measured by whoever wrote the file. */
  readonly walltimeSec: number;
}

/** Origin of each segment ID. */
export type Origins = Map<number, OriginInfo>;

/**
 * Reads the value of the `origins` member of a segmentation file; `path` is for messages.
 *
 * @throws {FormatError} when it is no dict from IDs to `OriginInfo`.
 */
export function decodeOrigins(value: PickleValue, path = "origins"): Origins {
  if (!(value instanceof Map)) {
    throw new FormatError(`Cannot read "${path}": it must be a dict, current ${describe(value)}`, {
      path,
    });
  }
  const origins: Origins = new Map();
  for (const [id, info] of value) {
    if (!(info instanceof PickledObject) || info.className !== "OriginInfo") {
      throw new FormatError(
        `Cannot read "${path}": entry ${describe(id)} must be an OriginInfo, current ${
          describe(info)
        }`,
        { path },
      );
    }
    const [start, iters, seconds] = info.fields;
    const [z, y, x] = coordinates(start);
    const numbers = [id, z, y, x, iters];
    if (!numbers.every(isInteger) || typeof seconds !== "number" || info.fields.length !== 3) {
      throw new FormatError(
        `Cannot read "${path}": the OriginInfo of ${
          describe(id)
        } must be ((z, y, x), iterations, seconds)`,
        { path },
      );
    }
    origins.set(id as number, {
      startZyx: [z as number, y as number, x as number],
      iters: iters as number,
      walltimeSec: seconds,
    });
  }
  return origins;
}

/** The `origins` member as the reference program's readers expect it. */
export function encodeOrigins(origins: ReadonlyMap<number, OriginInfo>): NpyInput {
  const pickle = pickleObjectScalar((writer) => {
    writer.opcodes(0x7d /* EMPTY_DICT */);
    if (origins.size === 0) return;
    writer.opcodes(0x28 /* MARK */);
    for (const [id, { startZyx, iters, walltimeSec }] of origins) {
      writer.integer(id).global("ffn.inference.storage", "OriginInfo");
      for (const coordinate of startZyx) writer.integer(coordinate);
      writer.opcodes(0x87 /* TUPLE3 */).integer(iters).float(walltimeSec);
      writer.opcodes(0x87, 0x81 /* NEWOBJ */);
    }
    writer.opcodes(0x75 /* SETITEMS */);
  });
  return { pickle };
}

/** Three values of a tuple, or of an array, which some versions store. */
function coordinates(start: PickleValue | undefined): unknown[] {
  if (start instanceof PickledArray) return Array.from(start.array?.data ?? [], Number);
  return Array.isArray(start) && start.length === 3 ? start : [];
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
