import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { openCheckpoint, writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { Random } from "../../engine/training/random.ts";
import { ffn } from "../support/cli.ts";
import { smallModel } from "../support/small_networks.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("ffn export-checkpoint and import-checkpoint give the same weights back", async () => {
  await using folder = await temporaryFolder();
  const variables = initialVariables(smallModel([5, 5, 5], [1, 1, 1], 2, 4), new Random(1));
  const name = "seed_update/conv0_a/weights";
  const slot: NdArray = { ...variables.get(name)! };
  const step: NdArray = { dtype: "int32", shape: [], data: Int32Array.of(12) };
  const all = new Map([
    ...variables,
    [`${name}/Momentum`, slot] as const,
    ["global_step", step] as const,
  ]);
  const prefix = folder.of("model.ckpt-12");
  await writeCheckpoint(prefix, all);
  const [plain, whole] = [folder.of("net.safetensors"), folder.of("all.safetensors")];
  const exported = await ffn("export-checkpoint", prefix, plain);
  strictEqual(exported.code, 0, exported.stderr);
  match(exported.stdout, /10 variables of convstack_3d.* \(depth 2, features 4\)/);
  strictEqual((await ffn("export-checkpoint", prefix, whole, "--all")).code, 0);
  for (
    const [file, expected] of [[plain, new Map([...variables, ["global_step", step]])], [
      whole,
      all,
    ]] as const
  ) {
    const back = folder.of("back", "model.ckpt-1");
    strictEqual((await ffn("import-checkpoint", file, back)).code, 0);
    await using checkpoint = await openCheckpoint(back);
    deepStrictEqual([...checkpoint.variables.keys()], [...expected.keys()].sort());
    for (const [key, array] of expected) deepStrictEqual(await checkpoint.read(key), array);
  }
});

Deno.test("ffn export-checkpoint refuses other endings and other checkpoints", async () => {
  await using folder = await temporaryFolder();
  const prefix = folder.of("m");
  await writeCheckpoint(
    prefix,
    new Map([["x", { dtype: "float32", shape: [1], data: Float32Array.of(1) }]]),
  );
  strictEqual((await ffn("export-checkpoint", prefix, "net.pt")).code, 2);
  const other = await ffn("export-checkpoint", prefix, folder.of("n.onnx"));
  match(other.stderr, /its variables are those of no known model/);
  match((await ffn("import-checkpoint", folder.of("none"), prefix)).stderr, /no such file/);
});
