import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import type { Box } from "../../engine/geometry/box.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import {
  defaultShiftFov,
  MovementRestrictor,
  readShiftMask,
} from "../../engine/inference/restrictor.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";

const SIZE: Zyx = [20, 20, 24];

/** `(2, 20, 10, 12)`, zero but for a shift of -4 at channel 1, (z, y, x) = (6, 2, 8). */
function documentedShift(): NdArray {
  const data = new Int32Array(2 * 20 * 10 * 12);
  data[((20 + 6) * 10 + 2) * 12 + 8] = -4;
  return { dtype: "int32", shape: [2, 20, 10, 12], data };
}

const FOV: Box = { start: [0, -2, -2], size: [1, 5, 5] };
const SETTINGS = { scale: 2, threshold: 4, fov: FOV };

Deno.test("MovementRestrictor gives the documented positions next to a shift", async () => {
  const box: Box = { start: [0, 0, 0], size: SIZE };
  const shiftMask = await readShiftMask(memoryVolume(documentedShift()), box, SETTINGS);
  const restrictor = new MovementRestrictor(SIZE, { shiftMask });
  const valid: Zyx[] = [[6, 6, 13], [6, 6, 20], [5, 6, 16], [6, 1, 16], [6, 8, 16]];
  const invalid: Zyx[] = [
    ...[14, 15, 16, 17, 18, 19].map((x): Zyx => [6, 6, x]),
    ...[[6, 2, 16], [6, 7, 16]] as Zyx[],
  ];
  for (const position of valid) strictEqual(restrictor.isValidPosition(position), true);
  for (const position of invalid) strictEqual(restrictor.isValidPosition(position), false);
  strictEqual(restrictor.isValidSeed([6, 6, 14]), true);
});

Deno.test("MovementRestrictor compares shifts with the threshold by their size", async () => {
  const box: Box = { start: [0, 0, 0], size: SIZE };
  const volume = memoryVolume(documentedShift());
  for (const [threshold, isValid] of [[4, false], [5, true]] as const) {
    const shiftMask = await readShiftMask(volume, box, { ...SETTINGS, threshold });
    const restrictor = new MovementRestrictor(SIZE, { shiftMask });
    strictEqual(restrictor.isValidPosition([6, 6, 16]), isValid);
  }
});

Deno.test("readShiftMask() cuts the mask to the subvolume at its scale", async () => {
  const volume = memoryVolume(documentedShift());
  const read = (start: Zyx, size: Zyx) => readShiftMask(volume, { start, size }, SETTINGS);
  // The bad voxel (6, 2, 8) lies at (1, 1, 3) of a mask that starts at (5, 1, 5).
  const inside = await read([5, 3, 11], [4, 5, 9]);
  deepStrictEqual(inside.size, [4, 3, 5]);
  deepStrictEqual([...inside.shifts[1]].indexOf(-4), (1 * 3 + 1) * 5 + 3);
  // Beyond the low side it moves by what is missing there.
  const beyond = await read([-2, -3, -5], [12, 12, 30]);
  deepStrictEqual(beyond.size, [12, 6, 15]);
  deepStrictEqual([...beyond.shifts[1]].indexOf(-4), (8 * 6 + 4) * 15 + 11);
  deepStrictEqual((await read([50, 0, 0], [1, 2, 2])).shifts[1], new Uint8Array(1));
});

Deno.test("MovementRestrictor keeps positions out of the mask and seeds out of the seed mask", () => {
  const size: Zyx = [1, 2, 3];
  const restrictor = new MovementRestrictor(size, {
    mask: Uint8Array.of(0, 0, 0, 0, 1, 0),
    seedMask: Uint8Array.of(1, 0, 0, 0, 0, 0),
  });
  strictEqual(restrictor.isValidPosition([0, 1, 1]), false);
  strictEqual(restrictor.isValidPosition([0, 1, 2]), true);
  strictEqual(restrictor.isValidSeed([0, 0, 0]), false);
  strictEqual(restrictor.isValidSeed([0, 1, 1]), true);
  strictEqual(restrictor.excludesEverything, false);
  const full = new Uint8Array(6).fill(1);
  strictEqual(new MovementRestrictor(size, { mask: full }).excludesEverything, true);
  strictEqual(new MovementRestrictor(size, { seedMask: full }).excludesEverything, true);
  const free = new MovementRestrictor(size, {});
  strictEqual(free.isValidPosition([0, 0, 0]) && free.isValidSeed([0, 0, 0]), true);
  strictEqual(free.excludesEverything, false);
});

Deno.test("readShiftMask() refuses volumes without two channels and scales below 1", async () => {
  const box: Box = { start: [0, 0, 0], size: [1, 1, 1] };
  const flat: NdArray = { dtype: "int32", shape: [1, 2, 2, 2], data: new Int32Array(8) };
  await rejects(readShiftMask(memoryVolume(flat, "s.h5:s"), box, SETTINGS), {
    name: "RangeError",
    message:
      'Cannot use "s.h5:s" as a shift mask: it must have the shape (2 or more channels, z, y, x), ' +
      "current shape is [1, 2, 2, 2]",
  });
  const settings = { ...SETTINGS, scale: 0 };
  await rejects(readShiftMask(memoryVolume(documentedShift()), box, settings), {
    name: "RangeError",
    message: "Cannot use a shift mask: its scale must be 1 or more, current 0",
  });
});

Deno.test("defaultShiftFov() centres the model's image", () => {
  deepStrictEqual(defaultShiftFov([5, 4, 33]), { start: [-2, -2, -16], size: [5, 4, 33] });
});
