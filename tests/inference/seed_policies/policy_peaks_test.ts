import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { edgeDistances } from "../../../engine/inference/seed_policies/edge_distances.ts";
import { createSeedPolicy } from "../../../engine/inference/seed_policies/create_seed_policy.ts";
import {
  imageEdges,
  THRESHOLD_WEIGHTS,
} from "../../../engine/inference/seed_policies/image_edges.ts";
import { gradientPlanes } from "../../../wasm/images/gradient_planes.ts";
import { Pace } from "../../../wasm/images/pace.ts";
import { squaredDistances } from "../../../wasm/images/squared_distances.ts";
import { h16 } from "../../support/array_hash.ts";
import { seededRandom } from "../../support/random.ts";
import { testWith } from "../../support/resources.ts";
import { grayscale } from "./grayscale.ts";
import { contextOf, imageOf, seedsOf } from "./policy_context.ts";

const MARGIN: Zyx = [2, 2, 2];

/** The blocks of the spec's vector (a). */
const blocks: Zyx = [18, 20, 22];
const blockImage = imageOf(blocks, (z, y, x) => {
  const even = (Math.floor(z / 6) + Math.floor(y / 7) + Math.floor(x / 8)) % 2 === 0;
  return (even ? 200 : 60) + (7 * z + 5 * y + 3 * x) % 11;
});
const blockContext = contextOf(blocks, { image: blockImage, margin: MARGIN });
const leftHalf = Uint8Array.from(imageOf(blocks, (_z, _y, x) => x < 10 ? 1 : 0));

/** Gradient magnitude, its local average, edges and distances of an image. */
async function stagesOf(image: Float32Array, size: Zyx) {
  const gradient = new Float32Array(image.length);
  const smoothed = new Float32Array(image.length);
  for await (const plane of gradientPlanes(image, size, THRESHOLD_WEIGHTS)) {
    gradient.set(plane.gradient, plane.z * plane.gradient.length);
    smoothed.set(plane.smoothed, plane.z * plane.smoothed.length);
  }
  const edge = await imageEdges(image, size, [null], false, new Pace());
  const distance = Float32Array.from(await squaredDistances(edge, size), Math.sqrt);
  const edgeCount = edge.reduce((sum, e) => sum + e, 0);
  return { gradient, smoothed, edge, edgeCount, distance };
}

const sha256 = (rows: Int32Array) => createHash("sha256").update(rows).digest("hex");
const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, b));

Deno.test("PolicyPeaks goes through the stages of the reference on blocks", async () => {
  const { gradient, smoothed, edgeCount, distance } = await stagesOf(blockImage, blocks);
  const at = (values: Float32Array, z: number, y: number, x: number) =>
    values[(z * blocks[1] + y) * blocks[2] + x];
  strictEqual(at(gradient, 0, 0, 0), 90.68627166748047);
  strictEqual(at(gradient, 9, 10, 11), 18.330303192138672);
  strictEqual(at(gradient, 5, 6, 7), 966.078125);
  strictEqual(at(gradient, 17, 19, 21), 68.90573120117188);
  strictEqual(at(smoothed, 0, 0, 0), 974.5391845703125);
  strictEqual(at(smoothed, 9, 10, 11), 1062.508056640625);
  strictEqual(at(smoothed, 17, 19, 21), 1053.2489013671875);
  strictEqual(edgeCount, 3824);
  strictEqual(largest(distance), 5);
});

Deno.test("edgeDistances() measures an image without edges as SciPy does", async () => {
  const distances = edgeDistances(await squaredDistances(new Uint8Array(27), [3, 3, 3]), [3, 3, 3]);
  const planes = [0, 1, 2].map((z) => {
    const plane = new Float64Array(9);
    distances(z, plane);
    return plane;
  });
  const expected = [1, 1.41421356, 2.23606798, 4.12310563].map(Math.fround);
  deepStrictEqual([...planes[0].subarray(0, 3), planes[2][8]], expected);
  const plane = new Float64Array(12);
  edgeDistances(new Float32Array(24).fill(Infinity), [2, 3, 4], true)(1, plane);
  deepStrictEqual(
    [...plane],
    [1, 2, 5, 10, 4, 5, 8, 13, 9, 10, 13, 18].map((d) => Math.fround(Math.sqrt(d))),
  );
});

Deno.test("PolicyPeaks yields the seeds of the reference, with and without a mask", async () => {
  deepStrictEqual(await seedsOf("PolicyPeaks", {}, blockContext), [
    [8, 16, 10],
    [9, 4, 11],
    [9, 9, 13],
  ]);
  deepStrictEqual(await seedsOf("PolicyPeaks", {}, { ...blockContext, mask: leftHalf }), [
    [5, 5, 4],
    [9, 4, 11],
    [9, 9, 13],
    [9, 16, 13],
    [10, 7, 5],
    [14, 13, 5],
  ]);
});

Deno.test("PolicyPeaks with exclude_masked has no seeds in masks and objects", async () => {
  const args = { exclude_masked: true };
  const inside = (seeds: number[][]) => seeds.filter(([, , x]) => x < 10).length;
  for (const masks of [{ mask: leftHalf }, { seedMask: leftHalf }]) {
    const context = { ...blockContext, ...masks };
    const seeds = await seedsOf("PolicyPeaks", args, context);
    strictEqual(inside(seeds), 0);
    ok(seeds.length > 0);
  }
  const segmentation = Int32Array.from(leftHalf);
  strictEqual(inside(await seedsOf("PolicyPeaks", args, { ...blockContext, segmentation })), 0);
  const all = new Uint8Array(volumeOf(blocks)).fill(1);
  deepStrictEqual(await seedsOf("PolicyPeaks", args, { ...blockContext, mask: all }), []);
});

Deno.test("PolicyPeaks finds nothing in a constant image", async () => {
  for (const args of [{}, { exclude_masked: true }]) {
    const context = contextOf([9, 9, 9]);
    context.image.fill(3);
    deepStrictEqual(await seedsOf("PolicyPeaks", args, context), []);
  }
});

Deno.test("PolicyPeaks with exclude_masked finds nothing where there are no edges but objects", async () => {
  const size: Zyx = [9, 9, 9];
  const segmentation = Int32Array.from(imageOf(size, (...zyx) => Math.max(...zyx) > 5 ? 1 : 0));
  const context = contextOf(size, { segmentation });
  deepStrictEqual(await seedsOf("PolicyPeaks", { exclude_masked: true }, context), []);
});

Deno.test("PolicyPeaks seeds a fully masked image by its noise alone, as the reference does", async () => {
  const random = seededRandom(1);
  const size: Zyx = [12, 12, 12];
  const context = contextOf(size, {
    image: imageOf(size, () => random()),
    mask: new Uint8Array(volumeOf(size)).fill(1),
  });
  strictEqual((await seedsOf("PolicyPeaks", {}, context)).length, 2);
  deepStrictEqual(await seedsOf("PolicyPeaks", { exclude_masked: true }, context), []);
});

Deno.test("PolicyPeaks2d yields the seeds of the reference in either order", async () => {
  const args = { compat: true };
  const seeds = await seedsOf("PolicyPeaks2d", args, blockContext);
  strictEqual(seeds.length, 14);
  deepStrictEqual([seeds[0], seeds[13]], [[2, 10, 12], [15, 10, 12]]);
  const all = await seedsOf("PolicyPeaks2d", args, { ...blockContext, margin: [0, 0, 0] });
  strictEqual(all.length, 18);
  const reversed = await seedsOf("PolicyPeaks2d", { ...args, sort_cmp: "Desc" }, blockContext);
  deepStrictEqual(reversed, seeds.toReversed());
});

Deno.test("every image policy takes volumes with axes of one voxel", async () => {
  const names = ["Peaks", "Peaks2d", "FillEmptySpace", "MaxPeaks", "ImagePeaks3D2D"];
  names.push("ImagePeaks2DDisk", "DenseSeeds", "Max");
  const random = seededRandom(2);
  for (const size of [[1, 1, 1], [1, 30, 30], [30, 1, 30], [30, 30, 1], [2, 3, 1]] as Zyx[]) {
    for (const name of names) {
      const context = contextOf(size, { image: imageOf(size, () => random()) });
      context.segmentation[0] = 1;
      for (const seed of await seedsOf(`Policy${name}`, {}, context)) {
        ok(seed.every((c, axis) => Number.isInteger(c) && c >= 0 && c < size[axis]));
      }
    }
  }
});

Deno.test("PolicyPeaks stops when the run is cancelled", async () => {
  const stop = new AbortController();
  const policy = await createSeedPolicy("PolicyPeaks", {}, {
    ...contextOf([40, 60, 60]),
    signal: stop.signal,
  });
  const next = policy.next();
  stop.abort(new Error("Cannot go on"));
  await rejects(next, /Cannot go on/);
});

testWith("shared", "PolicyPeaks goes through the stages of the reference on FIB-25", async () => {
  const size: Zyx = [64, 64, 64];
  const image = await grayscale(size);
  const { gradient, smoothed, edge, edgeCount, distance } = await stagesOf(image, size);
  deepStrictEqual(await Promise.all([gradient, smoothed, edge, distance].map(h16)), [
    "c0f09dd201f9891b",
    "93343b507763a4df",
    "fb76a29a3810761b",
    "e598d0559c84f471",
  ]);
  strictEqual(edgeCount, 112616);
  strictEqual(largest(distance), Math.fround(4.472136));
  const context = contextOf(size, { image });
  const peaks = await seedsOf("PolicyPeaks", {}, context);
  strictEqual(peaks.length, 306);
  strictEqual(await h16(Int32Array.from(peaks.flat())), "a1ac97b5008c2b85");
  const seeds = await seedsOf("PolicyPeaks", {}, { ...context, margin: [16, 16, 16] });
  strictEqual(seeds.length, 41);
  deepStrictEqual(seeds.slice(0, 3), [[16, 27, 34], [16, 35, 25], [17, 45, 30]]);
  deepStrictEqual(seeds.at(-1), [46, 45, 22]);
  strictEqual(await h16(Int32Array.from(seeds.flat())), "7550e8d37f5b316b");
});

testWith("shared", "PolicyPeaks yields the 12,464 seeds of the published FIB-25 run", async () => {
  const size: Zyx = [250, 250, 250];
  const image = await grayscale(size);
  const policy = await createSeedPolicy("PolicyPeaks", {}, contextOf(size, { image }));
  deepStrictEqual(await policy.next(), [3, 8, 39]);
  const peaks = policy.state().coords;
  strictEqual(policy.total, 17524);
  deepStrictEqual([...peaks.slice(-3)], [246, 243, 72]);
  strictEqual(
    sha256(peaks),
    "57b4921918a606be76b31c38ee18cab3dbfa8846976ee563c2012b81af616847",
  );

  const inside = await createSeedPolicy(
    "PolicyPeaks",
    {},
    contextOf([250, 250, 250], { margin: [16, 16, 16] }),
  );
  inside.restore({ coords: peaks, index: 0 });
  const seeds = inside.state().coords;
  strictEqual(inside.total, 12464);
  deepStrictEqual([...seeds.slice(0, 9)], [16, 18, 109, 16, 19, 228, 16, 22, 140]);
  deepStrictEqual([...seeds.slice(18000, 18003)], [122, 129, 121]);
  deepStrictEqual([...seeds.slice(-3)], [233, 233, 232]);
  strictEqual(
    sha256(seeds),
    "1eae3d7d4ea82ca1eff4e000adcc9fdb57ca7cf8953d616c6db92f872dd7ba09",
  );
});
