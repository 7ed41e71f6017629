import { deepStrictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { reflect } from "../../../wasm/images/gaussian_filter.ts";
import { gradientPlanes } from "../../../wasm/images/gradient_planes.ts";
import { seededRandom } from "../../support/random.ts";
import { plainGaussian, plainSobel, SHAPES } from "./plain_filters.ts";

async function filtered(image: Float32Array, size: Zyx, weights: number[], perSlice: boolean) {
  const gradient = new Float32Array(image.length);
  const smoothed = new Float32Array(image.length);
  const count = size[1] * size[2];
  for await (
    const plane of gradientPlanes(image, size, Float64Array.from(weights), perSlice)
  ) {
    gradient.set(plane.gradient, plane.z * count);
    smoothed.set(plane.smoothed, plane.z * count);
  }
  return { gradient, smoothed };
}

for (const perSlice of [false, true]) {
  const axes = perSlice ? [1, 2] : [0, 1, 2];
  Deno.test(`gradientPlanes() with perSlice ${perSlice} equals plain loops bit for bit`, async () => {
    const random = seededRandom(11);
    for (const size of SHAPES) {
      // Values of very different size, so that the order of additions shows.
      const image = Float32Array.from(
        { length: volumeOf(size) },
        () => (random() - 0.5) * 10 ** Math.floor(random() * 9 - 4),
      );
      for (const radius of [0, 1, 5, 33]) {
        const weights = Array.from({ length: radius + 1 }, random);
        const { gradient, smoothed } = await filtered(image, size, weights, perSlice);
        const expected = plainSobel(image, size, axes);
        deepStrictEqual(gradient, expected, `gradient of ${size}`);
        deepStrictEqual(
          smoothed,
          plainGaussian(expected, size, axes, weights),
          `smoothed ${size} by ${radius}`,
        );
      }
    }
  });
}

Deno.test("gradientPlanes() leaves the image as it is", async () => {
  const image = Float32Array.from({ length: 60 }, (_, i) => i % 7);
  const copy = image.slice();
  await filtered(image, [3, 4, 5], [0.5, 0.25], false);
  deepStrictEqual(image, copy);
});

Deno.test("reflect() mirrors as often as it takes, the border twice", () => {
  const at = (n: number) => Array.from({ length: 11 }, (_, i) => reflect(i - 4, n));
  deepStrictEqual(at(3), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
  deepStrictEqual(at(1), new Array(11).fill(0));
  deepStrictEqual(at(20), [3, 2, 1, 0, 0, 1, 2, 3, 4, 5, 6]);
});
