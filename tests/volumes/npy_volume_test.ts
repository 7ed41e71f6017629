import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { openNpy } from "../../engine/volumes/npy_volume.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { checkMutations } from "../support/mutations.ts";
import { FIB25, testWith } from "../support/resources.ts";
import { FIXTURES, formulaArray } from "./kinds.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("open() of an archive takes the array named, or the only one", () =>
  inFolder(async (folder) => {
    const array = formulaArray("uint32", [2, 3, 4]);
    await Deno.writeFile(`${folder}/one.npz`, await encodeNpz([{ name: "a", value: array }]));
    const other = formulaArray("uint8", [1, 2, 3]);
    const two = [{ name: "a", value: array }, { name: "b", value: other }];
    await Deno.writeFile(`${folder}/two.npz`, await encodeNpz(two));
    for (const text of ["one.npz", "one.npz:a", "two.npz:a"]) {
      await using volume = await open(`${folder}/${text}`);
      deepStrictEqual(await volume.read(wholeBox(volume)), array.data);
    }
    await rejects(open(`${folder}/two.npz`), {
      name: "NotFoundError",
      message:
        `Cannot open "${folder}/two.npz": name one of its arrays after a colon, the file has "a", "b"`,
    });
    await rejects(open(`${folder}/two.npz:c`), { name: "NotFoundError" });
  }));

Deno.test("openNpy() refuses files of another size than the header says", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.npy`;
    const bytes = await Deno.readFile(`${FIXTURES}/c_order.npy`);
    for (
      const [change, size] of [[bytes.subarray(1, 0), 0], [bytes.subarray(0, -1), 1567]] as const
    ) {
      await Deno.writeFile(path, change);
      await rejects(openNpy(path), { name: "FormatError", message: new RegExp(`${size || ""}`) });
    }
    await Deno.writeFile(path, bytes);
    await using volume = await openNpy(path);
    await Deno.truncate(path, 1000);
    await rejects(volume.read(wholeBox(volume)), {
      name: "FormatError",
      message: `Cannot read "${path}": the file ends within its data`,
    });
  }));

Deno.test("openNpy() survives 200 damaged copies", () =>
  inFolder(async (folder) => {
    for (const name of ["c_order", "fortran"]) {
      const counts = await checkMutations(
        await Deno.readFile(`${FIXTURES}/${name}.npy`),
        async (bytes) => {
          await Deno.writeFile(`${folder}/a.npy`, bytes);
          await using volume = await openNpy(`${folder}/a.npy`);
          return await volume.read(wholeBox(volume));
        },
        { unprotected: true },
      );
      ok(counts.refused > 50, JSON.stringify(counts));
    }
  }));

testWith("shared", "open() of the published segmentation gives its labels", async () => {
  const path = `${FIB25}/training_sample2/sample-training2.npz`;
  await using volume = await open(`${path}:segmentation`);
  const labels = await volume.read(wholeBox(volume)) as Uint8Array;
  strictEqual(labels.reduce((sum, label) => sum + label, 0), 871_013_686);
});
