import { deepStrictEqual, match, ok } from "node:assert/strict";
import { openCoarserLevels } from "../../engine/volumes/coarser_levels.ts";
import { createVolume } from "../../engine/volumes/create.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const SHAPE = [33, 130, 100] as const;

/** Writes a volume of zeros whose level n holds n. */
async function writePyramid(spec: string): Promise<void> {
  await using writer = await createVolume(spec, {
    ...{ shape: SHAPE, dtype: "uint8", type: "image", offset: [3, 0, 5], voxelSizeNm: [40, 8, 8] },
    levels: 4,
  });
  await writer.write(wholeBox(writer), new Uint8Array(33 * 130 * 100));
  for (const [i, level] of writer.pyramid!.volumes.entries()) {
    const box = wholeBox(level);
    const voxels = box.size.reduce((product, n) => product * n);
    await level.write!(box, new Uint8Array(voxels).fill(i + 1));
  }
  await writer.commit();
}

async function levelsOf(spec: string): Promise<{ found: unknown[]; notes: string[] }> {
  await using resources = new AsyncDisposableStack();
  const notes: string[] = [];
  const volume = resources.use(await open(spec));
  const levels = await openCoarserLevels(volume, resources, (line) => notes.push(line));
  const found = await Promise.all(levels.map(async ({ volume, factors }) => {
    const [value] = await volume.read({ start: [0, 0, 0], size: [1, 1, 1] });
    return [factors.join(), volume.shape.join(), volume.offset!.join(), value];
  }));
  return { found, notes };
}

const WANTED = [
  ["1,2,2", "33,65,51", "3,0,2", 1],
  ["1,4,4", "33,33,26", "3,0,1", 2],
  ["2,8,8", "17,17,14", "1,0,0", 3],
];

for (const [name, second] of [["em.zarr", ":1"], ["precomputed://em", ":16_16_40"]]) {
  Deno.test(`openCoarserLevels() opens those behind the one that is open, of ${name}`, async () => {
    await using folder = await temporaryFolder();
    const spec = inFolder(name, folder);
    await writePyramid(spec);
    deepStrictEqual(await levelsOf(spec), { found: WANTED, notes: [] });
    const { found } = await levelsOf(`${spec}${second}`);
    deepStrictEqual(found.map((level) => (level as unknown[])[3]), [2, 3]);
    deepStrictEqual((await levelsOf(`${spec}[0:9]`)).found, []);
  });
}

Deno.test("openCoarserLevels() leaves out what is damaged, and finds none of other kinds", async () => {
  await using folder = await temporaryFolder();
  const spec = folder.of("em.zarr");
  await writePyramid(spec);
  await Deno.remove(folder.of("em.zarr", "2"), { recursive: true });
  const { found, notes } = await levelsOf(spec);
  deepStrictEqual(found, [WANTED[0], WANTED[2]]);
  ok(notes.length === 1);
  match(notes[0], /^Cannot open "zarr:.*em\.zarr:2": no Zarr array or group "2"/);
  await using writer = await createVolume(folder.of("em.npy"), {
    ...{ shape: [2, 2, 2], dtype: "uint8", type: "image" },
  });
  await writer.write(wholeBox(writer), new Uint8Array(8));
  await writer.commit();
  deepStrictEqual(await levelsOf(folder.of("em.npy")), { found: [], notes: [] });
});

function inFolder(name: string, folder: TemporaryFolder): string {
  const [, kind, path] = /^(\w+:\/\/)?(.*)$/.exec(name)!;
  return `${kind ?? ""}${folder.of(path)}`;
}
