import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import type { Zyx } from "../../../engine/geometry/vectors.ts";
import {
  checkSeedPolicy,
  createSeedPolicy,
} from "../../../engine/inference/seed_policies/create_seed_policy.ts";
import { seededRandom } from "../../support/random.ts";
import { contextOf, imageOf, seedsOf } from "./policy_context.ts";

interface Fixture {
  readonly arrays: string[];
  readonly cases: {
    readonly policy: string;
    readonly args: Record<string, unknown>;
    readonly size: Zyx;
    readonly raw: number;
    readonly mask: number | null;
    readonly seedMask: number | null;
    readonly segmentation: number | null;
    readonly voxelSizeNm: Zyx | null;
    readonly coords: string;
  }[];
}

const fixture: Fixture = JSON.parse(
  await Deno.readTextFile(new URL("../../fixtures/seed_policies.json", import.meta.url)),
);
const bytesOf = (text: string) => Uint8Array.fromBase64(text);

Deno.test("createSeedPolicy() gives the seeds that SciPy and scikit-image give", async (t) => {
  for (const [number, one] of fixture.cases.entries()) {
    await t.step(
      `${number}: ${one.policy} ${JSON.stringify(one.args)} on ${one.size}`,
      async () => {
        const array = (index: number | null) =>
          index === null ? null : bytesOf(fixture.arrays[index]);
        const labels = array(one.segmentation);
        const context = contextOf(one.size, {
          image: Float32Array.from(array(one.raw)!, (v) => Math.fround((v - 128) / 33)),
          mask: array(one.mask),
          seedMask: array(one.seedMask),
          ...labels && { segmentation: Int32Array.from(new Int8Array(labels.buffer)) },
          ...one.voxelSizeNm && { voxelSizeNm: one.voxelSizeNm },
        });
        const seeds = await seedsOf(one.policy, one.args, context);
        deepStrictEqual(seeds.flat(), [...bytesOf(one.coords)]);
      },
    );
  }
});

Deno.test("PolicyGrid3d and PolicyGrid2d yield the grids of the reference", async () => {
  const context = contextOf([10, 12, 20], { margin: [2, 2, 2] });
  deepStrictEqual(await seedsOf("PolicyGrid3d", { step: 8, offsets: [0, 4, 2] }, context), [
    [4, 4, 4],
    [4, 4, 12],
    [2, 2, 2],
    [2, 2, 10],
  ]);
  deepStrictEqual(
    await seedsOf("PolicyGrid2d", { step: 8, offsets: [4] }, context),
    [2, 3, 4, 5, 6, 7].flatMap((z) => [[z, 4, 4], [z, 4, 12]]),
  );
  deepStrictEqual(await seedsOf("PolicyGrid3d", {}, context), [[4, 4, 4], [2, 2, 2]]);
});

Deno.test("PolicyGrid2d starts at every default offset", async () => {
  const seeds = await seedsOf("PolicyGrid2d", {}, contextOf([1, 16, 16]));
  deepStrictEqual(seeds.map(([, y]) => y), [0, 8, 4, 12, 2, 6, 10, 14]);
});

Deno.test("PolicyFillEmptySpace yields the seeds of the reference between labelled walls", async () => {
  const size: Zyx = [12, 14, 16];
  const wall = (z: number, y: number, x: number) =>
    [0, 7, 8, 15].includes(x) || y === 0 || y === 13 || z === 0 || z === 11 ? 1 : 0;
  const context = contextOf(size, {
    image: imageOf(size, (z, y, x) => (37 * z + 101 * y + 53 * x) % 97),
    segmentation: Int32Array.from(imageOf(size, wall)),
    margin: [1, 1, 1],
  });
  deepStrictEqual(await seedsOf("PolicyFillEmptySpace", {}, context), [
    [3, 10, 4],
    [3, 10, 11],
    [4, 7, 3],
    [5, 3, 3],
    [5, 6, 12],
    [7, 9, 3],
    [8, 7, 12],
  ]);
  deepStrictEqual(await seedsOf("PolicyFillEmptySpace", {}, contextOf(size)), []);
});

Deno.test("PolicyMax yields every voxel inside the margin, brightest first, equal ones backwards", async () => {
  const size: Zyx = [4, 5, 6];
  const random = seededRandom(3);
  const image = imageOf(size, () => Math.floor(random() * 9) - 4);
  image[50] = -0;
  image[51] = 1e-42;
  const indices = [...image.keys()].filter((i) => {
    const [y, x] = [Math.floor(i / 6) % 5, i % 6];
    return y >= 1 && y < 4 && x >= 2 && x < 4;
  });
  const expected = indices.sort((a, b) => image[b] - image[a] || b - a)
    .map((i) => [Math.floor(i / 30), Math.floor(i / 6) % 5, i % 6]);
  deepStrictEqual(
    await seedsOf("PolicyMax", {}, contextOf(size, { image, margin: [0, 1, 2] })),
    expected,
  );
});

Deno.test("PolicyManual yields the listed seeds that lie inside the margin", async () => {
  const coords = [[5, 5, 5], [1, 5, 5], [5, 8, 5], [2, 2, 2], [5, 5, 5], [-1, 3, 3], [7, 7, 7]];
  const seeds = await seedsOf(
    "PolicyManual",
    { coords },
    contextOf([10, 10, 10], { margin: [2, 2, 2] }),
  );
  deepStrictEqual(seeds, [[5, 5, 5], [2, 2, 2], [5, 5, 5], [7, 7, 7]]);
});

Deno.test("PolicyInvertOrigins yields the origins of an earlier run, highest id first", async () => {
  const asked: unknown[] = [];
  const context = contextOf([9, 9, 9], {
    corner: [1, 2, 3],
    loadOrigins: (dir, corner) => {
      asked.push([dir, corner]);
      const ids: [number, Zyx][] = [[2, [4, 5, 6]], [10, [1, 1, 1]], [1, [7, 7, 7]]];
      return Promise.resolve(new Map(ids.map(([id, startZyx]) => [id, { startZyx }])));
    },
  });
  const args = { segmentation_dir: "old" };
  deepStrictEqual(await seedsOf("PolicyInvertOrigins", args, context), [
    [1, 1, 1],
    [4, 5, 6],
    [7, 7, 7],
  ]);
  await seedsOf("PolicyInvertOrigins", { ...args, corner: [0, 0, 8] }, context);
  deepStrictEqual(asked, [["old", [1, 2, 3]], ["old", [0, 0, 8]]]);
});

Deno.test("ReverseCoords and SequentialPolicies combine other policies", async () => {
  const context = contextOf([10, 12, 20], { margin: [2, 2, 2] });
  const grid = { step: 8, offsets: [0, 4, 2] };
  const seeds = await seedsOf("PolicyGrid3d", grid, context);
  const reversed = ["ReverseCoords", { policy_to_reverse: "PolicyGrid3d", ...grid }];
  const policies = [["PolicyManual", { coords: [[3, 3, 3], [0, 0, 0]] }], reversed, ["PolicyMax"]];
  const all = await seedsOf("SequentialPolicies", { policies }, context);
  deepStrictEqual(all.slice(0, 6), [[3, 3, 3], ...seeds.toReversed(), [7, 9, 17]]);
  strictEqual(all.length, 5 + 6 * 8 * 16);
});

Deno.test("checkSeedPolicy() names what is wrong and what is allowed", () => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    [
      "PolicyPeak",
      {},
      /^Cannot use seed policy "PolicyPeak": allowed policies: "PolicyPeaks", .*"SequentialPolicies"$/,
    ],
    ["constructor", {}, /allowed policies/],
    [
      "PolicyPeaks",
      { sigma: 3 },
      /no argument "sigma", allowed arguments: "exclude_masked", "anisotropic"$/,
    ],
    ["PolicyMax", { step: 1 }, /no argument "step", allowed arguments: none$/],
    ["PolicyGrid3d", { step: 0 }, /argument "step" must be at least 1, current 0$/],
    ["PolicyGrid3d", { step: 1.5 }, /argument "step" must be a whole number, current 1\.5$/],
    ["PolicyGrid3d", { offsets: [1, "2"] }, /must be a list of whole numbers, current \[1,"2"\]$/],
    ["PolicyGrid2d", { offsets: [-1] }, /must be at least 0, current -1$/],
    ["PolicyPeaks2d", { sort_cmp: 1 }, /argument "sort_cmp" must be a string, current 1$/],
    ["PolicyMaxPeaks", { threshold_abs: "2" }, /must be a number, current "2"$/],
    ["PolicyDenseSeeds", { invert: 1 }, /must be true or false, current 1$/],
    ["PolicyImagePeaks2DDisk", { disk_radius: 101 }, /must be at most 100, current 101$/],
    [
      "PolicyManual",
      {},
      /argument "coords" must be a list of \[z, y, x\] of whole numbers, current missing$/,
    ],
    ["PolicyManual", { coords: [[1, 2]] }, /whole numbers, current \[1,2\]$/],
    ["PolicyInvertOrigins", {}, /"segmentation_dir" must be a string, current missing$/],
    ["PolicyInvertOrigins", { segmentation_dir: "a", corner: [1] }, /must be \[z, y, x\]/],
    ["ReverseCoords", {}, /"policy_to_reverse" must be a string/],
    ["ReverseCoords", { policy_to_reverse: "PolicyMax", x: 1 }, /"PolicyMax": no argument "x"/],
    [
      "SequentialPolicies",
      { policies: [["PolicyMax", 3]] },
      /list of \["policy name", \{arguments\}\], current \["PolicyMax",3\]$/,
    ],
    ["SequentialPolicies", { policies: [["Nothing", {}]] }, /Cannot use seed policy "Nothing"/],
  ];
  for (const [name, args, message] of cases) throws(() => checkSeedPolicy(name, args), { message });
  throws(() => checkSeedPolicy("PolicyManual", {}), TypeError);
  throws(() => checkSeedPolicy("PolicyGrid3d", { step: 0 }), RangeError);
});

Deno.test("createSeedPolicy() rejects instead of throwing", async () => {
  const context = contextOf([4, 4, 4]);
  await rejects(createSeedPolicy("Nothing", {}, context), RangeError);
  const anisotropic = await createSeedPolicy("PolicyPeaks", { anisotropic: true }, context);
  await rejects(anisotropic.next(), /the volume has no voxel size/);
});
