import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { command } from "../../engine/commands/run_ffn_deep_dream.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { runCommand } from "../support/run_command.ts";
import { randomVariables, smallModel } from "../support/small_networks.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";
import { scalarCurve } from "../support/timed_training.ts";

const SIZE = [6, 8, 10];

async function prepared(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  const data = new Uint8Array(480);
  for (let x = 2; x < 8; x++) data[3 * 80 + 40 + x] = 1;
  const parts = encodeNpy({ dtype: "uint8", shape: SIZE, data });
  await Deno.writeFile(folder.of("mask.npy"), new Blob(parts as BlobPart[]).stream());
  const network = smallModel([5, 5, 5], [1, 1, 1], 2, 4);
  const { read } = randomVariables(network, 3, 4);
  const variables = await Promise.all(
    network.variables.map(async ({ name }) => [name, await read(name)] as const),
  );
  await writeCheckpoint(folder.of("ffn", "model.ckpt-1"), new Map(variables));
  return folder;
}

function flagsOf(folder: TemporaryFolder, more: Record<string, unknown> = {}) {
  return {
    ...{ maskSpec: folder.of("mask.npy"), ckpt: folder.of("ffn"), neuronRadius: 1, seed: 4 },
    ...{ trainDir: folder.of("dream"), outputSpec: folder.of("out.npy"), itBetween: 5 },
    ...{ learningRate: 0.05, threads: 1, backend: "wasm", kernelProcess: "off", ...more },
  };
}

async function imageOf(path: string): Promise<Float32Array> {
  await using volume = await open(path);
  deepStrictEqual(volume.shape, SIZE);
  return await volume.read(wholeBox(volume)) as Float32Array;
}

Deno.test("ffn run-ffn-deep-dream changes an image until the network sees more of the object", async () => {
  await using folder = await prepared();
  for (const flatInputMask of [false, true]) {
    const trainDir = folder.of(`dream ${flatInputMask}`);
    const outputSpec = folder.of(`${flatInputMask}.npy`);
    const more = { trainDir, outputSpec, flatInputMask, itBetween: 80, summaryRateSecs: 0 };
    await runCommand(command, flagsOf(folder, more));
    const curve = (await scalarCurve(trainDir, "deep_dream/loss")).map(({ value }) => value);
    ok(curve.at(-1)! < 0.97 * curve[0], `${flatInputMask}: ${curve[0]} to ${curve.at(-1)}`);
    ok(curve.every((v, i) => i < 10 || v <= curve[i - 10]));
    const image = await imageOf(outputSpec);
    ok(image.every(Number.isFinite) && image.some((v) => Math.abs(v) > 0.3));
  }
});

Deno.test("ffn run-ffn-deep-dream stopped and called again makes the same image", async () => {
  await using folder = await prepared();
  const whole = { trainDir: folder.of("other"), outputSpec: folder.of("whole.npy") };
  await runCommand(command, flagsOf(folder, whole));
  const stop = new AbortController();
  const note = (line: string) => {
    if (line.endsWith("model.ckpt-2")) stop.abort(new Error("stop"));
  };
  const outputSpec = folder.of("out.zarr");
  const sizes = { d: "6", h: "8", w: "10" };
  const flags = flagsOf(folder, { checkpointEverySteps: 1, outputSpec, ...sizes });
  await rejects(runCommand(command, flags, { note, signal: stop.signal }), /stop/);
  await rejects(Deno.stat(outputSpec), Deno.errors.NotFound);
  await runCommand(command, flags);
  deepStrictEqual(await imageOf(outputSpec), await imageOf(folder.of("whole.npy")));
});

Deno.test("ffn run-ffn-deep-dream names what it cannot do before it writes anything", async () => {
  await using folder = await prepared();
  const refused = async (more: Record<string, unknown>, wanted: RegExp) => {
    await rejects(runCommand(command, flagsOf(folder, more)), wanted);
    for (const name of ["dream", "out.npy"]) {
      await rejects(Deno.stat(folder.of(name)), Deno.errors.NotFound);
    }
  };
  await refused({ maskSpec: undefined }, /Cannot run without --mask_spec/);
  await refused({ ckpt: folder.of("nothing") }, /nothing/);
  await refused({ depth: 12 }, /--depth 12: the network in .* has 2/);
  await refused({ w: "33" }, /size x 33: the mask .* has 10/);
  await refused({ maskSpec: `${folder.of("mask.npy")}[:2]` }, /no voxel is above 0/);
});
