import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { type MeshOptions, writeMeshes } from "../../engine/viewers/precomputed_meshes.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";
import type { Volume } from "../../engine/volumes/volume.ts";
import { enclosedVolume, eulerNumber, type Solid } from "../support/solids.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const SIZE: Zyx = [30, 33, 36];
const VOXEL: Zyx = [30, 8, 10];
const OFFSET: Zyx = [5, -4, 1000];

/** A ball that crosses blocks of 16 voxels along all axes, and a large label in a corner of the volume. */
const LABELS = [3n, 2n ** 63n + 1n] as const;

function voxels(): BigUint64Array {
  return BigUint64Array.from({ length: SIZE[0] * SIZE[1] * SIZE[2] }, (_, i) => {
    const [z, y, x] = [
      Math.floor(i / SIZE[1] / SIZE[2]),
      Math.floor(i / SIZE[2]) % SIZE[1],
      i % SIZE[2],
    ];
    if (Math.hypot(z - 16, y - 16, x - 17) <= 10.3) return LABELS[0];
    return z >= 24 && y < 10 && x >= 20 ? LABELS[1] : 0n;
  });
}

const volume = (): Volume => memoryVolume({ dtype: "uint64", shape: SIZE, data: voxels() });

/** Writes meshes and reads them back as the format's description says, fragments joined where vertices are equal. */
async function meshes(options: Partial<MeshOptions>): Promise<Solid[]> {
  await using folder = await temporaryFolder();
  await writeMeshes(volume(), folder.path, {
    ...{ voxelSizeNm: VOXEL, offset: OFFSET, maxError: 0, blockEdge: 16, ...options },
  });
  const json = async (name: string) => JSON.parse(await Deno.readTextFile(folder.of(name)));
  deepStrictEqual(await json("info"), { "@type": "neuroglancer_legacy_mesh" });
  return await Promise.all(LABELS.map(async (label) => {
    const positions: number[] = [], triangles: number[] = [];
    const numbers = new Map<string, number>();
    for (const name of (await json(`${label}:0`)).fragments) {
      const bytes = new DataView((await Deno.readFile(folder.of(name))).buffer);
      const count = bytes.getUint32(0, true);
      const joined = Array.from({ length: count }, (_, v) => {
        const place = [0, 1, 2].map((k) => bytes.getFloat32(4 + 12 * v + 4 * k, true));
        const number = numbers.get(`${place}`) ?? numbers.size;
        if (number === numbers.size) positions.push(...place);
        numbers.set(`${place}`, number);
        return number;
      });
      for (let at = 4 + 12 * count; at < bytes.byteLength; at += 4) {
        triangles.push(joined[bytes.getUint32(at, true)]);
      }
    }
    return { positions, triangles };
  }));
}

const voxelVolume = VOXEL[0] * VOXEL[1] * VOXEL[2];
const countOf = (label: bigint) => voxels().filter((id) => id === label).length;

Deno.test("writeMeshes() joins blocks to closed surfaces, also at the faces of the volume", async () => {
  for (const blockEdge of [16, 128]) {
    for (const [i, solid] of (await meshes({ blockEdge })).entries()) {
      strictEqual(eulerNumber(solid), 2);
      const share = enclosedVolume(solid) / voxelVolume / countOf(LABELS[i]);
      ok(share > 0.95 && share < 1, `${share}`);
    }
  }
});

Deno.test("writeMeshes() places vertices in nanometres, xyz", async () => {
  const [, box] = await meshes({});
  const along = (axis: number) => Array.from(box.positions).filter((_, i) => i % 3 === axis);
  const ranges = [0, 1, 2].map((axis) => [Math.min(...along(axis)), Math.max(...along(axis))]);
  // The label fills x from 20 to the end, y up to 10, z from 24 to the end.
  deepStrictEqual(ranges, [[1020 * 10, 1036 * 10], [-4 * 8, 6 * 8], [29 * 30, 35 * 30]]);
});

Deno.test("writeMeshes() simplifies within the error, and leaves no gap between blocks", async () => {
  const exact = await meshes({});
  const simple = await meshes({ maxError: 0.5 });
  for (const [i, solid] of simple.entries()) {
    ok(solid.triangles.length < 0.7 * exact[i].triangles.length);
    const share = enclosedVolume(solid) / enclosedVolume(exact[i]);
    ok(share > 0.9 && share < 1.1, `${share}`);
    // As many triangles on one side of each edge as on the other.
    const sides = new Map<string, number>();
    for (let t = 0; t < solid.triangles.length; t += 3) {
      for (let k = 0; k < 3; k++) {
        const [a, b] = [solid.triangles[t + k], solid.triangles[t + (k + 1) % 3]];
        const edge = `${Math.min(a, b)} ${Math.max(a, b)}`;
        sides.set(edge, (sides.get(edge) ?? 0) + Math.sign(b - a));
      }
    }
    ok([...sides.values()].every((sum) => sum === 0), "a gap");
  }
});

Deno.test("writeMeshes() keeps objects that are smaller than the error", async () => {
  const kept = await meshes({ maxError: 100 });
  ok(kept.every(({ triangles }) => triangles.length > 0));
});

Deno.test("writeMeshes() goes on after a stop with the blocks that are left", async () => {
  await using folder = await temporaryFolder();
  const done = new Set<string>();
  const journal = {
    resumed: 0,
    isDone: (step: string) => done.has(step),
    markDone: (step: string) => Promise.resolve(void done.add(step)),
  };
  const stop = new AbortController();
  const options = { voxelSizeNm: VOXEL, maxError: 0, blockEdge: 16, journal };
  const onProgress = () => done.size === 3 && stop.abort();
  const stopped = { ...options, onProgress, signal: stop.signal };
  await rejects(writeMeshes(volume(), folder.path, stopped), { name: "AbortError" });
  const files = () => [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  ok(files().length > 1 && !files().includes("3:0"));
  await Deno.writeTextFile(folder.of("3:0:0-16_0-16_0-16.7-killed.tmp"), "");
  let reads = 0;
  const counted: Volume = {
    ...volume(),
    read: (box) => (reads++, volume().read(box)),
  };
  await writeMeshes(counted, folder.path, options);
  strictEqual(reads, 2 * 3 * 3 - 3);
  strictEqual(JSON.parse(await Deno.readTextFile(folder.of("3:0"))).fragments.length, 8);
});
