/** The picture of `spec/inference.md` §15, against its formula voxel by voxel. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { paintFlood, tilePictures } from "../../engine/viewers/flood_picture.ts";
import { arrayReader, readOrthogonalPlanes } from "../../engine/viewers/orthogonal_planes.ts";

const SIZE: Zyx = [4, 5, 7];
const CENTRE: Zyx = [2, 4, 3];

Deno.test("paintFlood() colours probabilities, marks the place, and leaves black what is no number", async () => {
  const logits = Float32Array.from({ length: 4 * 5 * 7 }, (_, i) => i % 11 === 0 ? NaN : i / 8 - 9);
  const whole = { start: [0, 0, 0] as const, size: SIZE };
  const planes = await readOrthogonalPlanes(arrayReader(logits, SIZE), whole, CENTRE);
  const { height, width, data } = paintFlood(planes, CENTRE);
  deepStrictEqual([height, width], [5 + 1 + 4, 7 + 1 + 4]);
  const [z0, y0, x0] = CENTRE;
  const logitAt = (row: number, column: number): number | null => {
    const halved = (...onLine: boolean[]) => 0.5 ** onLine.filter(Boolean).length;
    const at = (z: number, y: number, x: number) => logits[(z * 5 + y) * 7 + x];
    if (row < 5 && column < 7) return at(z0, row, column) * halved(row === y0, column === x0);
    if (row < 5 && column > 7) {
      return at(column - 8, row, x0) * halved(row === y0, column - 8 === z0);
    }
    if (row > 5 && column < 7) {
      return at(row - 6, y0, column) * halved(row - 6 === z0, column === x0);
    }
    return null;
  };
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i += 3) {
      const v = 1 / (1 + Math.exp(-(logitAt(row, column) ?? NaN)));
      const isMarked = row < 5 && Math.abs(row - y0) <= 1 && Math.abs(column - x0) <= 1;
      const expected = isMarked
        ? [255, 0, 0]
        : Number.isNaN(v)
        ? [0, 0, 0]
        : [250 * Math.sqrt(v), 250 * v ** 3, 250 * Math.sin(Math.PI * v)].map(Math.trunc);
      deepStrictEqual([...data.subarray(i, i + 3)], expected, `row ${row}, column ${column}`);
    }
  }
});

Deno.test("tilePictures() sets pictures beside each other and makes squares of pixels", () => {
  const one = { height: 1, width: 2, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
  const other = { height: 2, width: 1, data: Uint8Array.of(7, 8, 9, 10, 11, 12) };
  const { height, width, data } = tilePictures([one, other], 2, 1);
  deepStrictEqual([height, width], [4, 7]);
  const red = Array.from(
    { length: 4 },
    (_, row) => Array.from({ length: 7 }, (_, column) => data[3 * (row * 7 + column)]),
  );
  deepStrictEqual(red, [
    [1, 1, 4, 4, 255, 7, 7],
    [1, 1, 4, 4, 255, 7, 7],
    [255, 255, 255, 255, 255, 10, 10],
    [255, 255, 255, 255, 255, 10, 10],
  ]);
  strictEqual(tilePictures([]).data.length, 0);
});
