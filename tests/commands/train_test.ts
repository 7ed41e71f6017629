import {
  deepStrictEqual,
  match,
  notDeepStrictEqual,
  ok,
  rejects,
  strictEqual,
} from "node:assert/strict";
import { decodeScalars } from "../../engine/formats/event_file.ts";
import { openCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { createHdf5 } from "../../engine/volumes/hdf5_writer.ts";
import { readRecordFile } from "../../engine/volumes/record_file.ts";
import { ffn } from "../support/cli.ts";
import { testWith } from "../support/resources.ts";
import type { TemporaryFolder } from "../support/temporary_folder.ts";
import { flags, MODEL, prepared, train, writeCoordinates } from "../support/training_run.ts";

const checkpointBytes = async (folder: TemporaryFolder, run: string, step: number) =>
  await Promise.all(
    ["index", "data-00000-of-00001"].map((end) =>
      Deno.readFile(folder.of(run, `model.ckpt-${step}.${end}`))
    ),
  );

const RESUMED: Record<string, Record<string, unknown>> = {
  fixed: { fovPolicy: "fixed" },
  max_pred_moves: { fovPolicy: "max_pred_moves" },
  "max_pred_moves on a GPU": { fovPolicy: "max_pred_moves", backend: "webgpu" },
  "everything random": {
    fovPolicy: "fixed_offsets",
    shuffleMoves: "example",
    mixNumBatches: 2,
    trainCoordsWeights: "1,2",
    contrastFactorRange: "0.8,1.2",
    augmentations: JSON.stringify({
      rotation: { dimensions: 2 },
      misalignment: { max_offset: 1 },
      grayscale_perturb: {},
    }),
  },
};

for (const [name, options] of Object.entries(RESUMED)) {
  const test = `ffn train goes on after an interruption as if there had been none (${name})`;
  testWith(options.backend === "webgpu" ? "gpu" : [], test, async () => {
    await using folder = await prepared();
    const twice = `${folder.of("c.gz")},${folder.of("c*.gz")}`;
    const trainCoords = options.trainCoordsWeights ? twice : folder.of("c.gz");
    const more = {
      ...options,
      trainCoords,
      maxSteps: 14,
      checkpointEverySteps: 4,
      threshold: 0.06,
    };
    const validation = {
      validationCoords: folder.of("c.gz"),
      validationDataVolumes: `v:${folder.of("image.h5")}:d`,
      validationLabelVolumes: `v:${folder.of("labels.h5")}:d`,
    };
    await train(flags(folder, { ...more, ...validation, trainDir: folder.of("whole") }));
    const stop = new AbortController();
    const first = train(
      flags(folder, { ...more, ...validation, trainDir: folder.of("parts") }),
      (line) => {
        if (line.endsWith("model.ckpt-4")) stop.abort(new Error("Stopped"));
      },
      stop.signal,
    );
    await rejects(first, /Stopped/);
    // Another seed would give other examples, if the saved state did not count.
    await train(flags(folder, { ...more, ...validation, trainDir: folder.of("parts"), seed: 77 }));
    const [whole, parts] = await Promise.all(
      ["whole", "parts"].map((run) => checkpointBytes(folder, run, 14)),
    );
    deepStrictEqual(parts, whole);
    notDeepStrictEqual((await checkpointBytes(folder, "parts", 4))[1], whole[1]);
  });
}

Deno.test("ffn train learns, writes events, flags and checkpoints with optimizer states", async () => {
  await using folder = await prepared();
  const run = (...path: string[]) => folder.of("run", ...path);
  await train(
    flags(folder, {
      maxSteps: 150,
      learningRate: 0.01,
      emaDecay: 0.9,
      checkpointEverySteps: 20,
      maxCheckpointsToKeep: 3,
    }),
  );
  const names = [...Deno.readDirSync(run())].map(({ name }) => name).sort();
  const steps = names.flatMap((name) => /ckpt-(\d+)\.index/.exec(name)?.[1] ?? []);
  deepStrictEqual(steps.map(Number).sort((a, b) => a - b), [120, 140, 150]);
  match(await Deno.readTextFile(run("checkpoint")), /model_checkpoint_path: "model\.ckpt-150"/);
  const flagFile = names.find((name) => name.startsWith("flags."))!;
  match(await Deno.readTextFile(run(flagFile)), /^--optimizer=adam$/m);
  await using checkpoint = await openCheckpoint(run());
  strictEqual((await checkpoint.read("global_step")).data[0], 150);
  const variable = "seed_update/conv0_a/weights";
  for (
    const name of [
      variable,
      `${variable}/Adam`,
      `${variable}/Adam_1`,
      "beta1_power",
      `${variable}/ExponentialMovingAverage`,
    ]
  ) {
    ok(checkpoint.variables.has(name), name);
  }
  const eventFile = names.find((name) => name.startsWith("events.out.tfevents."))!;
  const events = (await Array.fromAsync(readRecordFile(run(eventFile)))).map(({ data }) =>
    decodeScalars(data)
  );
  const last = events.find(({ scalars }) => scalars.has("eval/f1"))!;
  strictEqual(last.step, 150);
  // Untrained, about half of the voxels are taken for the wrong side.
  ok(last.scalars.get("eval/accuracy")! > 0.7, `accuracy ${last.scalars.get("eval/accuracy")}`);
  ok(last.scalars.get("learning_rate")! > 0.009);
});

Deno.test("ffn train begins with the weights of another checkpoint and takes a configuration file", async () => {
  await using folder = await prepared();
  await train(flags(folder, { maxSteps: 2, optimizer: "momentum" }));
  const config = {
    ...Object.fromEntries(
      Object.entries(flags(folder)).filter(([name]) =>
        !["threads", "backend", "kernelProcess"].includes(name)
      ),
    ),
    modelArgs: MODEL,
    max_steps: 1,
    learning_rate: 0,
  };
  delete (config as Record<string, unknown>).maxSteps;
  await Deno.writeTextFile(folder.of("config.json"), JSON.stringify(config));
  const notes: string[] = [];
  await train({
    config: folder.of("config.json"),
    trainDir: folder.of("second"),
    // Slices may hold commas.
    dataVolumes: `v:${folder.of("image.h5")}:d[0:24, :, :],u:${folder.of("image.h5")}:d`,
    labelVolumes: `v:${folder.of("labels.h5")}:d[0:24, :, :],u:${folder.of("labels.h5")}:d`,
    initFromCheckpoint: folder.of("run"),
    backend: "wasm",
    kernelProcess: "off",
  }, (line) => notes.push(line));
  await using first = await openCheckpoint(folder.of("run"));
  await using second = await openCheckpoint(folder.of("second"));
  const name = "seed_update/conv1_a/weights";
  deepStrictEqual((await second.read(name)).data, (await first.read(name)).data);
  strictEqual((await second.read("global_step")).data[0], 1);
  ok(!second.variables.has(`${name}/Momentum`) && second.variables.has(`${name}/Adam`));
});

Deno.test("ffn train goes on from the flags that a run wrote down, and draws from boxes", async () => {
  await using folder = await prepared();
  const given = flags(folder, {
    trainCoords: undefined,
    trainBoxes: "v:6:6:6:10:10:10",
    validationBoxes: "v:9:9:9:2:2:2",
    validationDataVolumes: `v:${folder.of("image.h5")}:d`,
    validationLabelVolumes: `v:${folder.of("labels.h5")}:d`,
    lossWeightVolumes: `v:${folder.of("labels.h5")}:d`,
    maxSteps: 2,
    // As the reference's scripts write them for one process.
    ...{ task: 0, psTasks: 0, psHosts: "", jobName: "worker", synchronous: "false", master: "" },
  });
  await train(given);
  const files = () => [...Deno.readDirSync(folder.of("run"))].map(({ name }) => name);
  const written = folder.of("run", files().find((name) => name.startsWith("flags."))!);
  await train({ config: written, maxSteps: 3, threads: 2, backend: "wasm", kernelProcess: "off" });
  ok(files().includes("model.ckpt-3.index"), `${files()}`);
});

Deno.test("ffn train refuses what cannot be trained, naming value and limit, before it makes a folder", async () => {
  await using folder = await prepared();
  await writeCoordinates(folder.of("other.gz"), [[9, 9, 9]], "w");
  await writeCoordinates(folder.of("outside.gz"), [[9, 9, 40]]);
  await writeCoordinates(folder.of("edge.gz"), [[4, 9, 9]]);
  await Deno.writeTextFile(folder.of("bad.csv"), "1,2\n1;2\n");
  await using writer = await createHdf5(folder.of("small.h5"), {
    dataset: "d",
    shape: [8, 8, 8],
    dtype: "uint8",
  });
  await writer.commit();
  const bytes = await Deno.readFile(folder.of("c.gz"));
  const plain = new Response(
    new Response(bytes).body!.pipeThrough(new DecompressionStream("gzip")),
  );
  const damaged = new Uint8Array(await plain.arrayBuffer());
  damaged[200] ^= 1;
  await Deno.writeFile(folder.of("damaged"), damaged);
  const cases: [Record<string, unknown>, RegExp][] = [
    [
      { modelArgs: JSON.stringify({ ...MODEL, fov_size: [7, 7, 8] }) },
      /fov_size \[7, 7, 8\] \(xyz\): each axis must be odd, current z is 8/,
    ],
    [{ modelArgs: "{" }, /Cannot use --model-args/],
    [
      { trainCoords: folder.of("other.gz") },
      /record 0 of .*other.gz": it is in volume "w", the volumes given are "v"/,
    ],
    [{ trainCoords: folder.of("outside.gz") }, /centre xyz \(40, 9, 9\) lies outside "v"/],
    [
      { trainCoords: folder.of("edge.gz"), fovPolicy: "max_pred_moves" },
      /at least \(7, 7, 7\) \(xyz\) away .*--margin 7,7,7/,
    ],
    [{ trainCoords: folder.of("damaged") }, /record \d of .*damaged" at byte \d+: the checksum/],
    [{ trainCoords: folder.of("none*.gz") }, /no coordinate file is/],
    [
      { dataVolumes: `v:${folder.of("small.h5")}:d` },
      /both must have one size, current sizes zyx are 8,8,8 and 24,26,28/,
    ],
    [
      { labelVolumes: `u:${folder.of("labels.h5")}:d` },
      /volume "v": it has no labels, they are given for "u"/,
    ],
    [{ imageMean: undefined }, /without --image-mean and --image-stddev/],
    [{ permutableAxes: "1,1" }, /different axes of 0 \(z\)/],
    [{ trainDir: undefined }, /without --train-dir/],
    [{ relabelMaps: "v" }, /it must be name:path separated by commas, current part is "v"/],
    [{ relabelMaps: `v:${folder.of("bad.csv")}` }, /line 2 must be old,new, current is "1;2"/],
    [{ augmentations: '{"rotatoin": {}}' }, /there is no "rotatoin", did you mean "rotation"/],
    [{ augmentations: "x" }, /Cannot use --augmentations x/],
    [
      { trainCoordsWeights: "1,2" },
      /each of the 1 patterns of --train-coords, current number is 2/,
    ],
    [{ trainCoordsWeights: "-1" }, /weights must be 0 or more/],
    [{ trainBoxes: "v:1:2:3" }, /name:x:y:z:sx:sy:sz .* current part is "v:1:2:3"/],
    [{ psTasks: 2 }, /--ps-tasks 2: this is one process, it must be 0/],
    [{ evaluationThreshold: 1 }, /a probability above 0 and below 1/],
  ];
  for (const [more, message] of cases) await rejects(train(flags(folder, more)), message);
  const anisotropic = { ...MODEL, fov_size: [7, 7, 5], deltas: [2, 2, 1] };
  await rejects(
    train(flags(folder, { modelArgs: JSON.stringify(anisotropic), permutableAxes: "0,1,2" })),
    /axes that change places must have one size, current size zyx is 7,11,11/,
  );
});

Deno.test("ffn train stops at a loss that is not finite and keeps the last checkpoint", async () => {
  await using folder = await prepared();
  const bad = flags(folder, {
    optimizer: "sgd",
    learningRate: 1e30,
    gradientClip: 0,
    maxSteps: 50,
  });
  await rejects(
    train(bad),
    /at step \d+: the loss must be finite, current value is .* for "v" \(\d+, \d+, \d+\) at offset/,
  );
  await using checkpoint = await openCheckpoint(folder.of("run"));
  strictEqual((await checkpoint.read("global_step")).data[0], 0);
  const skipping = { ...bad, skipNonfiniteUpdates: true, trainDir: folder.of("skipping") };
  await rejects(train(skipping), /100 updates in a row were not finite/);
});

Deno.test("ffn train --help lists every flag; unknown ones end with 2", async () => {
  const help = await ffn("train", "--help");
  for (
    const flag of ["--train-coords", "--fov-policy", "--optimizer", "--ema-decay", "--backend"]
  ) {
    ok(help.stdout.includes(flag), flag);
  }
  strictEqual((await ffn("train", "--learning_rat", "1")).code, 2);
});
