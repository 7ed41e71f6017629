import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { Command, Option } from "../../engine/commands/command.ts";
import { command as runStyle } from "../../engine/commands/run_style_xfer.ts";
import { command as trainDecoder } from "../../engine/commands/train_style_xfer_decoder.ts";
import { command as trainEncoder } from "../../engine/commands/train_style_xfer_encoder.ts";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { openCheckpoint, writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { runCommand } from "../support/run_command.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";
import { scalarCurve } from "../support/timed_training.ts";
import { randomVariables, smallModel } from "../support/small_networks.ts";

const EDGE = 16;

/** Two volumes of bytes, and a network of three modules. */
async function prepared(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  const volumes = { content: [5, 60, 100], style: [7, 30, 140] };
  for (const [name, [period, swing, mean]] of Object.entries(volumes)) {
    const data = Uint8Array.from(
      { length: EDGE ** 3 },
      (_, i) => mean + swing * Math.sin(2 * (i % EDGE + (i >> 8)) / period) + (i * 37) % 11,
    );
    const parts = encodeNpy({ dtype: "uint8", shape: [EDGE, EDGE, EDGE], data });
    await Deno.writeFile(folder.of(`${name}.npy`), new Blob(parts as BlobPart[]).stream());
  }
  const network = smallModel([5, 5, 5], [1, 1, 1], 3, 8);
  const { read } = randomVariables(network, 3);
  const variables = await Promise.all(
    network.variables.map(async ({ name }) => [name, await read(name)] as const),
  );
  await writeCheckpoint(folder.of("ffn", "model.ckpt-1"), new Map(variables));
  return folder;
}

const TRAINING = {
  ...{ layer: 2, fovLen: 7, batchSize: 2, maxSteps: 4, seed: 5 },
  ...{ optimizer: "adam", learningRate: 0.01, threads: 1, backend: "wasm", kernelProcess: "off" },
};

function decoderFlags(folder: TemporaryFolder, more: Record<string, unknown> = {}) {
  const volumeSpec = folder.of("content.npy"), ffnCkpt = folder.of("ffn");
  return { ...TRAINING, volumeSpec, ffnCkpt, trainDir: folder.of("decoder"), ...more };
}

function encoderFlags(folder: TemporaryFolder, more: Record<string, unknown> = {}) {
  const decoderCkpt = folder.of("decoder");
  return { ...decoderFlags(folder), decoderCkpt, trainDir: folder.of("encoder"), ...more };
}

async function contents(folder: string, step: number): Promise<Uint8Array[]> {
  const files = [".index", ".data-00000-of-00001", ".state.npz"];
  return await Promise.all(files.map((end) => Deno.readFile(`${folder}/model.ckpt-${step}${end}`)));
}

async function read(spec: string): Promise<Float32Array> {
  await using volume = await open(spec);
  return Float32Array.from(await volume.read(wholeBox(volume)) as Float32Array);
}

Deno.test("ffn train-style-xfer-decoder lowers its loss, and ffn train-style-xfer-encoder goes on with its decoder", async () => {
  await using folder = await prepared();
  await runCommand(
    trainDecoder,
    decoderFlags(folder, { maxSteps: 200, summaryRateSecs: 0, learningRate: 0.003 }),
  );
  const curve = await scalarCurve(folder.of("decoder"), "decoder_metrics/pixel_mse");
  const mean = (part: readonly { value: number }[]) =>
    part.reduce((sum, { value }) => sum + value / part.length, 0);
  ok(mean(curve.slice(-20)) < 0.7 * mean(curve.slice(0, 20)), `${mean(curve.slice(-20))}`);
  await using decoder = await openCheckpoint(folder.of("decoder"));
  const names = [...decoder.variables.keys()].filter((name) => !/Adam|_power|global/.test(name));
  deepStrictEqual([...new Set(names.map((name) => name.split("/")[0]))], ["decoder"]);
  ok(names.includes("decoder/conv_decoding/weights") && names.includes("decoder/conv1_b/biases"));
  await runCommand(trainEncoder, encoderFlags(folder, { maxSteps: 2 }));
  await using encoder = await openCheckpoint(folder.of("encoder"));
  const weights = [...encoder.variables.keys()].filter((name) => name.endsWith("weights"));
  deepStrictEqual(
    weights,
    [0, 1].flatMap((i) => ["a", "b"].map((h) => `encoder/conv${i}_${h}/weights`)),
  );
  // It begins as the network's first modules.
  await using first = await openCheckpoint(folder.of("encoder", "model.ckpt-0"));
  await using ffn = await openCheckpoint(folder.of("ffn"));
  deepStrictEqual(
    (await first.read("encoder/conv1_a/weights")).data,
    (await ffn.read("seed_update/conv1_a/weights")).data,
  );
});

Deno.test("ffn train-style-xfer-decoder and -encoder stopped and called again end as if they had not been, byte for byte", async () => {
  await using folder = await prepared();
  const stopped = async (command: Command, flags: Record<string, unknown>) => {
    const stop = new AbortController();
    const note = (line: string) => {
      if (line.endsWith("model.ckpt-2")) stop.abort(new Error("stop"));
    };
    const all = { ...flags, checkpointEverySteps: 1 };
    await rejects(runCommand(command, all, { note, signal: stop.signal }), /stop/);
    await runCommand(command, all);
  };
  await runCommand(trainDecoder, decoderFlags(folder));
  await stopped(trainDecoder, decoderFlags(folder, { trainDir: folder.of("decoder2") }));
  deepStrictEqual(
    await contents(folder.of("decoder2"), 4),
    await contents(folder.of("decoder"), 4),
  );
  await runCommand(trainEncoder, encoderFlags(folder));
  await stopped(trainEncoder, encoderFlags(folder, { trainDir: folder.of("encoder2") }));
  deepStrictEqual(
    await contents(folder.of("encoder2"), 4),
    await contents(folder.of("encoder"), 4),
  );
  await rejects(
    runCommand(trainEncoder, encoderFlags(folder, { trainDir: folder.of("decoder") })),
    /Cannot load .*decoder.*encoder\/conv0_a\/weights.*missing/,
  );
});

Deno.test("ffn run-style-xfer gives the same in tiles, in any kind of volume, by every method", async () => {
  await using folder = await prepared();
  await runCommand(trainDecoder, decoderFlags(folder, { maxSteps: 1 }));
  const flags = {
    ...{ contentspec: folder.of("content.npy"), stylespec: folder.of("style.npy"), layer: 2 },
    ...{ ffnCkpt: folder.of("ffn"), decoderCkpt: folder.of("decoder") },
    ...{ threads: 1, backend: "wasm", kernelProcess: "off" },
  };
  const results = new Map<string, Float32Array>();
  for (
    const more of [{}, { whitening: "cholesky" }, { method: "hm" }] as Record<string, unknown>[]
  ) {
    const name = String(more.method ?? more.whitening ?? "wc");
    await runCommand(runStyle, { ...flags, ...more, outspec: folder.of(`${name}.npy`) });
    await runCommand(runStyle, {
      ...flags,
      ...more,
      outspec: folder.of(`${name}.zarr`),
      tileSize: 6,
    });
    const [whole, tiled] = [
      await read(folder.of(`${name}.npy`)),
      await read(folder.of(`${name}.zarr`)),
    ];
    whole.forEach((v, i) => ok(Math.abs(v - tiled[i]) < 0.05, `${name} ${i}: ${v} ${tiled[i]}`));
    ok([...results.values()].every((other) => other.some((v, i) => Math.abs(v - whole[i]) > 0.1)));
    results.set(name, whole);
  }
  // The style's own style changes nothing but what decoding does.
  const own = { ...flags, stylespec: flags.contentspec };
  await runCommand(runStyle, { ...own, outspec: folder.of("zca.npy") });
  await runCommand(runStyle, {
    ...own,
    method: "hm",
    outspec: folder.of("same.npy"),
    outputDtype: "uint8",
  });
  const [zca, same] = [await read(folder.of("zca.npy")), await read(folder.of("same.npy"))];
  same.forEach((v, i) => ok(Math.abs(v - Math.min(255, Math.max(0, zca[i]))) < 1.5, `${i}`));
});

Deno.test("the commands of style transfer name what they cannot do before they write anything", async () => {
  await using folder = await prepared();
  await runCommand(trainDecoder, decoderFlags(folder, { maxSteps: 1, trainDir: folder.of("d") }));
  const refused = async (command: Command, flags: Record<string, unknown>, wanted: RegExp) => {
    await rejects(runCommand(command, flags), wanted);
    for (const name of ["decoder", "encoder", "out.npy"]) {
      await rejects(Deno.stat(folder.of(name)), Deno.errors.NotFound);
    }
  };
  const decoder = (more: Record<string, unknown>, wanted: RegExp) =>
    refused(trainDecoder, decoderFlags(folder, more), wanted);
  await decoder({ trainDir: undefined }, /Cannot run without --train_dir/);
  await decoder({ layer: undefined }, /Cannot train without --layer/);
  await decoder({ layer: 4 }, /as a network of --layer 4: it has 3 modules/);
  await decoder({ fovLen: 17 }, /17 voxels or more per axis \(--fov_len\), current shape is/);
  await decoder({ imageStddev: 0 }, /--image_stddev 0/);
  await decoder({ flatSeed: "false", seedPad: 0 }, /--seed_pad 0 .*: both must be above 0/);
  const encoder = (more: Record<string, unknown>, wanted: RegExp) =>
    refused(trainEncoder, encoderFlags(folder, { decoderCkpt: folder.of("d"), ...more }), wanted);
  await encoder({ decoderCkpt: undefined }, /Cannot run without --decoder_ckpt/);
  await encoder({ layer: 3 }, /as a decoder of --layer 3: it has 2 modules/);
  const flags = {
    ...{ contentspec: folder.of("content.npy"), stylespec: folder.of("style.npy"), layer: 2 },
    ...{ ffnCkpt: folder.of("ffn"), decoderCkpt: folder.of("d"), outspec: folder.of("out.npy") },
  };
  const style = (more: Record<string, unknown>, wanted: RegExp) =>
    refused(runStyle, { ...flags, ...more }, wanted);
  await style({ ffnCkpt: undefined }, /give either --ffn_ckpt or --encoder_ckpt/);
  await style(
    { encoderCkpt: folder.of("d"), ffnCkpt: undefined },
    /as an encoder of --layer 2: it has 0/,
  );
  await style({ outspec: undefined }, /Cannot run without --outspec/);
  const options: Record<string, Option> = runStyle.options;
  strictEqual((options.whitening as { default?: string }).default, "zca");
});
