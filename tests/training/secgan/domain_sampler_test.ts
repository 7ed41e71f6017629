import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { Random } from "../../../engine/training/random.ts";
import { DomainSampler, domainScale } from "../../../engine/training/secgan/domain_sampler.ts";
import { memoryVolume } from "../../../engine/volumes/memory.ts";

/** Every voxel tells its place. */
function places(size: readonly [number, number, number], first = 0) {
  const data = Float32Array.from({ length: size[0] * size[1] * size[2] }, (_, i) => first + i);
  return memoryVolume({ dtype: "float32", shape: size, data: data.map((v) => v / 1000) });
}

Deno.test("DomainSampler.next() draws every window of every volume, in 48 orientations", async () => {
  const volumes = [places([3, 2, 4]), places([2, 2, 2], 500)];
  const sampler = new DomainSampler(volumes, 2, new Random(5));
  const firsts = new Map<number, number>(), cubes = new Set<string>();
  const draws = 3000;
  const batch = await sampler.next(draws);
  for (let i = 0; i < draws; i++) {
    const cube = [...batch.subarray(8 * i, 8 * i + 8)].map((v) => Math.round(1000 * v));
    const first = Math.min(...cube);
    firsts.set(first, (firsts.get(first) ?? 0) + 1);
    if (first === 0) cubes.add(cube.join());
  }
  // 2 · 1 · 3 windows of the first volume, one of the second.
  deepStrictEqual([...firsts.keys()].sort((a, b) => a - b), [0, 1, 2, 8, 9, 10, 500]);
  ok([...firsts.values()].every((n) => Math.abs(n - draws / 7) < 0.2 * draws / 7));
  strictEqual(cubes.size, 48);
});

Deno.test("DomainSampler scales bytes to -1 to 1 and leaves floats as they are", async () => {
  const data = Uint8Array.of(0, 255, 51, 102, 0, 0, 0, 0);
  const bytes = memoryVolume({ dtype: "uint8", shape: [2, 2, 2], data });
  const cube = await new DomainSampler([bytes], 2, new Random(1)).next(1);
  deepStrictEqual(
    [...cube].sort((a, b) => a - b).slice(-3).map((v) => v.toFixed(4)),
    ["-0.6000", "-0.2000", "1.0000"],
  );
  throws(() => domainScale("a.h5:raw", "uint16"), /must be uint8 or float, current type is uint16/);
});

Deno.test("DomainSampler refuses volumes that are too small, and values that are no image", async () => {
  throws(
    () => new DomainSampler([places([9, 9, 4])], 5, new Random(1)),
    /each axis must have 5 voxels or more .* current x is 4/,
  );
  const data = new Float32Array(8).fill(NaN);
  const bad = memoryVolume({ dtype: "float32", shape: [2, 2, 2], data }, "bad.npy");
  const sampler = new DomainSampler([bad], 2, new Random(1));
  await rejects(sampler.next(1), /Cannot train on "bad.npy": .* holds NaN/);
});

Deno.test("DomainSampler refuses floats that are not scaled", async () => {
  const data = new Float32Array(8).fill(173);
  const raw = memoryVolume({ dtype: "float32", shape: [2, 2, 2], data }, "raw.npy");
  const sampler = new DomainSampler([raw], 2, new Random(1));
  await rejects(sampler.next(1), /must lie in -1 to 1.* holds 173; .*--volume_scale bytes/);
});
