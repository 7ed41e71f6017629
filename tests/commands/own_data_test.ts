/** docs/own-data.md, run as it stands but for sizes: a small volume, a small network, a few steps. */
import { ok, strictEqual } from "node:assert/strict";
import { encodePng } from "../../engine/formats/png.ts";
import { syntheticTissue } from "../../engine/volumes/synthetic_tissue.ts";
import { runPage, smallerPage } from "../support/run_page.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** What is made smaller, so that the page can be run in seconds. */
const SMALLER: [string, string][] = [
  ["24,24,24", "8,8,8"],
  ["--min_size 10000", "--min_size 500"],
  [
    '"depth": 9, "fov_size": [33, 33, 33], "deltas": [8, 8, 8]',
    '"depth": 2, "features": 4, "fov_size": [9, 9, 9], "deltas": [2, 2, 2]',
  ],
  ["--max_steps 100000", "--max_steps 120 --seed 1 --threads 2 --kernel_process off"],
  ["learning_rate 0.001", "learning_rate 0.01"],
  ["min_segment_size: 1000", "min_segment_size: 1"],
  ["run-inference", "run-inference --backend wasm --threads 2 --kernel_process off"],
];

Deno.test("every command of docs/own-data.md works, in small", async () => {
  await using folder = await temporaryFolder();
  const size = [40, 40, 40] as const;
  const { image, labels } = syntheticTissue({ size, seed: 3 });
  for (const [name, data] of [["em", image], ["labels", labels]] as const) {
    await Deno.mkdir(folder.of(name));
    for (let z = 0; z < size[0]; z++) {
      const section = data.slice(z * 1600, (z + 1) * 1600);
      const png = encodePng({ width: 40, height: 40, channels: 1, data: section });
      await Deno.writeFile(folder.of(name, `${String(z).padStart(3, "0")}.png`), png);
    }
  }
  const commands = await runPage(await smallerPage("own-data.md", SMALLER), folder.path);
  strictEqual(commands.length, 9);
  const made = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  for (const name of ["results", "network.onnx", "network.safetensors"]) {
    ok(made.includes(name), `${name} in ${made}`);
  }
});
