import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { alignAndCrop } from "../../engine/geometry/alignment.ts";
import type { Box } from "../../engine/geometry/box.ts";
import { volumeOf } from "../../engine/geometry/vectors.ts";

/** Voxel by voxel. */
function expected(source: Int32Array, from: Box, to: Box, fill: number): Int32Array {
  const out = new Int32Array(volumeOf(to.size)).fill(fill);
  let i = 0;
  for (let z = 0; z < to.size[0]; z++) {
    for (let y = 0; y < to.size[1]; y++) {
      for (let x = 0; x < to.size[2]; x++, i++) {
        const [sz, sy, sx] = [z, y, x].map((v, axis) => v + to.start[axis] - from.start[axis]);
        const inside = [sz, sy, sx].every((v, axis) => v >= 0 && v < from.size[axis]);
        if (inside) out[i] = source[(sz * from.size[1] + sy) * from.size[2] + sx];
      }
    }
  }
  return out;
}

Deno.test("alignAndCrop() copies the common part and fills the rest", () => {
  const from: Box = { start: [5, -2, 3], size: [3, 4, 5] };
  const source = Int32Array.from({ length: 60 }, (_, i) => i + 1);
  const targets: Box[] = [
    { start: [4, -3, 2], size: [5, 6, 7] },
    { start: [6, -1, 4], size: [1, 2, 3] },
    { start: [5, 0, 6], size: [3, 9, 9] },
    { start: [3, -9, -1], size: [3, 9, 5] },
    { start: [8, -2, 3], size: [3, 4, 5] },
    { start: [-8, -2, 3], size: [3, 4, 5] },
  ];
  for (const to of targets) {
    deepStrictEqual(alignAndCrop(source, from, to), expected(source, from, to, 0));
    deepStrictEqual(alignAndCrop(source, from, to, -7), expected(source, from, to, -7));
  }
});

Deno.test("alignAndCrop() returns the source itself where the boxes are equal", () => {
  const box: Box = { start: [1, 2, 3], size: [1, 1, 2] };
  const source = Uint8Array.of(4, 5);
  strictEqual(alignAndCrop(source, box, { ...box }), source);
  const labels = BigUint64Array.of(9n, 8n);
  deepStrictEqual(
    alignAndCrop(labels, box, { start: [1, 2, 4], size: [1, 1, 2] }, 1n),
    BigUint64Array.of(8n, 1n),
  );
  throws(() => alignAndCrop(source, { ...box, size: [1, 1, 3] }, box), {
    name: "RangeError",
    message: "Cannot align an array: its box has 3 voxels, current length is 2",
  });
});
