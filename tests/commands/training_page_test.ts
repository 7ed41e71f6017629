/** docs/training.md, run as it stands but for sizes, and held against the flags that there are. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { COMPUTE_OPTIONS, flagOf } from "../../engine/commands/command.ts";
import { LAUNCH_OPTIONS } from "../../engine/commands/launch_options.ts";
import { TRAIN_OPTIONS } from "../../engine/commands/train_options.ts";
import { FOV_POLICIES } from "../../engine/training/fov_geometry.ts";
import { readSectionOptions } from "../../engine/training/section_options.ts";
import { createHdf5 } from "../../engine/volumes/hdf5_writer.ts";
import { syntheticTissue } from "../../engine/volumes/synthetic_tissue.ts";
import { runLine, runPage, smallerPage } from "../support/run_page.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const SMALLER = [
  [
    '"depth": 9, "fov_size": [33, 33, 33], "deltas": [8, 8, 8]',
    '"depth": 2, "features": 4, "fov_size": [9, 9, 9], "deltas": [2, 2, 2]',
  ],
  ["--max_steps 100000", "--max_steps 20 --threads 2 --kernel_process off --backend wasm"],
  ['"max_steps": 100000', '"max_steps": 10'],
  ["--config train.json", "--config train.json --threads 2 --kernel_process off --backend wasm"],
  ["held:60:60:60:120:120:120", "held:16:16:16:8:8:8"],
] as const;

const page = await Deno.readTextFile(new URL("../../docs/training.md", import.meta.url));

Deno.test("every command of docs/training.md works, in small", async () => {
  await using folder = await temporaryFolder();
  const size = [40, 40, 40] as const;
  const { image, labels } = syntheticTissue({ size, seed: 3 });
  for (
    const [file, dataset, dtype, data] of [
      ["em.h5", "raw", "uint8", image],
      ["labels.h5", "labels", "int32", Int32Array.from(labels)],
    ] as const
  ) {
    await using writer = await createHdf5(folder.of(file), { dataset, shape: size, dtype });
    await writer.write({ start: [0, 0, 0], size }, data);
    await writer.commit();
  }
  const partitions = "--output_volume af.h5:af --lom_radius 6,6,6 --min_size 500";
  await runLine(
    `ffn compute-partitions --input_volume labels.h5:labels ${partitions}`,
    folder.path,
  );
  const output = "--coordinate_output coords.gz --margin 14,14,14 --seed 1";
  await runLine(`ffn build-coordinates --partition_volumes mine:af.h5:af ${output}`, folder.path);
  const commands = await runPage(await smallerPage("training.md", SMALLER), folder.path);
  strictEqual(commands.length, 5);
  const names = (path: string) => [...Deno.readDirSync(folder.of(path))].map(({ name }) => name);
  for (const run of ["run2", "run3"]) ok(names(run).includes("model.ckpt-10.index"), run);
  for (const name of ["network.onnx", "network.safetensors"]) ok(names(".").includes(name), name);
});

Deno.test("docs/training.md names every flag of ffn train, and none that there is not", () => {
  const flags = (options: Readonly<Record<string, unknown>>) =>
    Object.keys(options).map((name) => `--${flagOf(name).slice(2).replaceAll("-", "_")}`);
  const missing = flags(TRAIN_OPTIONS).filter((flag) =>
    !page.includes(`${flag}\``) && !page.includes(`${flag} `)
  );
  deepStrictEqual(missing, []);
  const others = ["--margin", "--name", "--logdir"];
  const known = new Set(
    [TRAIN_OPTIONS, LAUNCH_OPTIONS, COMPUTE_OPTIONS].flatMap(flags).concat(others),
  );
  const named = page.match(/--[a-z][a-z0-9_]+/g)!;
  deepStrictEqual(named.filter((flag) => !known.has(flag)), []);
});

Deno.test("docs/training.md has every policy, and every defect with its defaults", () => {
  for (const policy of FOV_POLICIES) ok(page.includes(`| \`${policy}\` |`), policy);
  const names = [...page.matchAll(/^\| `(\w+)` \| .* \| `\w+` -?[\d.]+/gm)].map(([, name]) => name);
  const defaults = readSectionOptions(Object.fromEntries(names.map((name) => [name, {}])));
  strictEqual(names.length, 7);
  for (const [name, numbers] of Object.entries(defaults)) {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\``))!;
    for (const [key, value] of Object.entries(numbers)) {
      if (key === "skip_ratio" || key === "section_ratio") continue;
      ok(row.includes(`\`${key}\` ${value}`), `${name}: \`${key}\` ${value}`);
    }
  }
});
