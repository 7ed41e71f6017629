import { deepStrictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { findPeaks, type PeakOptions } from "../../../wasm/images/find_peaks.ts";
import { keepApart } from "../../../wasm/images/keep_apart.ts";
import { seededRandom } from "../../support/random.ts";
import { plainMaximum } from "./plain_filters.ts";

/** Peaks by definition, of one image whose axes of size 1 are not looked at when `flat`. */
function plainPeaks(
  values: ArrayLike<number>,
  size: Zyx,
  { minDistance, threshold, diskRadius }: PeakOptions & { threshold: number },
  flat: boolean,
): number[] {
  const radius = diskRadius ?? minDistance;
  const highest = plainMaximum(
    values,
    size,
    radius,
    (dz, dy, dx) =>
      (!flat || dz === 0) && (diskRadius === undefined || dy ** 2 + dx ** 2 <= radius ** 2),
  );
  if (radius > 0 && highest.every((h, i) => h === values[i])) return [];
  const inside = (c: number, n: number) => c >= minDistance && c < n - minDistance;
  const found = Array.from(values).keys().filter((i) =>
    highest[i] === values[i] && values[i] > threshold &&
    (flat || inside(Math.floor(i / (size[1] * size[2])), size[0])) &&
    inside(Math.floor(i / size[2]) % size[1], size[1]) && inside(i % size[2], size[2])
  ).toArray().sort((a, b) => values[b] - values[a] || a - b);
  return minDistance > 1 ? plainApart(found, size, minDistance, diskRadius !== undefined) : found;
}

function plainApart(indices: number[], size: Zyx, spacing: number, euclidean: boolean): number[] {
  const kept: number[] = [];
  for (const i of indices) {
    const isClose = kept.some((k) => {
      const away = [
        Math.floor(i / (size[1] * size[2])) - Math.floor(k / (size[1] * size[2])),
        Math.floor(i / size[2]) % size[1] - Math.floor(k / size[2]) % size[1],
        i % size[2] - k % size[2],
      ];
      return (euclidean ? Math.hypot(...away) : Math.max(...away.map(Math.abs))) < spacing;
    });
    if (!isClose) kept.push(i);
  }
  return kept;
}

const IMAGES: readonly Zyx[] = [[1, 1, 1], [4, 9, 11], [9, 8, 13], [7, 7, 7], [15, 6, 10]];

/** Few grey values make plateaus, many make single peaks. */
function randomImage(size: Zyx, greys: number, random: () => number): Float64Array {
  return Float64Array.from({ length: volumeOf(size) }, () => Math.floor(random() * greys) - 2);
}

Deno.test("findPeaks() finds what the definition says", async () => {
  const random = seededRandom(8);
  for (const size of IMAGES) {
    for (const greys of [1, 2, 5, 1e6]) {
      const values = randomImage(size, greys, random);
      const count = size[1] * size[2];
      const fill = (z: number, plane: Float64Array) =>
        plane.set(values.subarray(z * count, (z + 1) * count));
      for (const minDistance of [0, 1, 2, 3]) {
        for (const threshold of [-Infinity, 0.5]) {
          const options = { minDistance, threshold };
          deepStrictEqual(
            await findPeaks(size, fill, options),
            plainPeaks(values, size, options, false),
            JSON.stringify({ size, greys, ...options }),
          );
        }
      }
    }
  }
});

Deno.test("findPeaks() with perSlice takes every slice by itself, with a box or a disk", async () => {
  const random = seededRandom(9);
  for (const size of IMAGES) {
    for (const greys of [1, 3, 1e6]) {
      const values = randomImage(size, greys, random);
      const count = size[1] * size[2];
      const slice = (z: number) => values.subarray(z * count, (z + 1) * count);
      for (const diskRadius of [undefined, 0, 1, 2, 4]) {
        for (const minDistance of [0, 1, 3]) {
          const options = { minDistance, diskRadius, perSlice: true };
          const expected = Array.from(
            { length: size[0] },
            (_, z) =>
              plainPeaks(slice(z), [1, size[1], size[2]], { ...options, threshold: z / 2 }, true)
                .map((i) => z * count + i),
          ).flat();
          const found = await findPeaks(size, (z, plane) => plane.set(slice(z)), {
            ...options,
            threshold: (z) => z / 2,
          });
          deepStrictEqual(found, expected, JSON.stringify({ size, greys, ...options }));
        }
      }
    }
  }
});

Deno.test("findPeaks() has no peaks in slices that are constant, each at its own value", async () => {
  const options = { minDistance: 1, threshold: -1, perSlice: true };
  deepStrictEqual(await findPeaks([3, 5, 5], (z, plane) => plane.fill(z), options), []);
});

Deno.test("findPeaks() has no peaks in windows wider than the image", async () => {
  const fill = (_: number, plane: Float64Array) => plane.set([1, 5, 2]);
  deepStrictEqual(await findPeaks([1, 1, 3], fill, { minDistance: 1e9, threshold: 0 }), []);
});

Deno.test("keepApart() drops what is closer than the spacing to something kept", () => {
  const random = seededRandom(10);
  const size: Zyx = [6, 17, 23];
  for (const spacing of [2, 3, 5]) {
    const indices = Array.from({ length: 4000 }, () => Math.floor(random() * volumeOf(size)));
    for (const euclidean of [false, true]) {
      deepStrictEqual(
        keepApart(indices, size, spacing, euclidean),
        plainApart(indices, size, spacing, euclidean),
      );
    }
  }
});
