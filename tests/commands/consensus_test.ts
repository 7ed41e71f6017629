import { deepStrictEqual, match } from "node:assert/strict";
import { openNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins } from "../../engine/formats/origins.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { Executor } from "../../engine/inference/executor.ts";
import { Runner } from "../../engine/inference/runner.ts";
import { h16 } from "../support/array_hash.ts";
import { BARS_BOX, barsRequest, outputDir, writeBarsVolume } from "../support/bars_request.ts";
import { StandInNetwork } from "../support/bars_volume.ts";
import { ffn } from "../support/cli.ts";
import { writeSubvolume } from "../support/inference_results.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("ffn consensus splits the forward run of V12 by the reversed one (T1)", async () => {
  await using folder = await temporaryFolder();
  const image = await writeBarsVolume(folder.path);
  await using executor = new Executor(new StandInNetwork());
  const args = JSON.stringify(JSON.stringify({ segmentation_dir: folder.of("results") }));
  const reversed = `${outputDir(folder.of("reverse"))} seed_policy: "PolicyInvertOrigins" ` +
    `seed_policy_args: ${args}`;
  for (const more of ["", reversed]) {
    await using runner = await Runner.start(barsRequest(folder.path, image, more), { executor });
    await runner.run(BARS_BOX);
  }
  const source = (dir: string) => `{ directory: "${folder.of(dir)}" split_cc: false min_size: 5 }`;
  await Deno.writeTextFile(
    folder.of("consensus.pbtxt"),
    `segmentation1 ${source("results")} segmentation2 ${source("reverse")} type: CONSENSUS_SPLIT
     segmentation_output_dir: "${folder.of("out")}" split_min_size: 5`,
  );
  const run = () => ffn("consensus", "--request", folder.of("consensus.pbtxt"));
  const { code, stdout, stderr } = await run();
  deepStrictEqual(code, 0, stderr);
  match(stdout, /1 subvolumes done, 0 were there/);
  const path = folder.of("out", "2", "0", "seg-2_0_1.npz");
  const archive = await openNpz(await Deno.readFile(path), path);
  const { dtype, data } = await archive.readArray("segmentation");
  deepStrictEqual([dtype, await h16(data)], ["uint8", "c3e799b166383d26"]);
  const origins = decodeOrigins(await archive.readObject("origins"));
  deepStrictEqual([...origins.keys()], [1, 2]);
  match((await run()).stdout, /0 subvolumes done, 1 were there/);
});

Deno.test("ffn consensus names what its request lacks; show-simple-seg-stats tells sizes", async () => {
  await using folder = await temporaryFolder();
  const path = folder.of("half.pbtxt");
  await Deno.writeTextFile(path, 'segmentation1 { directory: "a" }');
  match((await ffn("consensus", "--request", path)).stderr, /segmentation2.directory and/);
  deepStrictEqual((await ffn("consensus")).code, 2);
  const volume = await writeBarsVolume(folder.path);
  const { stdout } = await ffn("show-simple-seg-stats", volume, "--margin", "2");
  match(stdout, /objects +18 .*\n.*components +\d+ /);
  const { objects } = JSON.parse((await ffn("show-simple-seg-stats", volume, "--json")).stdout);
  deepStrictEqual(objects.nsegs, 18);
});

Deno.test("ffn consensus refuses subvolumes of another shape, keeps what is done and goes on from there", async () => {
  await using folder = await temporaryFolder();
  const labels = new Uint8Array(60).fill(1);
  const write = (dir: string, x: number, size: Zyx) =>
    writeSubvolume(folder.of(dir), { start: [0, 0, x], size }, labels);
  for (const dir of ["a", "b"]) await write(dir, 0, [3, 4, 5]);
  await write("a", 5, [3, 4, 5]);
  // As many voxels, in another order.
  await write("b", 5, [5, 4, 3]);
  const source = (dir: string) => `{ directory: "${folder.of(dir)}" }`;
  await Deno.writeTextFile(
    folder.of("consensus.pbtxt"),
    `segmentation1 ${source("a")} segmentation2 ${source("b")} type: CONSENSUS_SPLIT
     segmentation_output_dir: "${folder.of("out")}"`,
  );
  const run = () => ffn("consensus", "--request", folder.of("consensus.pbtxt"));
  const refused = await run();
  deepStrictEqual(refused.code, 1);
  match(
    refused.stderr,
    /Cannot split ".*a.*seg-5_0_0.npz" by ".*b.*seg-5_0_0.npz": both need the same size, current zyx are \(3, 4, 5\) and \(5, 4, 3\)/,
  );
  await write("b", 5, [3, 4, 5]);
  match((await run()).stdout, /1 subvolumes done, 1 were there/);
});
