import { deepStrictEqual, rejects } from "node:assert/strict";
import type { Box } from "../../../engine/geometry/box.ts";
import { mapZyx, volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { Journal } from "../../../engine/segmentation/assembly/journal.ts";
import { ScratchLabels } from "../../../engine/segmentation/assembly/scratch_labels.ts";
import { UnionFind } from "../../../engine/segmentation/union_find.ts";
import { seededRandom } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary_folder.ts";

Deno.test("ScratchLabels reads what was written, like an array in memory", async () => {
  await using folder = await temporaryFolder();
  const size: Zyx = [70, 130, 100];
  const random = seededRandom(6);
  const plain = new Uint32Array(volumeOf(size));
  /** Calls `visit` with the index of every voxel of a box in the volume, and in the box. */
  const each = (box: Box, visit: (inside: number, outside: number) => void) => {
    for (let z = 0, i = 0; z < box.size[0]; z++) {
      for (let y = 0; y < box.size[1]; y++) {
        for (let x = 0; x < box.size[2]; x++, i++) {
          const [pz, py, px] = mapZyx((a, b) => a + b, box.start, [z, y, x]);
          visit((pz * size[1] + py) * size[2] + px, i);
        }
      }
    }
  };
  const randomBox = (): Box => {
    const start = mapZyx((n) => Math.floor(random() * n), size);
    return { start, size: mapZyx((n, at) => 1 + Math.floor(random() * (n - at)), size, start) };
  };
  let scratch = await ScratchLabels.open(folder.of("labels"), size);
  for (let round = 1; round <= 12; round++) {
    const box = randomBox();
    const labels = new Uint32Array(volumeOf(box.size)).map(() => Math.floor(random() * 2 ** 32));
    await scratch.write(box, labels);
    each(box, (inside, outside) => plain[inside] = labels[outside]);
    if (round === 6) {
      await scratch.sync();
      scratch[Symbol.dispose]();
      scratch = await ScratchLabels.open(folder.of("labels"), size);
    }
    const asked = randomBox();
    const expected = new Uint32Array(volumeOf(asked.size));
    each(asked, (inside, outside) => expected[outside] = plain[inside]);
    deepStrictEqual(await scratch.read(asked), expected);
  }
  scratch[Symbol.dispose]();
});

Deno.test("Journal keeps whole lines, drops a torn one and refuses other settings", async () => {
  await using folder = await temporaryFolder();
  const path = folder.of("journal.jsonl");
  const entry = (subvolume: number) => ({ subvolume, maxId: 5, counts: [1, 2], joins: [] });
  {
    using journal = await Journal.open(path, { a: 1 });
    await journal.add(entry(3));
    await journal.add(entry(4));
  }
  await Deno.writeTextFile(path, '{"subvolume": 5, "max', { append: true });
  {
    using journal = await Journal.open(path, { a: 1 });
    deepStrictEqual(journal.entries, [entry(3), entry(4)]);
    await journal.add(entry(9));
  }
  {
    using journal = await Journal.open(path, { a: 1 });
    deepStrictEqual(journal.entries.map(({ subvolume }) => subvolume), [3, 4, 9]);
  }
  await rejects(() => Journal.open(path, { a: 2 }), { name: "RangeError" });
  await Deno.writeTextFile(path, '{"a":1}\nnonsense\n');
  await rejects(() => Journal.open(path, { a: 1 }), { name: "FormatError", message: /line 2/ });
});

Deno.test("UnionFind names a set by its smallest number", () => {
  const random = seededRandom(2);
  const sets = new UnionFind();
  // Plain: the smallest number that each one is known to be joined with, until nothing changes.
  const names = Array.from({ length: 300 }, (_, i) => i);
  const pairs = Array.from({ length: 200 }, () => [0, 0].map(() => Math.floor(random() * 300)));
  for (const [a, b] of pairs) sets.join(a, b);
  for (let changed = true; changed;) {
    changed = false;
    for (const [a, b] of pairs) {
      const least = Math.min(names[a], names[b]);
      if (names[a] !== least || names[b] !== least) changed = true;
      names[a] = names[b] = least;
    }
  }
  deepStrictEqual(names.map((_, i) => sets.find(i)), names);
  deepStrictEqual(sets.find(10 ** 6), 10 ** 6);
});
