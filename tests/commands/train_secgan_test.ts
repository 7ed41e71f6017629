import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { basename } from "node:path";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { STEPS_PER_ITERATION } from "../../engine/training/secgan/secgan_trainer.ts";
import { openCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { secganFlags, secganFolder, trainSecgan } from "../support/secgan_training.ts";
import { scalarCurve } from "../support/timed_training.ts";

async function hashOf(path: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(digest).toHex();
}

/** Hashes of a checkpoint's files and of the state beside it. */
async function contents(folder: string, step: number): Promise<string[]> {
  const files = [".index", ".data-00000-of-00001", ".state.npz"];
  return await Promise.all(files.map((end) => hashOf(`${folder}/model.ckpt-${step}${end}`)));
}

Deno.test("ffn train-secgan writes the reference's names, counts four steps per iteration, and sums up", async () => {
  await using folder = await secganFolder();
  const notes: string[] = [];
  await trainSecgan(secganFlags(folder), (line) => notes.push(line));
  await using checkpoint = await openCheckpoint(folder.of("run"));
  strictEqual(basename(checkpoint.prefix), `model.ckpt-${3 * STEPS_PER_ITERATION}`);
  deepStrictEqual((await checkpoint.read("global_step")).data, BigInt64Array.of(12n));
  const names = [...checkpoint.variables.keys()];
  const weights = names.filter((name) => !/\/Adam|_power|global_step/.test(name));
  deepStrictEqual(
    [...new Set(weights.map((name) => name.split("/")[0]))],
    ["discriminator_D_l", "discriminator_D_s", "discriminator_D_u", "generator_F", "generator_G"],
  );
  deepStrictEqual(
    weights.filter((name) => name.startsWith("discriminator_D_s")).map((name) => name.slice(18)),
    [
      ...["conv0/biases", "conv0/weights", "norm0/beta", "norm0/gamma"],
      ...["probs/fully_connected/biases", "probs/fully_connected/weights"],
    ],
  );
  strictEqual(names.length - weights.length, 2 * weights.length + 8 + 1);
  const tags = [
    "losses/cycle_consistency_l",
    "losses/segmentation_gan_loss",
    "metrics/Du_fake_err",
  ];
  for (const tag of tags) {
    const curve = await scalarCurve(folder.of("run"), tag);
    deepStrictEqual(curve.map(({ step }) => step), [12], tag);
    ok(curve[0].value > 0 && curve[0].value < 3, tag);
  }
  const flags = await Deno.readTextFile(folder.of("run", "flagfile.txt"));
  ok(flags.includes("--fakepool_sz=2\n") && flags.includes("--seed=5\n"));
  ok(notes.some((line) => line.includes("--ffn_image_mean")));
});

Deno.test("ffn train-secgan stopped and called again ends as if it had not been, byte for byte", async () => {
  await using folder = await secganFolder();
  const flags = { labelNoise: 0.1, generatorDropout: true, batchSize: 2, maxSteps: 6 };
  await trainSecgan(secganFlags(folder, { ...flags, trainDir: folder.of("whole") }));
  const stop = new AbortController();
  let saves = 0;
  const stopped = secganFlags(folder, { ...flags, checkpointEverySteps: 1 });
  await rejects(
    trainSecgan(stopped, (line) => {
      if (line.startsWith("saved ") && ++saves === 4) stop.abort(new Error("stop"));
    }, stop.signal),
    /stop/,
  );
  const notes: string[] = [];
  await trainSecgan({ ...stopped, seed: undefined }, (line) => notes.push(line));
  ok(!notes.some((line) => line.includes("seed ")), "its random numbers are those of the state");
  ok((await Deno.readTextFile(folder.of("run", "flagfile.txt"))).includes("--seed=5\n"));
  const step = 6 * STEPS_PER_ITERATION;
  deepStrictEqual(await contents(folder.of("run"), step), await contents(folder.of("whole"), step));
});

Deno.test("ffn train-secgan trains without a segmenter, and has no discriminator for one", async () => {
  await using folder = await secganFolder();
  await trainSecgan(
    secganFlags(folder, { segEnhanced: "false", ffnCkpt: undefined, maxSteps: 1 }),
  );
  await using checkpoint = await openCheckpoint(folder.of("run"));
  const names = [...checkpoint.variables.keys()];
  strictEqual(names.some((name) => name.startsWith("discriminator_D_s")), false);
});

Deno.test("ffn train-secgan takes parts of a batch, norms, a patch head, resnet18 and features", async () => {
  await using folder = await secganFolder();
  const variants = [
    { batchSize: 2, microBatch: 1, recompute: "on", discHead: "patch" },
    { generatorNorm: "batch", batchSize: 2, discriminatorNorm: "batch" },
    { generatorNorm: "instance", ffnFeaturesLayer: 2, ffnImageMean: 128, ffnImageStddev: 33 },
  ];
  for (const [i, variant] of variants.entries()) {
    const trainDir = folder.of(`run${i}`);
    await trainSecgan(secganFlags(folder, { ...variant, trainDir, maxSteps: 1 }));
    await using checkpoint = await openCheckpoint(trainDir);
    const hasMoving = checkpoint.variables.has("generator_F/norm0_a/moving_variance");
    strictEqual(hasMoving, variant.generatorNorm === "batch");
  }
});

Deno.test("ffn train-secgan names what it cannot train with before it writes anything", async () => {
  await using folder = await secganFolder();
  const refused = async (more: Record<string, unknown>, message: RegExp) => {
    await rejects(trainSecgan(secganFlags(folder, more)), message);
    await rejects(Deno.stat(folder.of("run")), Deno.errors.NotFound);
  };
  await refused({ trainDir: undefined }, /Cannot train without --train_dir/);
  await refused({ ffnCkpt: undefined }, /Cannot train without --ffn_ckpt/);
  await refused({ generatorDepth: 4 }, /each axis must have 37 voxels or more.*is 30/);
  await refused({ ffnFovSize: 6 }, /--ffn_fov_size 6: .* must be odd/);
  await refused({ ffnFeaturesLayer: 1 }, /ffn_features_layer 1: it must be 2/);
  await refused({ ffnImageMean: 128 }, /belong together/);
  await refused({ batchSize: 3, microBatch: 2 }, /micro_batch 2: it must be a divisor/);
  await refused(
    { batchSize: 2, microBatch: 1, generatorNorm: "batch" },
    /batch normalisation needs the whole batch at once/,
  );
  await refused({ ffnImageStddev: 33 }, /belong together/);
  await refused({ ffnCkpt: folder.of("nothing") }, /nothing/);
  await refused({ ffnFovSize: 1 }, /fov_size/);
  await refused({ syncNReplicas: 4 }, /--sync-n-replicas 4: this is one process/);
});

Deno.test("ffn train-secgan names volumes and segmenters that do not fit, and keeps a run that is there", async () => {
  await using folder = await secganFolder();
  await trainSecgan(secganFlags(folder, { maxSteps: 1 }));
  const before = await contents(folder.of("run"), STEPS_PER_ITERATION);
  const refused = async (more: Record<string, unknown>, message: RegExp) => {
    await rejects(trainSecgan(secganFlags(folder, more)), message);
    deepStrictEqual(await contents(folder.of("run"), STEPS_PER_ITERATION), before);
  };
  const cube = async (name: string, dtype: "uint16" | "float32", value: number) => {
    const data = dtype === "uint16" ? new Uint16Array(13 ** 3) : new Float32Array(13 ** 3);
    const parts = encodeNpy({ dtype, shape: [13, 13, 13], data: data.fill(value) });
    await Deno.writeFile(folder.of(name), new Blob(parts as BlobPart[]).stream());
    return folder.of(name);
  };
  const small = `${folder.of("new.npy")}[0:30, 0:12, 0:30]`;
  await refused(
    { unlabeledVolumeSpecs: `${folder.of("new.npy")} ${small}` },
    /Cannot train on .*0:12.*: each axis must have 13 voxels or more .* current y is 12/,
  );
  await refused({ labeledVolumeSpecs: folder.of("no.npy") }, /no\.npy/);
  await refused(
    { labeledVolumeSpecs: await cube("deep.npy", "uint16", 7) },
    /Cannot scale ".*deep\.npy" to -1 to 1: it must be uint8 or float/,
  );
  await refused(
    { labeledVolumeSpecs: await cube("wide.npy", "float32", 173) },
    /Cannot train on ".*wide\.npy": floating values must lie in -1 to 1/,
  );
  await refused(
    { unlabeledVolumeSpecs: await cube("nan.npy", "float32", NaN) },
    /Cannot train on ".*nan\.npy": .* holds NaN/,
  );
  await refused(
    { ffnCkpt: folder.of("run") },
    /Cannot use ".*" as segmenter: it must be a checkpoint of/,
  );
});

Deno.test("ffn train-secgan refuses a checkpoint of other networks, and leaves it alone", async () => {
  await using folder = await secganFolder();
  await trainSecgan(secganFlags(folder, { maxSteps: 1 }));
  const before = await contents(folder.of("run"), STEPS_PER_ITERATION);
  const refused = (more: Record<string, unknown>, message: RegExp) =>
    rejects(trainSecgan(secganFlags(folder, more)), message);
  await refused({ generatorChannels: 8 }, /must have shape \[3, 3, 3, 1, 8\], current shape is/);
  await refused({ convdiscDepth: 2 }, /it has no variable "discriminator_D_l\/conv1\/weights"/);
  await refused(
    { segEnhanced: "false" },
    /has a variable "discriminator_D_s\/.*these networks have not/,
  );
  deepStrictEqual(await contents(folder.of("run"), STEPS_PER_ITERATION), before);
});

Deno.test("ffn train-secgan stops at a loss that is not finite, and keeps the last good checkpoint", async () => {
  await using folder = await secganFolder();
  const flags = { optimizer: "sgd", learningRate: 1e30, maxSteps: 20, checkpointEverySteps: 1 };
  await rejects(
    trainSecgan(secganFlags(folder, flags)),
    /(the loss ".*" must be finite|must be finite; ).*smaller --learning_rate/,
  );
  await using checkpoint = await openCheckpoint(folder.of("run"));
  const { data } = await checkpoint.read("generator_F/conv0_a/weights");
  ok((data as Float32Array).every(Number.isFinite));
});
