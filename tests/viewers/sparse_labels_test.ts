import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { SparseLabels } from "../../engine/viewers/sparse_labels.ts";
import { seededRandom } from "../support/random.ts";

const SIZE: Zyx = [40, 70, 66];

Deno.test("SparseLabels gives free voxels only, as a dense array would", () => {
  const random = seededRandom(3);
  const labels = new SparseLabels();
  const dense = new Uint32Array(SIZE[0] * SIZE[1] * SIZE[2]);
  const boxes: { start: Zyx; size: Zyx }[] = [];
  const index = (z: number, y: number, x: number) => (z * SIZE[1] + y) * SIZE[2] + x;
  for (let id = 1; id <= 6; id++) {
    const start = SIZE.map((n) => Math.floor(random() * n / 2)) as unknown as Zyx;
    const size = SIZE.map((n) => 1 + Math.floor(random() * n / 2)) as unknown as Zyx;
    boxes.push({ start, size });
    const prob = Uint8Array.from(
      { length: size[0] * size[1] * size[2] },
      () => random() < 0.6 ? 0 : 1 + Math.floor(random() * 255),
    );
    const own = prob.slice();
    const overlap = new Map<number, number>();
    let voxels = 0;
    prob.forEach((byte, p) => {
      if (byte === 0) return;
      const z = Math.floor(p / (size[1] * size[2])), y = Math.floor(p / size[2]) % size[1];
      const i = index(start[0] + z, start[1] + y, start[2] + p % size[2]);
      if (dense[i] === 0) {
        dense[i] = id;
        voxels++;
        return;
      }
      overlap.set(dense[i], (overlap.get(dense[i]) ?? 0) + 1);
      own[p] = 0;
    });
    const added = labels.add({ start, size }, prob, id);
    strictEqual(added.voxels, voxels);
    deepStrictEqual(new Map([...added.overlap].sort()), new Map([...overlap].sort()));
    deepStrictEqual(prob, own);
  }
  const compare = () => {
    for (let z = 0; z < SIZE[0]; z++) {
      for (let y = 0; y < SIZE[1]; y++) {
        for (let x = 0; x < SIZE[2]; x++) strictEqual(labels.at(z, y, x), dense[index(z, y, x)]);
      }
    }
  };
  compare();
  labels.remove(boxes[2], 3);
  dense.forEach((label, i) => dense[i] = label === 3 ? 0 : label);
  compare();
  strictEqual(labels.highest, 6);
});

Deno.test("SparseLabels.load() takes over a canvas, and far voxels cost nothing", () => {
  const labels = new SparseLabels();
  labels.load([1, 2, 2], Int32Array.of(0, 5, -1, 2));
  deepStrictEqual([labels.at(0, 0, 1), labels.at(0, 1, 0), labels.at(0, 1, 1)], [5, 0, 2]);
  strictEqual(labels.highest, 5);
  labels.add({ start: [90000, 80000, 70000], size: [1, 1, 1] }, Uint8Array.of(9), 7);
  strictEqual(labels.at(90000, 80000, 70000), 7);
  strictEqual([...labels.blocks].length, 2);
});
