import { match, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { saveSegmentation } from "../../engine/segmentation/save_segmentation.ts";
import { segmentationDamage } from "../../engine/segmentation/segmentation_damage.ts";
import { subvolumePath } from "../../engine/segmentation/subvolume_paths.ts";
import { seededRandom } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const CORNER: Zyx = [8, 4, 2];

/** A folder with one result of 16³ random labels, which do not compress to nothing. */
async function result() {
  const folder = await temporaryFolder();
  const random = seededRandom(1);
  const size: Zyx = [16, 16, 16];
  await saveSegmentation(folder.path, CORNER, {
    size,
    segmentation: Int32Array.from({ length: 4096 }, () => 200 * random()),
    segProb: Uint8Array.from({ length: 4096 }, () => 255 * random()),
    origins: new Map([[1, { startZyx: [1, 2, 3], iters: 4, walltimeSec: 5 }]]),
    overlaps: new Map(),
    request: new Uint8Array(200).fill(7),
    counters: { "update_at-calls": 4 },
  });
  return {
    folder,
    npz: subvolumePath(folder.path, CORNER, "npz"),
    prob: subvolumePath(folder.path, CORNER, "prob"),
    damage: () => segmentationDamage(folder.path, CORNER),
  };
}

Deno.test("segmentationDamage() finds files that were cut anywhere, and none in whole ones", async () => {
  const { folder, npz, prob, damage } = await result();
  await using _ = folder;
  strictEqual(await damage(), null);
  for (const path of [npz, prob]) {
    const whole = await Deno.readFile(path);
    for (let length = 0; length < whole.length; length += 1 + (length >> 3)) {
      await Deno.writeFile(path, whole.subarray(0, length));
      match(await damage() ?? `${length} bytes`, /^Cannot (open|read) ".*seg-2_4_8/);
    }
    // The last byte is the length of a comment.
    await Deno.writeFile(path, whole.subarray(0, whole.length - 1));
    match(await damage() ?? "one byte short", /^Cannot/);
    await Deno.writeFile(path, whole);
  }
  strictEqual(await damage(), null);
  await Deno.remove(npz);
  match((await damage())!, /^Cannot find the segmentation of corner zyx \(8, 4, 2\)/);
});

Deno.test("segmentationDamage() finds blocks that were never written", async () => {
  const { folder, npz, damage } = await result();
  await using _ = folder;
  const whole = await Deno.readFile(npz);
  for (const [from, to] of [[0, 64], [0, whole.length], [whole.length - 400, whole.length]]) {
    await Deno.writeFile(npz, whole.slice().fill(0, from, to));
    match(await damage() ?? `${from} to ${to}`, /^Cannot (open|read) ".*seg-2_4_8/);
  }
});
