/** Runs of `ffn train` that fail on the way: what they say, and what stays on the disk. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { readVariables } from "../../engine/training/checkpoint_store.ts";
import { openCheckpoint, writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { testWith } from "../support/resources.ts";
import type { TemporaryFolder } from "../support/temporary_folder.ts";
import { flags, prepared, train } from "../support/training_run.ts";

/** Steps whose checkpoints are there, and every file that belongs to none of them. */
function checkpoints(folder: TemporaryFolder): { steps: number[]; others: string[] } {
  const names = [...Deno.readDirSync(folder.of("run"))].map(({ name }) => name);
  const steps = names.flatMap((name) => /^model\.ckpt-(\d+)\.index$/.exec(name)?.[1] ?? []);
  const whole = new Set(
    steps.flatMap((step) =>
      ["index", "data-00000-of-00001", "state.npz"].map((end) => `model.ckpt-${step}.${end}`)
    ),
  );
  const others = names.filter((name) =>
    !whole.has(name) && !/^(checkpoint$|flags\.|events\.)/.test(name)
  );
  return { steps: steps.map(Number).sort((a, b) => a - b), others };
}

/** A rate at which the second update is far beyond float32. */
const WILD = { optimizer: "sgd", learningRate: 1e30, gradientClip: 0 };

Deno.test("ffn train names step, batch and the checkpoint to resume where a loss is not finite", async () => {
  await using folder = await prepared();
  await train(flags(folder, { optimizer: "sgd", maxSteps: 4 }));
  await rejects(
    train(flags(folder, { ...WILD, maxSteps: 50, batchSize: 3 })),
    /at step \d+: the loss must be finite, current value is (NaN|Infinity) for ("v" \(\d+, \d+, \d+\) at offset \([-\d, ]+\)(; )?){3}; the last checkpoint ".*model\.ckpt-4" is good, resume it with a smaller --learning_rate$/,
  );
  await using checkpoint = await openCheckpoint(folder.of("run"));
  strictEqual((await checkpoint.read("global_step")).data[0], 4);
  await train(flags(folder, { optimizer: "sgd", maxSteps: 6 }));
  ok(checkpoints(folder).steps.includes(6));
});

for (const backend of ["wasm", "webgpu"]) {
  const name = `ffn train never saves weights that give values that are not finite (${backend})`;
  testWith(backend === "webgpu" ? "gpu" : [], name, async () => {
    await using folder = await prepared();
    await rejects(
      train(flags(folder, { ...WILD, backend, maxSteps: 50, checkpointEverySteps: 1 })),
      /Cannot save step \d+: the network no longer gives finite values, for "v" .*ckpt-\d+" is good/,
    );
    for (const step of checkpoints(folder).steps) {
      await using checkpoint = await openCheckpoint(folder.of("run", `model.ckpt-${step}`));
      for (const name of checkpoint.variables.keys()) {
        const data = (await checkpoint.read(name)).data as Float32Array;
        ok(data.every(Number.isFinite), `${name} of step ${step}`);
      }
    }
  });
}

testWith("gpu", "ffn train does not save variables that a GPU's ReLU hides", async () => {
  await using folder = await prepared();
  await train(flags(folder, { maxSteps: 1 }));
  const variables = await readVariables(folder.of("run", "model.ckpt-1"));
  (variables.get("seed_update/conv1_a/weights")!.data as Float32Array).fill(NaN);
  await writeCheckpoint(folder.of("bad-1"), variables);
  const begin = { initFromCheckpoint: folder.of("bad-1"), trainDir: folder.of("second") };
  await rejects(
    train(flags(folder, { ...begin, backend: "webgpu" })),
    /Cannot save step 0: every value of "seed_update\/conv1_a\/weights" must be finite; begin with/,
  );
});

/** Lets writes fail as on a full disk once `bytes` were written; disposing it makes room again. */
function fullDisk(bytes: number): Disposable {
  const write = Deno.FsFile.prototype.write;
  let left = bytes;
  Deno.FsFile.prototype.write = async function (data: Uint8Array): Promise<number> {
    if (data.length > left) throw new Error("No space left on device (os error 28)");
    left -= data.length;
    return await write.call(this, data);
  };
  return { [Symbol.dispose]: () => void (Deno.FsFile.prototype.write = write) };
}

Deno.test("ffn train keeps the checkpoints it has when the disk is full, and goes on from them", async () => {
  await using folder = await prepared();
  const options = { maxSteps: 40, checkpointEverySteps: 2, maxCheckpointsToKeep: 100 };
  {
    using _disk = fullDisk(300_000);
    await rejects(
      train(flags(folder, options)),
      /Cannot write ".*run.*": No space left on device \(os error 28\)/,
    );
  }
  const { steps, others } = checkpoints(folder);
  ok(steps.length > 1 && steps.at(-1)! < 40, `${steps}`);
  deepStrictEqual(others, []);
  for (const step of steps) {
    await using checkpoint = await openCheckpoint(folder.of("run", `model.ckpt-${step}`));
    for (const name of checkpoint.variables.keys()) await checkpoint.read(name);
  }
  const notes: string[] = [];
  await train(flags(folder, options), (line) => notes.push(line));
  ok(notes.some((note) => note.endsWith(`model.ckpt-${steps.at(-1)}"`)), notes.join("\n"));
  strictEqual(checkpoints(folder).steps.at(-1), 40);
});

const canMount = Deno.build.os === "linux" &&
  await new Deno.Command("unshare", { args: ["-rm", "true"], stderr: "null" }).output()
    .then(({ success }) => success, () => false);

Deno.test({
  name: "ffn train says which file a real full disk refused and leaves no halves",
  ignore: !canMount,
  async fn() {
    await using folder = await prepared();
    const options = {
      ...flags(folder, { maxSteps: 200, checkpointEverySteps: 2, maxCheckpointsToKeep: 100 }),
    };
    const args = Object.entries(options).flatMap(([name, value]) => [
      `--${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}`,
      String(value),
    ]);
    const cli = new URL("../../cli.ts", import.meta.url).pathname;
    await Deno.mkdir(folder.of("run"));
    // The small disk is seen by this process alone.
    const script = `mount -t tmpfs -o size=400k tmpfs "$1"; shift
      "$@"; echo "exit $?"; ls "$RUN"`;
    const { stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        ...["-rm", "sh", "-c", script, "sh", folder.of("run"), Deno.execPath()],
        ...["run", "-A", "--no-check", cli, "train", ...args],
      ],
      env: { RUN: folder.of("run") },
    }).output();
    const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    match(errors, /ffn train: .*Cannot write ".*\/run\/.*": No space left on device/);
    match(out, /^exit 1$/m);
    const names = out.split("\n");
    const indexes = names.filter((name) => name.endsWith(".index"));
    const states = names.filter((name) => name.endsWith(".state.npz"));
    const data = names.filter((name) => name.endsWith(".data-00000-of-00001"));
    ok(indexes.length > 1, out);
    deepStrictEqual([states.length, data.length], [indexes.length, indexes.length]);
    ok(!names.some((name) => name.endsWith(".tmp")), out);
  },
});
