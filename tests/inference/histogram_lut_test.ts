import { deepStrictEqual, rejects } from "node:assert/strict";
import { encodeNpz } from "../../engine/formats/npz.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import { readHistogramLut } from "../../engine/inference/histogram_lut.ts";

Deno.test("readHistogramLut() reads 256 values and refuses others", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/histogram.npz`;
  const write = async (name: string, value: NdArray) =>
    await Deno.writeFile(path, await encodeNpz([{ name, value }]));
  const data = Uint8Array.from({ length: 256 }, (_, i) => i >> 1);
  try {
    await rejects(readHistogramLut(path), { name: "NotFoundError" });
    await write("lut", { dtype: "uint8", shape: [256], data });
    deepStrictEqual(await readHistogramLut(path), data);
    await write("table", { dtype: "uint8", shape: [256], data });
    await rejects(readHistogramLut(path), { name: "NotFoundError" });
    await write("lut", { dtype: "uint8", shape: [16, 16], data });
    await rejects(readHistogramLut(path), {
      name: "FormatError",
      message: `Cannot read "${path}:lut": a reference histogram has 256 values of type uint8, ` +
        "current is [16, 16] uint8",
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
