/** Vectors T15 of `spec/postprocessing.md`. */
import { deepStrictEqual, throws } from "node:assert/strict";
import {
  arrayReader,
  type Plane,
  readOrthogonalPlanes,
} from "../../engine/viewers/orthogonal_planes.ts";
import {
  centreOf,
  joinPlanes,
  signedColours,
  withCrossHair,
} from "../../engine/viewers/plane_pictures.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";

const SIZE: Zyx = [2, 3, 4];
const CENTRE: Zyx = [1, 1, 2];

function cut() {
  const ramp = Uint8Array.from({ length: 24 }, (_, i) => i);
  return readOrthogonalPlanes(arrayReader(ramp, SIZE), { start: [0, 0, 0], size: SIZE }, CENTRE);
}

function rows({ width, data }: Plane): number[][] {
  const values = Array.from<number | bigint, number>(data, Number);
  return Array.from(
    { length: values.length / width },
    (_, row) => values.slice(row * width, (row + 1) * width),
  );
}

Deno.test("joinPlanes() puts the planes side by side as recorded (T15)", async () => {
  deepStrictEqual(rows(joinPlanes(await cut())), [
    [12, 13, 14, 15, 0, 2, 14],
    [16, 17, 18, 19, 0, 6, 18],
    [20, 21, 22, 23, 0, 10, 22],
    [0, 0, 0, 0, 0, 0, 0],
    [4, 5, 6, 7, 0, 0, 0],
    [16, 17, 18, 19, 0, 0, 0],
  ]);
});

Deno.test("withCrossHair() darkens the lines through the centre as recorded (T15)", async () => {
  const { yx, zx, zy } = withCrossHair(await cut(), CENTRE);
  deepStrictEqual(rows(yx), [[12, 13, 7, 15], [8, 8.5, 4.5, 9.5], [20, 21, 11, 23]]);
  deepStrictEqual(rows(zx), [[4, 5, 3, 7], [8, 8.5, 4.5, 9.5]]);
  deepStrictEqual(rows(zy), [[2, 3, 10], [7, 4.5, 11]]);
});

Deno.test("signedColours() colours signs and what is no number as recorded (T15)", () => {
  const plane: Plane = { height: 2, width: 2, data: Float32Array.of(-2, 0, NaN, 4) };
  deepStrictEqual([...signedColours(plane)], [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  const close = (actual: Float32Array, expected: number[]) =>
    deepStrictEqual([...actual], [...Float32Array.from(expected)]);
  close(
    signedColours(plane, "tanh"),
    [Math.tanh(2), 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, Math.tanh(4)],
  );
  const at = (v: number) => 1 / (1 + Math.exp(-v));
  close(
    signedColours(plane, "sigmoid"),
    [at(-2), 0, at(-2), 0.5, 0, 0.5, 0.5, 1, 0.5, at(4), 0, at(4)],
  );
  // Nothing to divide by is no colour, not NaN.
  deepStrictEqual([...signedColours({ ...plane, data: new Float32Array(4) })], Array(12).fill(0));
});

Deno.test("centreOf() reads a place, or takes the middle", () => {
  deepStrictEqual(centreOf(undefined, [5, 4, 3]), [2, 2, 1]);
  deepStrictEqual(centreOf("10, 20,30", [5, 4, 3]), [10, 20, 30]);
  for (const text of ["1,2", "1,2,x", "1,,2", "1.5,2,3"]) {
    throws(() => centreOf(text, [5, 4, 3]), {
      name: "SyntaxError",
      message: `Cannot cut planes at "${text}": three integers Z,Y,X are needed, as in 10,20,30`,
    });
  }
});
