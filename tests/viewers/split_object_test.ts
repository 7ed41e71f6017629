import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { splitObject } from "../../engine/viewers/split_object.ts";
import { seededRandom } from "../support/random.ts";

Deno.test("splitObject() cuts two balls apart at the neck between them, wherever the marks are", () => {
  const size: Zyx = [9, 9, 25], prob = new Uint8Array(volumeOf(size));
  const neck = 9;
  for (let z = 0, i = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[2]; x++, i++) {
        const isBall = [[4, 4], [18, 6]].some(([middle, radius]) =>
          Math.hypot(z - 4, y - 4, x - middle) <= Math.min(radius, 4)
        );
        const isBridge = Math.hypot(z - 4, y - 4) <= 1.5 && x >= 8 && x <= 14;
        if (isBall) prob[i] = 240;
        else if (isBridge) prob[i] = x === neck ? 160 : 200;
      }
    }
  }
  const expected = (isLeft: boolean) => prob.map((p, i) => (i % size[2] < neck) === isLeft ? p : 0);
  // One mark is much nearer to the neck than the other.
  for (const [left, right] of [[[4, 4, 4], [4, 4, 18]], [[4, 4, 8], [4, 4, 20]]] as Zyx[][]) {
    const [a, b] = splitObject(size, prob, [[left], [right]]);
    const away = (from: Uint8Array, to: Uint8Array) =>
      from.reduce((sum, p, i) => sum + Number(p !== to[i] && i % size[2] !== neck), 0);
    deepStrictEqual([away(a, expected(true)), away(b, expected(false))], [0, 0]);
  }
});

Deno.test("splitObject() gives each voxel of an object to one side, parts apart to the nearest mark", () => {
  const size: Zyx = [6, 7, 8];
  const random = seededRandom(3);
  const prob = Uint8Array.from(
    { length: volumeOf(size) },
    () => random() < 0.3 ? 1 + 254 * random() : 0,
  );
  const at = ([z, y, x]: Zyx) => (z * size[1] + y) * size[2] + x;
  const marks: [Zyx[], Zyx[]] = [[[0, 0, 0], [1, 1, 0]], [[5, 6, 7]]];
  for (const mark of marks.flat()) prob[at(mark)] = 9;
  const [a, b] = splitObject(size, prob, marks);
  deepStrictEqual(a.map((p, i) => p + b[i]), prob);
  ok(a.every((p, i) => p === 0 || b[i] === 0));
  for (const [side, own] of [a, b].entries()) {
    for (const m of marks[side]) strictEqual(own[at(m)], 9);
  }
  // Two lone voxels.
  const line = new Uint8Array([9, 0, 9, 0, 0, 9, 0, 9]);
  const [left, right] = splitObject([1, 1, 8], line, [[[0, 0, 0]], [[0, 0, 7]]]);
  deepStrictEqual([...left], [9, 0, 9, 0, 0, 0, 0, 0]);
  deepStrictEqual([...right], [0, 0, 0, 0, 0, 9, 0, 9]);
});
