import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { volumeOf } from "../../../engine/geometry/vectors.ts";
import { erodeMask } from "../../../wasm/images/erode_mask.ts";
import { seededRandom } from "../../support/random.ts";
import { plainErosion, SHAPES } from "./plain_filters.ts";

Deno.test("erodeMask() takes away voxels with an unset face neighbour", async () => {
  const random = seededRandom(4);
  for (const size of SHAPES) {
    for (const times of [0, 1, 2, 4]) {
      const mask = Uint8Array.from({ length: volumeOf(size) }, () => random() < 0.97 ? 1 : 0);
      let expected: Uint8Array = mask;
      for (let k = 0; k < times; k++) expected = plainErosion(expected, size);
      await erodeMask(mask, size, times);
      deepStrictEqual(mask, expected, `${size}, ${times} times`);
    }
  }
});

Deno.test("erodeMask() ends early when nothing can change any more", async () => {
  const mask = new Uint8Array(4 * 5 * 6).fill(1);
  await erodeMask(mask, [4, 5, 6], 1e12);
  strictEqual(mask.indexOf(0), -1);
  mask[0] = 0;
  await erodeMask(mask, [4, 5, 6], 1e12);
  strictEqual(mask.indexOf(1), -1);
});
