import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { decodePng } from "../../engine/formats/png.ts";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

async function writeNpy(path: string, shape: number[], data: Float32Array | Uint32Array) {
  const dtype = data instanceof Float32Array ? "float32" : "uint32";
  const parts = encodeNpy({ dtype, shape, data });
  await Deno.writeFile(path, new Blob(parts as BlobPart[]).stream());
  return path;
}

Deno.test("ffn planes draws planes through a voxel, with labels, a cross hair or signs", async () => {
  await using folder = await temporaryFolder();
  const ramp = Float32Array.from({ length: 24 }, (_, i) => i - 8);
  const image = await writeNpy(folder.of("a.npy"), [2, 3, 4], ramp);
  const labels = await writeNpy(folder.of("l.npy"), [2, 3, 4], new Uint32Array(24).fill(3));
  const draw = async (...flags: string[]) => {
    const path = folder.of("planes.png");
    const result = await ffn("planes", image, path, ...flags);
    strictEqual(result.code, 0, result.stderr);
    const picture = decodePng(await Deno.readFile(path), path);
    deepStrictEqual([picture.height, picture.width, picture.channels], [6, 7, 3]);
    return [...picture.data as Uint8Array];
  };
  const red = (data: number[], row: number, column: number) => data[3 * (7 * row + column)];
  const blue = (data: number[], row: number, column: number) => data[3 * (7 * row + column) + 2];
  const plain = await draw();
  const crossed = await draw("--center", "1,1,2", "--cross-hair");
  deepStrictEqual(red(plain, 0, 0), red(crossed, 0, 0));
  strictEqual(red(crossed, 1, 2) < red(plain, 1, 2), true);
  const painted = await draw("--labels", labels);
  strictEqual(red(painted, 0, 0) === blue(painted, 0, 0), false);
  // Row z = 0 of the plane below, y = 1: -4 to -1, of the lowest -6 among the planes; the highest is 15.
  const signed = await draw("--signed", "linear");
  deepStrictEqual([red(signed, 4, 0), blue(signed, 4, 0)], [Math.round(255 * 4 / 6), 0]);
  deepStrictEqual([red(signed, 2, 3), blue(signed, 2, 3)], [0, 255]);
});

Deno.test("ffn planes refuses a centre outside, labels of another shape and flags that exclude each other", async () => {
  await using folder = await temporaryFolder();
  const image = await writeNpy(folder.of("a.npy"), [2, 3, 4], new Float32Array(24));
  const labels = await writeNpy(folder.of("l.npy"), [2, 3, 5], new Uint32Array(30));
  const refusal = async (...flags: string[]) => {
    const { code, stderr } = await ffn("planes", image, folder.of("p.png"), ...flags);
    deepStrictEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
      "a.npy",
      "l.npy",
    ]);
    return [code, stderr.split("\n")[0]];
  };
  deepStrictEqual(await refusal("--center", "2,0,0"), [
    1,
    "ffn planes: Cannot cut planes of start zyx (0, 0, 0) size (2, 3, 4): the centre must be inside, " +
    "current centre is (2, 0, 0)",
  ]);
  deepStrictEqual(await refusal("--labels", labels), [
    1,
    `ffn planes: Cannot paint "${labels}" over "${image}": sizes zyx must be equal, current sizes ` +
    "are (2, 3, 5) and (2, 3, 4)",
  ]);
  const both = await refusal("--labels", labels, "--signed", "tanh");
  deepStrictEqual(both, [
    2,
    "ffn planes: Cannot draw planes: give --labels or --signed, not both; see ffn planes --help",
  ]);
});
