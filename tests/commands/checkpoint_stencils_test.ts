import { deepStrictEqual, match } from "node:assert/strict";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import { ffn } from "../support/cli.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

async function prepare(folder: TemporaryFolder): Promise<void> {
  await Deno.mkdir(folder.of("train"));
  // 900 is a part of 1900, and the index file is what makes a checkpoint.
  for (const name of ["model.ckpt-900.index", "model.ckpt-1900.index", "model.ckpt-7.meta"]) {
    await Deno.writeTextFile(folder.of("train", name), "");
  }
  for (const policy of ["PolicyPeaks", "PolicyInvertOrigins", "PolicyGrid3d"]) {
    await Deno.writeTextFile(
      folder.of(`${policy}.pbtxt`),
      `image_mean: 5 seed_policy: "${policy}" segmentation_output_dir: "elsewhere"`,
    );
  }
}

Deno.test("ffn checkpoint-stencils writes forward and reversed requests of exact steps", async () => {
  await using folder = await temporaryFolder();
  await prepare(folder);
  const { code, stdout, stderr } = await ffn(
    ...["checkpoint-stencils", "--ckpts", "1900", "900", "--ckpt-dir", folder.of("train")],
    ...["--requests", folder.of("PolicyInvertOrigins.pbtxt"), folder.of("PolicyPeaks.pbtxt")],
    ...["--output-dir", folder.of("out")],
  );
  deepStrictEqual(code, 0, stderr);
  const names = ["900_A_peaks", "900_B_invert", "1900_A_peaks", "1900_B_invert"];
  deepStrictEqual(
    stdout.trim().split("\n"),
    names.map((name) => folder.of("out", `${name}.pbtxt`)),
  );
  for (const name of names) {
    const [step, kind] = name.split("_");
    const path = folder.of("out", `${name}.pbtxt`);
    const message = parseInferenceRequest(await Deno.readTextFile(path), name);
    const expected = {
      imageMean: 5,
      seedPolicy: kind === "A" ? "PolicyPeaks" : "PolicyInvertOrigins",
      modelCheckpointPath: folder.of("train", `model.ckpt-${step}`),
      segmentationOutputDir: folder.of("out", name),
      seedPolicyArgs: kind === "A" ? undefined : JSON.stringify({
        segmentation_dir: folder.of("out", `${step}_A_peaks`),
      }),
    };
    const actual = Object.fromEntries(
      Object.keys(expected).map((key) => [key, message[key as keyof typeof expected]]),
    );
    deepStrictEqual(actual, expected);
    deepStrictEqual((await Deno.stat(folder.of("out", name))).isDirectory, true);
  }
});

Deno.test("ffn checkpoint-stencils refuses other policies and steps, and writes nothing", async () => {
  await using folder = await temporaryFolder();
  await prepare(folder);
  const run = async (requests: string[], ckpt: string) => {
    const { code, stderr } = await ffn(
      ...["checkpoint-stencils", "--ckpts", ckpt, "--ckpt-dir", folder.of("train")],
      ...["--output-dir", folder.of("out"), "--requests"],
      ...requests.map((name) => folder.of(`${name}.pbtxt`)),
    );
    deepStrictEqual([...Deno.readDirSync(folder.path)].some(({ name }) => name === "out"), false);
    return `${code} ${stderr}`;
  };
  match(await run(["PolicyPeaks"], "7"), /^1 .*step 7 .*: it has 0 .*its steps are 900, 1900/);
  match(await run(["PolicyPeaks", "PolicyGrid3d"], "900"), /^2 .*current is "PolicyGrid3d"/);
  match(await run(["PolicyPeaks", "PolicyPeaks"], "900"), /^2 .*another request has PolicyPeaks/);
  match(await run(["nowhere"], "900"), /^1 .*Cannot open request ".*nowhere.pbtxt": no such file/);
  const { code, stderr } = await ffn("checkpoint-stencils", "--ckpts", "1");
  match(`${code} ${stderr}`, /^2 .*without --requests, --ckpt-dir, --ckpts and --output-dir/);
});
