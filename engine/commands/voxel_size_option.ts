import { UsageError } from "../errors/errors.ts";
import type { Zyx } from "../geometry/vectors.ts";

/**
 * Edge lengths of a voxel in nanometres from `Z,Y,X`; undefined stays.
 *
 * @throws {UsageError} for another text.
 */
export function parseVoxelSize(text: string | undefined): Zyx | undefined {
  if (text === undefined) return undefined;
  const [z, y, x, ...rest] = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  if (rest.length === 0 && [z, y, x].every((edge) => edge > 0 && edge < Infinity)) return [z, y, x];
  throw new UsageError(
    `Cannot use --voxel-size "${text}": it must be three lengths in nanometres, as in 40,8,8`,
  );
}
