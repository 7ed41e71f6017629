import { deepStrictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import {
  ComponentScan,
  type Connectivity,
  labelComponents,
} from "../../../wasm/labels/component_scan.ts";
import { seededRandom } from "../../support/random.ts";
import { plainComponents } from "./plain_labels.ts";

/** Blobs and specks of a few labels, so that runs of every length occur. */
function patches(size: Zyx, labels: number, seed: number): number[] {
  const random = seededRandom(seed);
  let last = 0;
  return Array.from({ length: volumeOf(size) }, () => {
    if (random() < 0.3) last = Math.floor(random() * (labels + 1));
    return last;
  });
}

const SIZES: Zyx[] = [[7, 9, 11], [1, 1, 30], [5, 1, 6], [2, 12, 3], [3, 4, 70], [1, 1, 1]];
const TYPES = [Uint8Array, Int16Array, Uint32Array] as const;

for (const connectivity of [6, 18, 26] as Connectivity[]) {
  Deno.test(`labelComponents() equals plain flooding, connectivity ${connectivity}`, async () => {
    for (const [n, size] of SIZES.entries()) {
      for (const count of [1, 2, 5]) {
        const values = patches(size, count, 10 * n + count);
        const expected = plainComponents(values.map(String), size, connectivity);
        for (const type of TYPES) {
          const actual = await labelComponents(type.from(values), size, connectivity);
          deepStrictEqual({ labels: [...actual.labels], count: actual.count }, expected);
        }
        const wide = BigInt64Array.from(values, (v) => v === 0 ? 0n : (1n << 33n) * BigInt(v));
        deepStrictEqual([...(await labelComponents(wide, size, connectivity)).labels], [
          ...expected.labels,
        ]);
      }
    }
  });

  Deno.test(`labelComponents() of two volumes equals plain flooding of pairs, connectivity ${connectivity}`, async () => {
    for (const [n, size] of SIZES.entries()) {
      const a = patches(size, 2, 40 + n), b = patches(size, 3, 70 + n);
      const pairs = a.map((v, i) => v === 0 && b[i] === 0 ? "0" : `${v}, ${b[i]}`);
      const expected = plainComponents(pairs, size, connectivity);
      for (const type of TYPES) {
        const actual = await labelComponents(type.from(a), size, connectivity, type.from(b));
        deepStrictEqual({ labels: [...actual.labels], count: actual.count }, expected);
      }
      const wide = (v: number) => BigInt(v) << 40n;
      const actual = await labelComponents(
        BigUint64Array.from(a, wide),
        size,
        connectivity,
        BigUint64Array.from(b, wide),
      );
      deepStrictEqual([...actual.labels], expected.labels);
    }
  });
}

Deno.test("ComponentScan joins across slabs and writes any planes", async () => {
  const size: Zyx = [9, 8, 17];
  const plane = 8 * 17;
  const values = Uint16Array.from(patches(size, 2, 5));
  using scan = await ComponentScan.create(size, 18);
  for (const [from, to] of [[0, 1], [1, 4], [4, 9]]) {
    scan.add(values.subarray(from * plane, to * plane));
  }
  const expected = plainComponents([...values].map(String), size, 18);
  deepStrictEqual(scan.finish(), expected.count);
  for (const [from, to] of [[6, 9], [0, 2]]) {
    const out = new Uint32Array((to - from) * plane);
    scan.write(out, from);
    deepStrictEqual([...out], expected.labels.slice(from * plane, to * plane));
  }
});

Deno.test("ComponentScan works on the memory of a scan before it, which holds other labels and runs", async () => {
  const size: Zyx = [6, 10, 70];
  for (const [n, count] of [1, 4, 0, 2].entries()) {
    const a = patches(size, count, 90 + n), b = patches(size, 2, 95 + n);
    const pairs = a.map((v, i) => v === 0 && b[i] === 0 ? "0" : `${v}, ${b[i]}`);
    using scan = await ComponentScan.create(size, 26);
    scan.add(Uint8Array.from(a), Uint8Array.from(b));
    const expected = plainComponents(pairs, size, 26);
    deepStrictEqual(scan.finish(), expected.count);
    const out = new Uint32Array(a.length);
    scan.write(out);
    deepStrictEqual([...out], expected.labels);
  }
});

Deno.test("labelComponents() works slab by slab on volumes larger than its window", async () => {
  // 3 MB a plane of bytes, so that a slab of the kernel's memory holds a part of the volume only.
  const size: Zyx = [40, 600, 500];
  const columns = Uint8Array.from(
    { length: volumeOf(size) },
    (_, i) => Math.floor(i / 50) % 2 === 0 ? 1 + Math.floor(i / 150_000_00) % 2 : 0,
  );
  const { labels, count } = await labelComponents(columns, size);
  deepStrictEqual(count, 5);
  deepStrictEqual([labels[0], labels[100], labels[50], labels[labels.length - 100]], [1, 2, 0, 5]);
});
