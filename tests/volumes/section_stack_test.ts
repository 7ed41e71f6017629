import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { FIXTURES } from "./kinds.ts";

/** First voxel of each section. */
async function sections(sort?: "natural" | "lexicographic", log?: (line: string) => void) {
  await using volume = await open(`${FIXTURES}/png8:png`, { sort, log });
  return [...await volume.read({ start: [0, 0, 0], size: [12, 1, 1] })];
}

Deno.test("openSectionStack() counts in numbers, or in letters, and says where that differs", async () => {
  const at = (z: number) => 31 * z % 101;
  const lines: string[] = [];
  const natural = Array.from({ length: 12 }, (_, z) => at(z));
  deepStrictEqual(await sections("natural", (line) => lines.push(line)), natural);
  const letters = [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9].map(at);
  deepStrictEqual(await sections("lexicographic", (line) => lines.push(line)), letters);
  deepStrictEqual(lines, [
    `"${FIXTURES}/png8:png": sections are sorted in natural order; section 2 is "s2.png", in the other order it would be "s10.png"`,
    `"${FIXTURES}/png8:png": sections are sorted in lexicographic order; section 2 is "s10.png", in the other order it would be "s2.png"`,
  ]);
});

Deno.test("openSectionStack() takes one channel of colour sections", async () => {
  await rejects(open(`${FIXTURES}/png_rgb:png`), {
    name: "UnsupportedError",
    message: `Cannot open "${FIXTURES}/png_rgb:png": sections must be grey with 8 or 16 bits, ` +
      `"${FIXTURES}/png_rgb/0.png" is rgb with 8 bits; choose one of its channels`,
  });
  await using volume = await open(`${FIXTURES}/png_rgb:png`, { channel: 1 });
  const data = await volume.read({ start: [1, 0, 0], size: [1, 1, 2] });
  deepStrictEqual([...data], [224, 221]);
  await rejects(open(`${FIXTURES}/png_rgb:png`, { channel: 3 }), { name: "RangeError" });
  await rejects(open(`${FIXTURES}/png_bits:png`), { name: "UnsupportedError" });
});

Deno.test("openSectionStack() refuses sections that differ in size or kind", async () => {
  await rejects(open(`${FIXTURES}/png_sizes:png`), {
    name: "RangeError",
    message: `Cannot open "${FIXTURES}/png_sizes/1.png" as a section: ` +
      "all must be 12 × 10 grey with 8 bits, current is 11 × 10 grey with 8 bits",
  });
  await rejects(open(`${FIXTURES}/png_modes:png`), { name: "RangeError" });
});

Deno.test("openSectionStack() refuses a folder without sections", async () => {
  const folder = await Deno.makeTempDir();
  await rejects(open(`${folder}:png`), {
    name: "NotFoundError",
    message: `Cannot open "${folder}:png": the folder has no .png`,
  });
  await Deno.remove(folder);
});

Deno.test("PNG stacks notice sections that change after they were opened", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.copyFile(`${FIXTURES}/png_sizes/0.png`, `${folder}/0.png`);
    await using volume = await open(`${folder}:png`);
    await Deno.copyFile(`${FIXTURES}/png_sizes/1.png`, `${folder}/0.png`);
    await rejects(volume.read(wholeBox(volume)), { name: "RangeError" });
    await Deno.truncate(`${folder}/0.png`, 60);
    await rejects(volume.read(wholeBox(volume)), { name: /RangeError|FormatError/ });
    strictEqual(volume.dtype, "uint8");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
