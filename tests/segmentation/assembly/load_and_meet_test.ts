import { deepStrictEqual } from "node:assert/strict";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import { loadAndMeet } from "../../../engine/segmentation/assembly/load_and_meet.ts";
import { ScanMemory } from "../../../wasm/labels/scan_memory.ts";
import { writeSubvolume } from "../../support/inference_results.ts";
import { seededRandom } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary_folder.ts";
import { plainComponents } from "../../wasm/labels/plain_labels.ts";

const SIZE: Zyx = [6, 7, 8];

Deno.test("loadAndMeet() of three folders gives equal labels with kept memory, which it gives arrays back to", async () => {
  await using folder = await temporaryFolder();
  const random = seededRandom(5);
  const starts: Zyx[] = [[0, 0, 0], [0, 0, 8]];
  const dirs = ["a", "b", "c"].map((name) => folder.of(name));
  const expected: number[][] = [];
  for (const start of starts) {
    const keys = new Array<string>(volumeOf(SIZE)).fill("");
    for (const dir of dirs) {
      const labels = Uint32Array.from({ length: keys.length }, () => Math.floor(3 * random()));
      await writeSubvolume(dir, { start, size: SIZE }, labels);
      // Components of each, as they are loaded.
      const split = plainComponents([...labels].map(String), SIZE, 6).labels;
      split.forEach((label, i) => keys[i] += `${label},`);
    }
    const met = keys.map((key) => key === "0,0,0," ? "0" : key);
    expected.push(plainComponents(met, SIZE, 6).labels);
  }
  const options = { mode: "meet", splitCc: true, minSize: 0 } as const;
  const all = async () => {
    const found: Uint32Array[] = [];
    for (const start of starts) found.push(await loadAndMeet(dirs, start, options));
    return found.map((labels) => [...labels]);
  };
  deepStrictEqual(await all(), expected);
  using _memory = await ScanMemory.keep();
  deepStrictEqual(await all(), expected);
});
