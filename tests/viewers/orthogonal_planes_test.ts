import { deepStrictEqual, notDeepStrictEqual, rejects, throws } from "node:assert/strict";
import {
  arrayReader,
  type OrthogonalPlanes,
  paintLabels,
  readOrthogonalPlanes,
} from "../../engine/viewers/orthogonal_planes.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";

const SIZE: Zyx = [2, 3, 4];
const ramp = Uint8Array.from({ length: 24 }, (_, i) => i);

function cut(data: Uint8Array | Uint32Array | BigUint64Array, centre?: Zyx) {
  return readOrthogonalPlanes(arrayReader(data, SIZE), { start: [0, 0, 0], size: SIZE }, centre);
}

Deno.test("readOrthogonalPlanes() cuts the recorded planes", async () => {
  const { yx, zx, zy } = await cut(ramp, [1, 1, 2]);
  deepStrictEqual(yx, { height: 3, width: 4, data: ramp.slice(12) });
  deepStrictEqual(zx, { height: 2, width: 4, data: Uint8Array.of(4, 5, 6, 7, 16, 17, 18, 19) });
  deepStrictEqual(zy, { height: 2, width: 3, data: Uint8Array.of(2, 6, 10, 14, 18, 22) });
  deepStrictEqual(await cut(ramp), await cut(ramp, [1, 1, 2]));
});

Deno.test("readOrthogonalPlanes() reads planes of a box inside a volume", async () => {
  const box = { start: [0, 1, 1], size: [2, 2, 3] } as const;
  const { yx, zy } = await readOrthogonalPlanes(arrayReader(ramp, SIZE), box, [1, 0, 1]);
  deepStrictEqual([...yx.data as Uint8Array], [17, 18, 19, 21, 22, 23]);
  deepStrictEqual([...zy.data as Uint8Array], [6, 10, 18, 22]);
  await rejects(readOrthogonalPlanes(arrayReader(ramp, SIZE), box, [2, 0, 0]), {
    name: "RangeError",
    message:
      "Cannot cut planes of start zyx (0, 1, 1) size (2, 2, 3): the centre must be inside, " +
      "current centre is (2, 0, 0)",
  });
});

/** Red of every pixel, row by row. */
function reds(picture: { width: number; data: Uint8Array }): number[][] {
  const red = [...picture.data].filter((_, i) => i % 3 === 0);
  return Array.from(
    { length: red.length / picture.width },
    (_, row) => red.slice(row * picture.width, (row + 1) * picture.width),
  );
}

Deno.test("paintLabels() joins the planes as recorded, grey where there is no label", async () => {
  const picture = paintLabels(await cut(ramp, [1, 1, 2]), await cut(new Uint8Array(24)));
  deepStrictEqual([picture.height, picture.width], [6, 7]);
  // 2 is the smallest value of the planes and 23 the largest, so a ramp step is 255 / 21.
  const level = (v: number) => Math.floor(255 * (v - 2) / 21);
  const expected = [
    [12, 13, 14, 15, null, 2, 14],
    [16, 17, 18, 19, null, 6, 18],
    [20, 21, 22, 23, null, 10, 22],
    [null, null, null, null, null, null, null],
    [4, 5, 6, 7, null, null, null],
    [16, 17, 18, 19, null, null, null],
  ].map((row) => row.map((v) => v === null ? 0 : level(v)));
  deepStrictEqual(reds(picture), expected);
  for (let i = 0; i < picture.data.length; i += 3) {
    deepStrictEqual(picture.data[i], picture.data[i + 1]);
    deepStrictEqual(picture.data[i], picture.data[i + 2]);
  }
});

Deno.test("paintLabels() gives neighbouring labels different colours, 64-bit ones too", async () => {
  const flat: OrthogonalPlanes = await cut(new Uint8Array(24));
  const labels = BigUint64Array.from({ length: 24 }, (_, i) => BigInt(i % 4));
  const { data } = paintLabels(flat, await cut(labels));
  const pixel = (x: number) => [...data.slice(3 * x, 3 * x + 3)];
  deepStrictEqual(new Set(pixel(0)).size, 1);
  for (const [a, b] of [[1, 2], [2, 3], [1, 3]]) notDeepStrictEqual(pixel(a), pixel(b));
});

Deno.test("paintLabels() refuses planes of different sizes", async () => {
  const other = await readOrthogonalPlanes(arrayReader(ramp, SIZE), {
    start: [0, 0, 0],
    size: [1, 3, 4],
  });
  const planes = await cut(ramp);
  throws(() => paintLabels(planes, other), {
    name: "RangeError",
    message:
      "Cannot paint labels over plane zx: sizes must be equal, current sizes are 2×4 and 1×4",
  });
});
