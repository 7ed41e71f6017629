import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { type Box, endOf } from "../../engine/geometry/box.ts";
import { toXyz, toZyx, type Zyx } from "../../engine/geometry/vectors.ts";
import { shareOf, SubBoxes, type TilingOptions } from "../../engine/geometry/sub_boxes.ts";

const zyx = (x: number, y: number, z: number): Zyx => toZyx({ x, y, z });
const xyz = (v: Zyx): number[] => Object.values(toXyz(v));

/** Tiling with cubes, sizes given in xyz. */
function tile(size: Zyx, edge: number, overlap: number, options: Partial<TilingOptions> = {}) {
  return new SubBoxes({ start: [0, 0, 0], size }, {
    size: [edge, edge, edge],
    overlap: [overlap, overlap, overlap],
    ...options,
  });
}

Deno.test("SubBoxes gives the documented tiles in raster order", () => {
  const boxes = tile(zyx(250, 130, 100), 128, 48);
  deepStrictEqual(xyz(boxes.counts), [3, 2, 1]);
  deepStrictEqual([...boxes].map((box) => xyz(box.start)), [
    ...[[0, 0, 0], [80, 0, 0], [160, 0, 0], [0, 80, 0], [80, 80, 0], [160, 80, 0]],
  ]);
  deepStrictEqual([...boxes].map((box) => xyz(box.size)), [
    ...[[128, 128, 100], [128, 128, 100], [90, 128, 100]],
    ...[[128, 50, 100], [128, 50, 100], [90, 50, 100]],
  ]);
});

Deno.test("SubBoxes leaves out, or includes, tiles that lie in the overlap", () => {
  const boxes = tile(zyx(112, 64, 64), 64, 48);
  deepStrictEqual([...boxes].map((box) => xyz(box.start)[0]), [0, 16, 32, 48]);
  deepStrictEqual([...boxes].every((box) => box.size.every((n) => n === 64)), true);
  const all = tile(zyx(112, 64, 64), 64, 48, { includeSmall: true });
  deepStrictEqual(xyz(all.counts), [7, 4, 4]);
  strictEqual([...all].length, 112);
  strictEqual(tile(zyx(48, 64, 64), 64, 48).count, 0);
});

Deno.test("SubBoxes shifts tiles back to their full size", () => {
  const boxes = [...tile(zyx(100, 64, 64), 64, 16, { backShift: true })];
  deepStrictEqual(boxes.map((box) => xyz(box.start)), [[0, 0, 0], [36, 0, 0]]);
  deepStrictEqual(boxes.map((box) => xyz(box.size)), [[64, 64, 64], [64, 64, 64]]);
});

Deno.test("SubBoxes does not cut an axis without a size", () => {
  const boxes = new SubBoxes({ start: [5, 6, 7], size: [10, 20, 30] }, {
    ...{ size: [null, 8, null], overlap: [0, 2, 0] },
  });
  deepStrictEqual([...boxes].map((box) => box.start), [[5, 6, 7], [5, 12, 7], [5, 18, 7]]);
  deepStrictEqual([...boxes].map((box) => box.size), [[10, 8, 30], [10, 8, 30], [10, 8, 30]]);
});

Deno.test("SubBoxes covers the box, and neighbours share the overlap", () => {
  const outer: Box = { start: [-3, 4, 0], size: [23, 17, 31] };
  const boxes = new SubBoxes(outer, { size: [9, 8, 10], overlap: [3, 2, 4] });
  const covered = new Set<string>();
  for (const { start, size } of boxes) {
    for (let z = start[0]; z < start[0] + size[0]; z++) {
      for (let y = start[1]; y < start[1] + size[1]; y++) {
        for (let x = start[2]; x < start[2] + size[2]; x++) covered.add(`${z},${y},${x}`);
      }
    }
  }
  strictEqual(covered.size, 23 * 17 * 31);
  for (let i = 0; i < boxes.count; i++) {
    const next = boxes.neighbour(i, [0, 0, 1]);
    strictEqual(next === null, boxes.bordersOf(i).last[2]);
    if (next !== null) strictEqual(endOf(boxes.at(i))[2] - boxes.at(next).start[2], 4);
  }
});

Deno.test("SubBoxes knows neighbours and borders by number", () => {
  const boxes = tile(zyx(250, 130, 100), 128, 48);
  strictEqual(boxes.neighbour(0, zyx(1, 1, 0)), 4);
  strictEqual(boxes.neighbour(5, zyx(1, 0, 0)), null);
  strictEqual(boxes.neighbour(5, zyx(-2, -1, 0)), 0);
  deepStrictEqual(boxes.bordersOf(1), { first: [true, true, false], last: [true, false, false] });
  throws(() => boxes.at(6), {
    name: "RangeError",
    message: "Cannot take tile 6: the box has 6 tiles, numbered from 0",
  });
});

Deno.test("SubBoxes refuses tiles that are not larger than the overlap", () => {
  throws(() => tile(zyx(100, 100, 100), 48, 48), {
    name: "RangeError",
    message:
      "Cannot tile a box with overlap zyx (48, 48, 48): it must be smaller than the tiles, current size is (48, 48, 48)",
  });
});

Deno.test("shareOf() deals numbers round robin", () => {
  deepStrictEqual([0, 1, 2].map((rank) => shareOf(7, rank, 3)), [[0, 3, 6], [1, 4], [2, 5]]);
  throws(() => shareOf(7, 3, 3), { name: "RangeError" });
});
