import { deepStrictEqual, rejects } from "node:assert/strict";
import type { TypedArray } from "../../engine/formats/nd_array.ts";
import { type Box, endOf } from "../../engine/geometry/box.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { findPairs } from "../../engine/resegmentation/find_pairs.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import { seededRandom } from "../support/random.ts";

/** Labels `[z, y, x]` with boxes filled in. */
function filled(size: Zyx, parts: readonly [label: number, start: Zyx, size: Zyx][]): Uint32Array {
  const out = new Uint32Array(volumeOf(size));
  for (const [label, start, part] of parts) {
    const end = endOf({ start, size: part });
    for (let z = start[0]; z < end[0]; z++) {
      for (let y = start[1]; y < end[1]; y++) {
        const row = (z * size[1] + y) * size[2];
        out.fill(label, row + start[2], row + end[2]);
      }
    }
  }
  return out;
}

async function found(data: TypedArray, size: Zyx, max: number, box?: Box, dtype = "uint32") {
  const volume = memoryVolume({ dtype: dtype as "uint32", shape: size, data });
  const { pairs } = await findPairs(volume, box ?? { start: [0, 0, 0], size }, max);
  return pairs.map(({ idA, idB, position, distance }) => [
    ...[Number(idA), Number(idB), [...position].reverse(), Number(distance.toFixed(7))],
  ]);
}

Deno.test("findPairs() finds the recorded pairs (T10)", async () => {
  const size: Zyx = [8, 10, 12];
  const labels = filled(size, [
    [3, [2, 2, 1], [3, 3, 3]],
    [9, [2, 2, 5], [3, 3, 3]],
    [4, [2, 6, 1], [3, 2, 3]],
    [2, [6, 8, 11], [1, 1, 1]],
  ]);
  deepStrictEqual(await found(labels, size, 2), []);
  const near = [[3, 4, [1, 5, 2], 2], [3, 9, [4, 2, 2], 2]];
  deepStrictEqual(await found(labels, size, 2.0001), near);
  deepStrictEqual(await found(labels, size, 3), [...near, [4, 9, [4, 5, 2], 2.8284271]]);
});

Deno.test("findPairs() finds the recorded pairs of a box away from the origin (T10)", async () => {
  const cube = filled([4, 4, 4], [
    [1, [0, 0, 0], [2, 2, 2]],
    [2, [2, 2, 2], [2, 2, 2]],
    [5, [0, 0, 2], [2, 2, 2]],
  ]);
  // The box lies at xyz (100, 200, 300): a volume that is read there only.
  const box: Box = { start: [300, 200, 100], size: [4, 4, 4] };
  const volume = {
    ...{ spec: "labels", shape: [400, 400, 400], dtype: "uint32" as const },
    read: () => Promise.resolve(cube),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { pairs, objects } = await findPairs(volume, box, 2);
  deepStrictEqual(objects, 3);
  deepStrictEqual(
    pairs.map((p) => [p.idA, p.idB, [...p.position].reverse(), Number(p.distance.toFixed(7))]),
    [
      [1n, 2n, [102, 202, 302], 1.7320508],
      [1n, 5n, [102, 200, 300], 1],
      [2n, 5n, [102, 202, 302], 1.4142136],
    ],
  );
});

/** The definition: all distances between the shells of two objects of one box. */
function plainPairs(labels: Uint32Array, size: Zyx, max: number) {
  const at = (i: number) => [
    Math.floor(i / (size[1] * size[2])),
    Math.floor(i / size[2]) % size[1],
    i % size[2],
  ];
  const shells = new Map<number, number[][]>();
  labels.forEach((label, i) => {
    const p = at(i);
    const isShell = [0, 1, 2].some((axis) =>
      [-1, 1].some((d) => {
        const n = p.map((v, k) => v + (k === axis ? d : 0));
        if (n.some((v, k) => v < 0 || v >= size[k])) return false;
        return labels[(n[0] * size[1] + n[1]) * size[2] + n[2]] !== label;
      })
    );
    if (label > 0 && isShell) shells.set(label, [...shells.get(label) ?? [], p]);
  });
  const ids = [...shells.keys()].sort((a, b) => a - b);
  const even = (v: number) =>
    v % 1 === 0 ? v : Math.floor(v) % 2 === 0 ? Math.floor(v) : Math.ceil(v);
  return ids.flatMap((a, i) =>
    ids.slice(i + 1).flatMap((b) => {
      let best: [number, number[], number[]] | null = null;
      for (const p of shells.get(a)!) {
        for (const q of shells.get(b)!) {
          const d = Math.hypot(...p.map((v, k) => v - q[k]));
          if (best === null || d < best[0] - 1e-9) best = [d, p, q];
        }
      }
      if (best === null || best[0] >= max) return [];
      const middle = best[1].map((v, k) => even((v + best![2][k]) / 2)).reverse();
      return [[a, b, middle, Number(best[0].toFixed(7))]];
    })
  );
}

Deno.test("findPairs() equals looking at all distances, in any integer type", async () => {
  const random = seededRandom(3);
  for (const size of [[6, 7, 8], [1, 9, 9], [12, 2, 5]] as Zyx[]) {
    const labels = new Uint32Array(volumeOf(size)).map(() =>
      random() < 0.75 ? 0 : 1 + Math.floor(random() * 6)
    );
    for (const max of [1.2, 2, 3.5]) {
      const expected = plainPairs(labels, size, max);
      deepStrictEqual(await found(labels, size, max), expected);
      deepStrictEqual(
        await found(BigUint64Array.from(labels, BigInt), size, max, undefined, "uint64"),
        expected,
      );
    }
  }
});

Deno.test("findPairs() finds a pair once where it lies in several buckets", async () => {
  const size: Zyx = [4, 4, 150];
  const labels = filled(size, [[1, [0, 0, 0], [2, 4, 150]], [2, [3, 0, 62], [1, 4, 3]]]);
  deepStrictEqual(await found(labels, size, 2.5), [[1, 2, [62, 0, 2], 2]]);
  await rejects(() => found(labels, size, 0), { name: "RangeError" });
  await rejects(() => found(new Float32Array(2400), size, 2, undefined, "float32"), {
    name: "TypeError",
  });
});
