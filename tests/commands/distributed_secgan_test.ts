/** `ffn train-secgan` as the processes of one run, all in this one, over a real nats-server. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { command as slurmTrainSecgan } from "../../engine/commands/slurm_train_secgan.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import { STEPS_PER_ITERATION } from "../../engine/training/secgan/shared_variables.ts";
import { openCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { meetingPlace } from "../support/meeting_place.ts";
import { testWith } from "../support/resources.ts";
import { runCommand } from "../support/run_command.ts";
import { secganFlags, secganFolder, trainSecgan } from "../support/secgan_training.ts";
import type { TemporaryFolder } from "../support/temporary_folder.ts";

function role(folder: TemporaryFolder, jobName: string, task: number, more = {}) {
  const exchange = folder.of("exchange.json");
  return trainSecgan(
    secganFlags(folder, { threads: 1, replicaStepDelay: 0, jobName, task, exchange, ...more }),
  );
}

async function variablesOf(folder: string): Promise<Map<string, ArrayLike<number | bigint>>> {
  await using checkpoint = await openCheckpoint(folder);
  const found = new Map<string, ArrayLike<number | bigint>>();
  for (const name of checkpoint.variables.keys()) {
    found.set(name, (await checkpoint.read(name)).data);
  }
  return found;
}

testWith(
  "nats",
  "ffn train-secgan with one worker over two owners leaves the checkpoint that one process leaves, and goes on from it",
  async () => {
    await using folder = await secganFolder();
    await using _place = await meetingPlace(folder, 2);
    const alone = folder.of("alone");
    await trainSecgan(secganFlags(folder, { threads: 1, trainDir: alone }));
    await Promise.all([role(folder, "ps", 0), role(folder, "ps", 1), role(folder, "worker", 0)]);
    deepStrictEqual(await variablesOf(folder.of("run")), await variablesOf(alone));
    const more = { maxSteps: 5 };
    await trainSecgan(secganFlags(folder, { threads: 1, trainDir: alone, ...more }));
    await Promise.all(
      [["ps", 0], ["ps", 1], ["worker", 0]]
        .map(([job, task]) => role(folder, job as string, task as number, more)),
    );
    const there = await variablesOf(folder.of("run"));
    strictEqual(there.get("global_step")![0], BigInt(5 * STEPS_PER_ITERATION));
    deepStrictEqual(there, await variablesOf(alone));
  },
);

testWith(
  "nats",
  "ffn train-secgan with two workers makes all iterations once, one after the other or of both gradients",
  async () => {
    await using folder = await secganFolder();
    for (const [i, synchronous] of ["false", "true"].entries()) {
      await using _place = await meetingPlace(folder, 1);
      const more = {
        ...{ trainDir: folder.of(`run${i}`), maxSteps: 8, synchronous },
        ...synchronous === "true" && { syncNReplicas: 2 },
      };
      await Promise.all([
        role(folder, "ps", 0, more),
        role(folder, "worker", 0, more),
        role(folder, "worker", 1, more),
      ]);
      const { prefix, state } = (await loadNewest(folder.of(`run${i}`)))!;
      match(prefix, /model\.ckpt-32$/);
      const { counts } = state!.json as { counts: Record<string, number> };
      const sum = Object.values(counts).reduce((total, n) => total + n, 0);
      // A synchronous update counts the gradients of both; else the quicker worker may make them all.
      ok(synchronous === "true" ? counts[0] > 0 && sum >= 8 : sum === 8, JSON.stringify(counts));
      const values = await variablesOf(folder.of(`run${i}`));
      for (const [name, data] of values) {
        ok([...data as Float32Array].every((v) => Number.isFinite(Number(v))), name);
      }
    }
  },
);

Deno.test("ffn train-secgan refuses to share what it cannot, before it starts anything", async () => {
  await using folder = await secganFolder();
  const refused = async (more: Record<string, unknown>, message: RegExp) => {
    await rejects(trainSecgan(secganFlags(folder, more)), message);
    await rejects(Deno.stat(folder.of("run")), Deno.errors.NotFound);
  };
  await refused({ workers: 2, ffnCkpt: undefined }, /Cannot train without --ffn_ckpt/);
  await refused({ workers: 2, synchronous: "true", scaleLr: "much" }, /--scale-lr "much"/);
  await refused({ exchange: "x.json", jobName: "chief" }, /--job-name "chief": it must be ps or/);
});

Deno.test("ffn slurm-train-secgan writes a script with the flags of the training, into the folder of the run", async () => {
  await using folder = await secganFolder();
  const values = secganFlags(folder, {
    ...{ trainDir: undefined, runName: "run", baseFolder: folder.path, scriptOnly: true },
    ...{ numNodes: 2, workersPerNode: "1", partition: "gpu", gres: "gpu:4", psPort: 2220 },
  });
  const printed: string[] = [];
  await runCommand(slurmTrainSecgan, values, { print: (line) => printed.push(line) });
  strictEqual(printed[0], folder.of("run", "slurm", "train.sh"));
  const script = await Deno.readTextFile(printed[0]);
  for (
    const line of ["--job-name=ffn-train-secgan", "--nodes=2", "--gres=gpu:4", "--partition=gpu"]
  ) {
    ok(script.includes(`#SBATCH ${line}\n`), line);
  }
  const [task] = /^ {2}0\) set -- .*$/m.exec(script)!;
  for (
    const word of [
      ...["train-secgan --launch=slurm", `--train-dir=${folder.of("run")}`, "--nats-port=2220"],
      ...["--generator-depth=1", "--discriminator=convdisc", "--optimizer=adam"],
    ]
  ) ok(task.includes(` ${word} `), `${word} in ${task}`);
  ok(!/run-name|base-folder|role|gres/.test(task), task);
  const refused = (more: Record<string, unknown>, message: RegExp) =>
    rejects(runCommand(slurmTrainSecgan, { ...values, ...more }), message);
  await refused({ trainDir: "x" }, /give either --train_dir, or --run_name and --base_folder/);
  await refused({ role: "node" }, /--role node: nodes are told by SLURM/);
  await refused({ generatorNorm: "none", ffnFovSize: 6 }, /--ffn_fov_size 6/);
});
