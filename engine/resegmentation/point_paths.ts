import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import type { DecisionPoint, ResegmentationRequest } from "./request.ts";

/** Path of a point's result: `dir[/<hex digits>]/<id_a>-<id_b>_at_<x>_<y>_<z>.npz`, id_b 0 for endpoints. */
export function pointPath(
  { outputDirectory, subdirDigits }: Pick<
    ResegmentationRequest,
    "outputDirectory" | "subdirDigits"
  >,
  { idA, idB, position: [z, y, x] }: DecisionPoint,
): string {
  const b = idB ?? 0n;
  const name = `${idA}-${b}_at_${x}_${y}_${z}.npz`;
  // One digit makes no folder, as in the reference.
  if (subdirDigits <= 1) return join(outputDirectory, name);
  const hash = createHash("md5").update(`${idA}${b}`).digest("hex");
  return join(outputDirectory, hash.slice(0, subdirDigits), name);
}

/**
 * The point that a result file is named after.
 *
 * @throws {SyntaxError} when it is not named after any.
 */
export function pointOfPath(path: string): DecisionPoint {
  const match = /^(\d+)-(\d+)_at_(\d+)_(\d+)_(\d+)\.npz$/.exec(basename(path));
  if (match === null) {
    throw new SyntaxError(
      `Cannot tell the decision point of "${path}": its name must be A-B_at_X_Y_Z.npz`,
    );
  }
  const [a, b] = [BigInt(match[1]), BigInt(match[2])];
  const [x, y, z] = match.slice(3).map(Number);
  return { idA: a, idB: b === 0n ? null : b, position: [z, y, x] };
}
