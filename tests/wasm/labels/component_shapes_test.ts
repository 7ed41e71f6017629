/** Shapes that are hard to join: they cross words of 64 voxels and windows of the kernel's memory. */
import { deepStrictEqual } from "node:assert/strict";
import type { Zyx } from "../../../engine/geometry/vectors.ts";
import { type Connectivity, labelComponents } from "../../../wasm/labels/component_scan.ts";
import { seededRandom } from "../../support/random.ts";
import { plainComponents } from "./plain_labels.ts";

/** 70 planes of 64-bit labels, twice over, fill the window more than once. */
const SIZE: Zyx = [70, 40, 130];

type Shape = (z: number, y: number, x: number) => number;

function drawn(shape: Shape, [depth, height, width]: Zyx): number[] {
  const labels: number[] = [];
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) labels.push(shape(z, y, x));
  }
  return labels;
}

const random = seededRandom(11);
const SHAPES: Record<string, { shape: Shape; connectivity: Connectivity }> = {
  "the walls of a spiral in every plane, joined only by the last": {
    shape: (z, y, x) => {
      const ring = Math.min(y, x, SIZE[1] - 1 - y, SIZE[2] - 1 - x);
      return ring % 2 === 0 || (y === x + 1 && x < 20) ? 1 : z === SIZE[0] - 1 ? 1 : 0;
    },
    connectivity: 6,
  },
  "a checkerboard, apart by faces": {
    shape: (z, y, x) => (x + y + z) % 2,
    connectivity: 6,
  },
  "a checkerboard, joined by edges": {
    shape: (z, y, x) => (x + y + z) % 2,
    connectivity: 18,
  },
  "stairs that touch by corners": {
    shape: (z, y, x) => (x === (y + z * 40) % 130 || x === 129 - y) && z % 40 === y ? 1 + z % 2 : 0,
    connectivity: 26,
  },
  "teeth of a comb along z": {
    shape: (z, y, x) => z === SIZE[0] - 1 || (x % 2 === 0 && y % 2 === 0) ? 7 : 0,
    connectivity: 6,
  },
  "waves that drift by a voxel a row": {
    shape: (z, y, x) => 1 + Math.floor((x + y + 2 * z) / 9) % 3,
    connectivity: 6,
  },
  "specks": { shape: () => Math.floor(random() * 3), connectivity: 26 },
};

for (const [name, { shape, connectivity }] of Object.entries(SHAPES)) {
  Deno.test(`labelComponents() equals plain flooding: ${name}`, async () => {
    const values = drawn(shape, SIZE);
    const expected = plainComponents(values.map(String), SIZE, connectivity);
    const labels = BigUint64Array.from(values, (value) => BigInt(value) << 33n);
    for (const second of [undefined, labels]) {
      const found = await labelComponents(labels, SIZE, connectivity, second);
      deepStrictEqual(found.count, expected.count);
      deepStrictEqual(found.labels, Uint32Array.from(expected.labels));
    }
  });
}
