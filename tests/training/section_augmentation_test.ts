/** Changes of sections and rotations, against closed forms and plain loops. */
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { cropped } from "../../engine/training/fov_geometry.ts";
import { Random } from "../../engine/training/random.ts";
import { drawRotation, rotated, sizeToRotate } from "../../engine/training/rotation.ts";
import { augmentSections, sizeToRead } from "../../engine/training/section_augmentation.ts";
import {
  affineSource,
  blurred,
  elasticSource,
  perturbGrey,
  replacePart,
  resampled,
  rolled,
} from "../../engine/training/section_changes.ts";
import { readSectionOptions } from "../../engine/training/section_options.ts";
import { randomFloats } from "../support/small_networks.ts";

/** A patch of which every voxel is `value(z, y, x)`. */
function filled([depth, height, width]: Zyx, value: (z: number, y: number, x: number) => number) {
  const data = new Float32Array(depth * height * width);
  data.forEach((_, i) => {
    const [z, y] = [Math.floor(i / height / width), Math.floor(i / width) % height];
    data[i] = value(z, y, i % width);
  });
  return data;
}

const plane = filled([1, 5, 6], (_, y, x) => 10 * y + x);

Deno.test("resampled() is bilinear inside and mirrored beyond the sides", () => {
  const half = resampled(plane, [5, 6], (y, x) => [y + 0.5, x + 0.25]);
  for (let y = 0; y < 4; y++) {
    for (let x = 0; x < 5; x++) ok(Math.abs(half[6 * y + x] - (10 * y + 5 + x + 0.25)) < 1e-4);
  }
  // The border pixel stands there twice: -1 is 0, -2 is 1.
  deepStrictEqual([...resampled(plane, [5, 6], (y, x) => [y, x - 2])].slice(0, 4), [1, 0, 0, 1]);
  deepStrictEqual([...resampled(plane, [5, 6], (y, x) => [y + 1, x])].slice(24), [
    ...[40, 41, 42, 43, 44, 45],
  ]);
});

Deno.test("elasticSource() goes through its control points, and moves nothing without an area", () => {
  const y = Float64Array.from({ length: 9 }, (_, i) => i % 4 - 1);
  const x = Float64Array.from({ length: 9 }, (_, i) => (i * 5) % 3);
  const source = elasticSource({ rows: 3, columns: 3, y, x }, [8, 8]);
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      const i = 3 * row + column;
      const [sy, sx] = source(4 * row, 4 * column);
      ok(Math.abs(sy - (4 * row + y[i])) < 1e-9 && Math.abs(sx - (4 * column + x[i])) < 1e-9);
    }
  }
  // A displacement that grows evenly is continued evenly between the points.
  const even = Float64Array.from({ length: 25 }, (_, i) => i % 5);
  const sloped = elasticSource({ rows: 5, columns: 5, y: even, x: even }, [8, 8]);
  ok(Math.abs(sloped(3, 3)[1] - (3 + 1.5)) < 1e-9);
  const still = elasticSource({ rows: 1, columns: 5, y: even, x: even }, [8, 8]);
  deepStrictEqual(still(3, 5), [3, 5]);
});

Deno.test("affineSource() scales, rotates and shears about the first pixel", () => {
  const none = { rotation: 0, shear: 0, scaleX: 1, scaleY: 1 };
  deepStrictEqual(affineSource({ ...none, scaleX: 0.5, scaleY: 2 })(3, 4), [6, 2]);
  const near = (a: readonly number[], b: readonly number[]) =>
    ok(a.every((v, i) => Math.abs(v - b[i]) < 1e-9), `${a} is not ${b}`);
  // M = [[sx cos r, -sy sin(r + h)], [sx sin r, sy cos(r + h)]] in x, y.
  near(affineSource({ ...none, rotation: Math.PI / 2 })(2, 1), [1, -2]);
  near(affineSource({ ...none, shear: Math.PI / 6 })(2, 1), [Math.sqrt(3), 0]);
});

Deno.test("rolled(), blurred(), replacePart() and perturbGrey() are what their words say", () => {
  deepStrictEqual([...rolled(plane, [5, 6], [1, -2])].slice(0, 12), [
    ...[42, 43, 44, 45, 40, 41, 2, 3, 4, 5, 0, 1],
  ]);
  const spot = filled([1, 31, 31], (_, y, x) => y === 15 && x === 15 ? 1 : 0);
  const soft = blurred(spot, [31, 31], 2);
  ok(Math.abs(soft.reduce((a, b) => a + b) - 1) < 1e-5);
  const gauss = (d: number) => Math.exp(-d / 8);
  const scale = soft[15 * 31 + 15];
  ok(Math.abs(scale - 1 / (2 * Math.PI * 4)) < 1e-4, `${scale}`);
  ok(Math.abs(soft[13 * 31 + 18] - scale * gauss(4 + 9)) < 1e-6);
  ok(blurred(plane.map(() => 7), [5, 6], 3).every((v) => Math.abs(v - 7) < 1e-5));
  deepStrictEqual(blurred(plane, [5, 6], 0), plane);
  const parts = new Float32Array(16);
  replacePart(parts, [4, 4], { y: 1, x: 3, quadrants: [false, true, true, false] }, () => 1);
  deepStrictEqual([...parts], [0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0]);
  const grey = Float32Array.of(0, 51, 102, 255);
  perturbGrey(grey, { contrast: 2, brightness: -0.2, gamma: 2 });
  // (2 v / 255 - 0.2, cut to 0 … 1) squared.
  [0, 0.04, 0.36, 1].forEach((v, i) => ok(Math.abs(grey[i] - 255 * v) < 1e-3, `${grey[i]}`));
});

Deno.test("rotated() by quarter turns moves voxels exactly; every rotation is one", () => {
  const size: Zyx = [3, 5, 5];
  const data = filled(size, (z, y, x) => 100 * z + 10 * y + x);
  const turned = rotated(data, size, size, [[0, -1, 0], [1, 0, 0], [0, 0, 1]], [1, 1, 1]);
  // The value at (x, y) from the centre comes from (y, -x).
  deepStrictEqual(turned, filled(size, (z, y, x) => 100 * z + 10 * (4 - x) + y));
  const random = new Random(3);
  for (let i = 0; i < 200; i++) {
    const r = drawRotation(i % 2 === 0 ? 2 : 3, random);
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        const dot = r.reduce((sum, row) => sum + row[a] * row[b], 0);
        ok(Math.abs(dot - (a === b ? 1 : 0)) < 1e-12);
      }
    }
    const [[a, b, c], [d, e, f], [g, h, k]] = r;
    ok(a * (e * k - f * h) - b * (d * k - f * g) + c * (d * h - e * g) > 0, "no reflection");
  }
});

Deno.test("sizeToRotate() leaves room for every rotation, also of flat voxels", () => {
  deepStrictEqual(sizeToRotate([9, 33, 33], 2, [1, 1, 1]), [9, 47, 47]);
  deepStrictEqual(sizeToRotate([33, 33, 33], 3, [1, 1, 1]), [59, 59, 59]);
  const [size, voxel] = [[5, 9, 9] as Zyx, [4, 1, 2] as Zyx];
  const from = sizeToRotate(size, 3, voxel);
  // A ball of ones in the middle of what is read, larger than the patch: only ones are to be seen.
  const radius = Math.hypot(...size.map((n, axis) => n * voxel[axis] / 2));
  const ball = filled(from, (z, y, x) => {
    const at = [z, y, x].map((i, axis) => (i + 0.5 - from[axis] / 2) * voxel[axis]);
    return Math.hypot(...at) <= radius + 4 ? 1 : 0;
  });
  const random = new Random(5);
  for (let i = 0; i < 20; i++) {
    const result = rotated(ball, from, size, drawRotation(3, random), voxel);
    ok(result.every((v) => v === 1));
  }
});

const SIZES = { image: [7, 9, 9] as Zyx, label: [5, 7, 7] as Zyx };

/** Patches whose image, labels and weights hold one pattern about one centre. */
function patches(
  options: ReturnType<typeof readSectionOptions>,
  pattern: Float32Array,
  whole: Zyx,
) {
  const part = (size: Zyx) => {
    const read = sizeToRead(size, options, [1, 1, 1]);
    return { data: cropped(pattern, whole, read, [0, 0, 0]), size: read };
  };
  return { image: part(SIZES.image), labels: part(SIZES.label), weights: part(SIZES.label) };
}

Deno.test("augmentSections() moves image, labels and weights alike", () => {
  const whole: Zyx = [25, 31, 31];
  const pattern = randomFloats(volumeOf(whole), 2);
  let different = 0;
  for (
    const json of [
      { misalignment: { max_offset: 4 } },
      { misalignment: { max_offset: 3, slip_ratio: 1 } },
      { rotation: { dimensions: 2 } },
      { rotation: { dimensions: 3 }, misalignment: { max_offset: 1, slip_ratio: 0 } },
    ]
  ) {
    const options = readSectionOptions(json);
    for (let seed = 0; seed < 10; seed++) {
      const given = patches(options, pattern, whole);
      const result = augmentSections(
        ...[given, SIZES, options, [1, 1, 1] as Zyx, false, new Random(seed)] as const,
      );
      deepStrictEqual([result.image.size, result.labels.size], [SIZES.image, SIZES.label]);
      const middle = cropped(result.image.data, SIZES.image, SIZES.label, [0, 0, 0]);
      deepStrictEqual(middle, result.labels.data, JSON.stringify(json));
      deepStrictEqual(result.weights.data, result.labels.data);
      const still = cropped(pattern, whole, SIZES.label, [0, 0, 0]);
      if (`${still}` !== `${middle}`) different++;
    }
  }
  ok(different > 30, `${different} of 40 were changed`);
});

Deno.test("augmentSections() misaligns by whole pixels from a section on, or one section only", () => {
  const whole: Zyx = [7, 21, 21];
  const pattern = filled(whole, (z, y, x) => 1000 * z + 30 * y + x);
  const plain = cropped(pattern, whole, SIZES.image, [0, 0, 0]);
  for (const slip of [0, 1]) {
    const options = readSectionOptions({ misalignment: { max_offset: 4, slip_ratio: slip } });
    const offsets = new Set<number>();
    for (let seed = 0; seed < 60; seed++) {
      const given = patches(options, pattern, whole);
      const { image } = augmentSections(
        ...[given, SIZES, options, [1, 1, 1] as Zyx, false, new Random(seed)] as const,
      );
      // One number per section, because a moved section differs by the same everywhere.
      const shifts = Array.from({ length: 7 }, (_, z) => {
        const found = new Set(
          Array.from({ length: 81 }, (_, i) => image.data[81 * z + i] - plain[81 * z + i]),
        );
        strictEqual(found.size, 1);
        return [...found][0];
      });
      const moved = shifts.flatMap((shift, z) => shift === 0 ? [] : [z]);
      ok(new Set(shifts.filter((s) => s !== 0)).size <= 1);
      if (slip === 1) ok(moved.length <= 1);
      else if (moved.length > 0) deepStrictEqual(moved.at(-1), 6);
      else offsets.add(0);
      offsets.add(shifts[moved[0] ?? 0]);
    }
    ok(offsets.size > 20, `${offsets.size} different offsets`);
  }
});

Deno.test("augmentSections() changes up to the share of sections that is wanted, bytes to whole numbers", () => {
  const flat = readSectionOptions({ missing_section: { section_ratio: 0.5, fill_value: 200 } });
  const counts = new Map<number, number>();
  const image = filled(SIZES.image, () => 100);
  const labels = { data: filled(SIZES.label, () => 0.95), size: SIZES.label };
  const run = (options: ReturnType<typeof readSectionOptions>, seed: number, data = image) =>
    augmentSections(
      { image: { data, size: SIZES.image }, labels, weights: labels },
      ...[SIZES, options, [1, 1, 1] as Zyx, true, new Random(seed)] as const,
    );
  for (let seed = 0; seed < 200; seed++) {
    const { image: { data }, labels: after } = run(flat, seed);
    strictEqual(after.data, labels.data);
    ok(data.every((v) => v === 100 || v === 200));
    const changed = Array.from({ length: 7 }, (_, z) => data.subarray(81 * z, 81 * z + 81))
      .filter((section) => section.some((v) => v === 200)).length;
    counts.set(changed, (counts.get(changed) ?? 0) + 1);
  }
  // trunc(0.5 · 7) = 3 at most; a section of which no quadrant is replaced stays as it was.
  deepStrictEqual([1, 2, 3].map((n) => (counts.get(n) ?? 0) > 30), [true, true, true]);
  ok([...counts.keys()].every((n) => n <= 3));
  const skipped = readSectionOptions({ missing_section: { skip_ratio: 1, fill_value: 0 } });
  deepStrictEqual(run(skipped, 1).image.data, image);
  const noisy = filled(SIZES.image, (z, y, x) => (37 * z + 11 * y + 5 * x * x) % 256);
  for (
    const [name, numbers] of Object.entries({
      elastic_warp: { control_point_ratio: 0.5, stdev_ratio: 0.1 },
      affine_transform: {},
      out_of_focus_section: {},
      grayscale_perturb: {},
    })
  ) {
    const options = readSectionOptions({ [name]: numbers });
    const { data } = run(options, 4, noisy).image;
    ok(`${data}` !== `${noisy}`, `${name} changes nothing`);
    ok(data.every((v) => Number.isInteger(v) && v >= 0 && v <= 255), name);
    deepStrictEqual(run(options, 4, noisy).image.data, data, `${name} is not reproducible`);
  }
});

Deno.test("readSectionOptions() names what it does not know and what is out of range", () => {
  const cases: [unknown, RegExp][] = [
    [[], /must be a JSON object/],
    [{ rotation: 3 }, /"rotation": it must be a JSON object, current value is 3/],
    [{ misaligment: {} }, /there is no "misaligment", did you mean "misalignment"/],
    [{ rotation: { dimension: 2 } }, /no "dimension", did you mean "dimensions"/],
    [{ rotation: { dimensions: 2.5 } }, /must be 2 or 3, current value is 2.5/],
    [{ misalignment: { max_offset: 0.5 } }, /whole number, current value is 0.5/],
    [
      { elastic_warp: { skip_ratio: 2 } },
      /"elastic_warp.skip_ratio" must be a number from 0 to 1, current value is 2/,
    ],
  ];
  for (const [json, message] of cases) throws(() => readSectionOptions(json), message);
});

Deno.test("Random.normal() has mean 0, spread 1 and the tails of a normal distribution", () => {
  const random = new Random(9);
  const values = Array.from({ length: 20_000 }, () => random.normal());
  const mean = values.reduce((a, b) => a + b) / values.length;
  const spread = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
  ok(Math.abs(mean) < 0.03 && Math.abs(spread - 1) < 0.03, `${mean} ± ${spread}`);
  const far = values.filter((v) => Math.abs(v) > 1.96).length / values.length;
  ok(Math.abs(far - 0.05) < 0.01, `${far} beyond 1.96`);
});
