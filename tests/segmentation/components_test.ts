import { deepStrictEqual, rejects } from "node:assert/strict";
import {
  type Connectivity,
  splitDisconnectedComponents,
} from "../../engine/segmentation/components.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";

/** Plain flood fill, one component at a time: labels `[z, y, x]` → numbers in C order of first voxels. */
function floodedComponents(labels: ArrayLike<number>, size: Zyx, connectivity: Connectivity) {
  const [depth, height, width] = size;
  const axes = { 6: 1, 18: 2, 26: 3 }[connectivity];
  const found = new Array<number>(labels.length).fill(0);
  let count = 0;
  for (let start = 0; start < labels.length; start++) {
    if (labels[start] === 0 || found[start] !== 0) continue;
    found[start] = ++count;
    for (const open = [start]; open.length > 0;) {
      const i = open.pop()!;
      const [z, y, x] = [
        Math.floor(i / (height * width)),
        Math.floor(i / width) % height,
        i % width,
      ];
      for (const dz of [-1, 0, 1]) {
        for (const dy of [-1, 0, 1]) {
          for (const dx of [-1, 0, 1]) {
            if (Math.abs(dz) + Math.abs(dy) + Math.abs(dx) > axes) continue;
            const [nz, ny, nx] = [z + dz, y + dy, x + dx];
            if (nz < 0 || ny < 0 || nx < 0 || nz >= depth || ny >= height || nx >= width) continue;
            const n = (nz * height + ny) * width + nx;
            if (labels[n] !== labels[start] || found[n] !== 0) continue;
            found[n] = count;
            open.push(n);
          }
        }
      }
    }
  }
  return { labels: found, count };
}

/** Labels 0…2 from a fixed congruential sequence. */
function speckles(size: Zyx, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: size[0] * size[1] * size[2] }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 24) % 3;
  });
}

Deno.test("splitDisconnectedComponents() gives the recorded components", async () => {
  const labels = Int32Array.of(...[1, 1, 0, 2, 0, 1, 0, 1, 3, 0, 3, 1], ...[
    0,
    0,
    0,
    2,
    1,
    0,
    0,
    1,
    3,
    3,
    3,
    0,
  ]);
  const { labels: split, count } = await splitDisconnectedComponents(labels, [2, 3, 4]);
  deepStrictEqual(
    [...split],
    [1, 1, 0, 2, 0, 1, 0, 3, 4, 0, 4, 3, 0, 0, 0, 2, 5, 0, 0, 3, 4, 4, 4, 0],
  );
  deepStrictEqual(count, 5);
  deepStrictEqual([
    ...(await splitDisconnectedComponents(Uint8Array.of(4, 4, 2, 4), [1, 2, 2])).labels,
  ], [
    1,
    1,
    2,
    1,
  ]);
});

for (const connectivity of [6, 18, 26] as const) {
  Deno.test(`splitDisconnectedComponents() equals a flood fill, connectivity ${connectivity}`, async () => {
    for (
      const [seed, size] of [[[1], [7, 9, 11]], [[2], [1, 1, 30]], [[3], [5, 1, 6]], [[4], [
        2,
        12,
        3,
      ]]] as const
    ) {
      const labels = speckles(size, seed[0]);
      const expected = floodedComponents(labels, size, connectivity);
      const actual = await splitDisconnectedComponents(labels, size, connectivity);
      deepStrictEqual({ labels: [...actual.labels], count: actual.count }, expected);
    }
  });
}

Deno.test("splitDisconnectedComponents() joins the arms of a comb that meet in its last row", async () => {
  const [height, width] = [50, 41];
  const comb = Uint8Array.from(
    { length: height * width },
    (_, i) => i % width % 2 === 0 || i >= (height - 1) * width ? 1 : 0,
  );
  const { labels, count } = await splitDisconnectedComponents(comb, [1, height, width]);
  deepStrictEqual(count, 1);
  deepStrictEqual([...labels], [...comb]);
});

Deno.test("splitDisconnectedComponents() tells 64-bit labels with equal halves apart", async () => {
  const a = 0x1_0000_0002n, b = 0x2_0000_0002n, c = 0x1_0000_0001n;
  const { labels, count } = await splitDisconnectedComponents(
    BigUint64Array.of(a, b, b, 0n, c, b),
    [
      1,
      2,
      3,
    ],
  );
  deepStrictEqual([...labels], [1, 2, 2, 0, 3, 2]);
  deepStrictEqual(count, 3);
});

Deno.test("splitDisconnectedComponents() refuses floats and sizes that do not fit", async () => {
  await rejects(() => splitDisconnectedComponents(new Float32Array(8), [2, 2, 2]), {
    name: "TypeError",
    message: "Cannot split components: labels must be integers, current type is Float32Array",
  });
  await rejects(() => splitDisconnectedComponents(new Uint8Array(8), [2, 2, 3]), {
    name: "RangeError",
    message: "Cannot split components: size zyx (2, 2, 3) needs 12 labels, current number is 8",
  });
});
