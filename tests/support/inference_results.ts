import { encodeNpz } from "../../engine/formats/npz.ts";
import { encodeOrigins } from "../../engine/formats/origins.ts";
import type { DType, NdArray, TypedArray } from "../../engine/formats/nd_array.ts";
import type { Box } from "../../engine/geometry/box.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { alignAndCrop } from "../../engine/geometry/alignment.ts";
import { writeFileAtomically } from "../../engine/volumes/atomic_file.ts";
import { subvolumePath } from "../../engine/segmentation/subvolume_paths.ts";

const DTYPES: Record<string, DType> = {
  Uint8Array: "uint8",
  Uint16Array: "uint16",
  Uint32Array: "uint32",
  BigUint64Array: "uint64",
};

/** Writes labels `[z, y, x]` as an inference leaves them: `dir/<x>/<y>/seg-<x>_<y>_<z>.npz`. */
export async function writeSubvolume(dir: string, { start, size }: Box, data: TypedArray) {
  const value: NdArray = { dtype: DTYPES[data.constructor.name], shape: size, data };
  const bytes = await encodeNpz([
    { name: "segmentation", value },
    { name: "origins", value: encodeOrigins(new Map()) },
  ]);
  await writeFileAtomically(subvolumePath(dir, start, "npz"), bytes);
}

/** Boxes of one size at every combination of starts along z, y and x. */
export function boxesAt(starts: readonly number[], size: Zyx): Box[] {
  return starts.flatMap((z) =>
    starts.flatMap((y) => starts.map((x): Box => ({ start: [z, y, x], size })))
  );
}

/** Labels `[z, y, x]` of a box of a volume, under numbers of its own: what one run, which knows nothing of others, gives. */
export function scrambledPart(volume: Uint32Array, size: Zyx, box: Box, seed: number): Uint32Array {
  const part = alignAndCrop(volume, { start: [0, 0, 0], size }, box);
  const ids = [...new Set(part)].filter((id) => id !== 0);
  const order = ids.map((id, i) => [Math.imul(id + seed, 0x9e3779b1) >>> 0, i]).sort(([a], [b]) =>
    a - b
  );
  const numbers = new Map([
    [0, 0],
    ...order.map(([, i], rank): [number, number] => [
      ids[i],
      rank + 1,
    ]),
  ]);
  return part.map((id) => numbers.get(id)!);
}
