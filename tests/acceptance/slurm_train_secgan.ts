/**
 * `ffn slurm-train-secgan` on real SLURM with two simulated nodes: small networks learn to make one texture look like
 * another, one worker is killed on the way. `FFN_STEPS` shortens it.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { flagOf } from "../../engine/commands/command.ts";
import { logFolder, readTrainingStatus } from "../../engine/commands/training_status.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import { STEPS_PER_ITERATION } from "../../engine/training/secgan/shared_variables.ts";
import { secganFlags, secganFolder } from "../support/secgan_training.ts";
import { hasSlurm, slurmCluster } from "../support/slurm_cluster.ts";
import { scalarCurve } from "../support/timed_training.ts";
import { killProcesses } from "../support/training_processes.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "train SECGAN on real SLURM with 2 nodes (Debian's slurm-wlm, munge, nats-server), a worker killed";

const ITERATIONS = Number(Deno.env.get("FFN_STEPS") ?? 600);
/** Of the iterations, after which worker 1 is killed. */
const KILL_AT = 0.4;
/** A loss at the end, of that at the beginning; both are means over a tenth of the run. */
const MOST_LEFT = 0.8;

export async function run(context: AcceptanceContext): Promise<void> {
  const { check, print, root } = context;
  if (!await hasSlurm()) {
    check("SLURM", "not installed", "apt-get install slurm-wlm munge slurm-client", false);
    return;
  }
  await using folder = await secganFolder();
  await using cluster = await slurmCluster(join(context.folder, "slurm"), 2);
  const trainDir = folder.of("run");
  const values = secganFlags(folder, {
    ...{ maxSteps: ITERATIONS, learningRate: 0.001, batchSize: 2, generatorChannels: 16 },
    // With the reference's weights such small generators please the discriminators before they learn the way back.
    ...{ cycleLLambda: 10, cycleULambda: 10 },
    ...{ threads: 1, replicaStepDelay: 0, summaryRateSecs: 0, checkpointEverySecs: 5 },
    ...{ numNodes: 2, workersPerNode: "1", lostSeconds: 10, pollSeconds: 0.5 },
  });
  const args = Object.entries(values).flatMap(([name, value]) =>
    value === undefined || value === false ? [] : [`${flagOf(name)}=${value}`]
  );
  const begun = performance.now();
  const launcher = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, "cli.ts"), "slurm-train-secgan", ...args],
    ...{ env: cluster.env, stdout: "piped", stderr: "piped" },
  }).spawn();
  const output = launcher.output();
  let isOver = false;
  output.finally(() => isOver = true);
  const workerAt = async (step: number, isThere: (name: string) => boolean) => {
    while (!isOver) {
      const status = await readTrainingStatus(trainDir).catch(() => null);
      const found = status?.workers.find(({ worker }) => worker === 1);
      if (status && status.step >= step && found && isThere(found.name) && found.applied > 0) {
        return { name: found.name, step: status.step };
      }
      await setTimeout(200);
    }
    return null;
  };
  const first = await workerAt(KILL_AT * ITERATIONS, () => true);
  const killed = killProcesses("--task=1", "--job-name=worker", `--train-dir=${trainDir}`);
  print(`at iteration ${first?.step}: ${first?.name} killed`);
  const again = await workerAt(0, (name) => name !== first?.name);
  const { code, stdout, stderr } = await output;
  const said = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  for (const line of said.trim().split("\n")) print(line);
  print(`${((performance.now() - begun) / 1000).toFixed(0)} s`);
  check("exit code", code, "0", code === 0);
  check("workers killed", killed, "1", killed === 1);
  check("iteration at which worker 1 was back", again?.step ?? "never", "a number", again !== null);
  if (code !== 0) {
    for (const { name } of Deno.readDirSync(logFolder(trainDir))) {
      print(`${name}: ${await Deno.readTextFile(join(logFolder(trainDir), name))}`);
    }
    return;
  }
  await checkCheckpoint(context, trainDir);
  await checkLosses(context, trainDir);
}

/** The iterations of all workers are those of the run, and every value is finite. */
async function checkCheckpoint({ check }: AcceptanceContext, trainDir: string): Promise<void> {
  const { variables, state } = (await loadNewest(trainDir))!;
  const { counts = {} } = state!.json as { counts?: { [worker: string]: number } };
  const sum = Object.values(counts).reduce((total, n) => total + n, 0);
  const step = Number(variables.get("global_step")!.data[0]);
  const wanted = STEPS_PER_ITERATION * ITERATIONS;
  check("global_step", step, `${wanted}, 4 per iteration`, step === wanted);
  const what = `iterations by worker ${JSON.stringify(counts)} sum to`;
  check(
    what,
    sum,
    `${ITERATIONS}`,
    sum === ITERATIONS && (counts[0] ?? 0) > 0 && (counts[1] ?? 0) > 0,
  );
  const bad = [...variables].filter(([, { data }]) =>
    ![...data as Float32Array].every((v) => Number.isFinite(Number(v)))
  );
  check("variables that are not finite", bad.length, "0", bad.length === 0);
}

/** Those that say whether what was learnt is of use. */
async function checkLosses({ check }: AcceptanceContext, trainDir: string): Promise<void> {
  for (const name of ["cycle_consistency_l", "cycle_consistency_u"]) {
    const curve = await scalarCurve(trainDir, `losses/${name}`);
    const part = Math.max(1, Math.floor(curve.length / 10));
    const mean = (points: readonly { value: number }[]) =>
      points.reduce((sum, { value }) => sum + value / points.length, 0);
    const [from, to] = [mean(curve.slice(0, part)), mean(curve.slice(-part))];
    const what = `losses/${name} from ${from.toFixed(3)} to ${to.toFixed(3)}, share`;
    check(what, (to / from).toFixed(3), `<= ${MOST_LEFT}`, to / from <= MOST_LEFT);
  }
}
