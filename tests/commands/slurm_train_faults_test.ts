/** `ffn slurm-train` on a real SLURM of two nodes, the small version of the acceptance program of this name. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { flagOf } from "../../engine/commands/command.ts";
import {
  logFolder,
  readTrainingStatus,
  type TrainingStatus,
} from "../../engine/commands/training_status.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import { testWith } from "../support/resources.ts";
import { slurmCluster } from "../support/slurm_cluster.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { killProcesses, processesWith } from "../support/training_processes.ts";
import { flags, prepared } from "../support/training_run.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

testWith(
  ["nats", "slurm"],
  "ffn slurm-train goes on when a worker and an owner on another node are killed, and saves when its job is cancelled",
  async () => {
    await using folder = await prepared();
    await using state = await temporaryFolder();
    await using cluster = await slurmCluster(state.path, 2);
    const run = folder.of("run"), own = `--train-dir=${run}`;
    // Where the test fails.
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(async () => {
      await cluster.slurm("scancel", "1").catch(() => {});
      while (killProcesses(own) > 0) await setTimeout(100);
    });
    const until = async (shows: (status: TrainingStatus) => boolean) => {
      for (let round = 0; round < 600; round++, await setTimeout(100)) {
        const status = await readTrainingStatus(run).catch(() => null);
        if (status && shows(status)) return status;
      }
      throw new Error(await logs(run));
    };
    const of = ({ workers }: TrainingStatus, task: number) =>
      workers.find(({ worker }) => worker === task);
    const began = async () => {
      const log = await Deno.readTextFile(join(logFolder(run), "owner_1.log"));
      return log.match(/^owner 1 begins at step 0$/gm)?.length ?? 0;
    };
    const values = {
      ...{ ...flags(folder), threads: 1, replicaStepDelay: 0, maxSteps: 1_000_000 },
      ...{ numNodes: 2, numPs: 2, lostSeconds: 5, pollSeconds: 0.2 },
    };
    const launcher = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", CLI, "slurm-train"],
        ...Object.entries(values).map(([name, value]) => `${flagOf(name)}=${value}`),
      ],
      ...{ env: cluster.env, stdout: "null", stderr: "piped" },
    }).spawn();
    const output = launcher.output();
    const first = of(await until((status) => (of(status, 1)?.applied ?? 0) > 0), 1)!;
    strictEqual(killProcesses(own, "--job-name=worker", "--task=1"), 1);
    strictEqual(killProcesses(own, "--job-name=ps", "--task=1"), 1);
    for (let round = 0; await began() < 2; round++) {
      ok(round < 600, "the owner did not begin again");
      await setTimeout(50);
    }
    // The other owner goes back to the same checkpoint meanwhile.
    const again = Date.now() + 1000;
    const later = await until((status) => {
      const [chief, now] = [of(status, 0), of(status, 1)];
      return status.time > again && chief!.applied > 0 && now!.applied > 0 &&
        now!.name !== first.name;
    });
    await cluster.slurm("scancel", "1");
    const { code, stderr } = await output;
    const said = new TextDecoder().decode(stderr);
    strictEqual(code, 1, said);
    match(said, /job 1 was cancelled; the same command submits what is left/);
    const { variables, state: saved } = (await loadNewest(run))!;
    const { counts } = saved!.json as { counts: Record<string, number> };
    const step = Number(variables.get("global_step")!.data[0]);
    strictEqual(counts[0] + counts[1], step);
    ok(counts[0] > 0 && counts[1] > 0, JSON.stringify(counts));
    // All that the owners held, the one that was killed too, now on the first node; nobody has saved since the first step.
    ok(step >= later.step, `${step} < ${later.step}: ${await logs(run)}`);
    deepStrictEqual(processesWith(own), []);
  },
);

/** What all processes said. */
async function logs(run: string): Promise<string> {
  let all = "";
  for (const { name } of Deno.readDirSync(logFolder(run))) {
    all += `${name}:\n${await Deno.readTextFile(join(logFolder(run), name))}\n`;
  }
  return all;
}
