/**
 * Distributed training on real SLURM with four simulated nodes: three undisturbed runs, and one to which everything happens
 * that can. Runs that are finished stay in the cache folder, so that a stopped program goes on; `FFN_STEPS` shortens them.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { newestStep, readTrainingStatus } from "../../engine/commands/training_status.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import { LEAST_LOSS } from "../support/held_out_loss.ts";
import { hasSlurm, type SlurmCluster, slurmCluster } from "../support/slurm_cluster.ts";
import { type SmallTraining, smallTraining } from "../support/small_training.ts";
import { killProcesses } from "../support/training_processes.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "train on real SLURM with 4 nodes (Debian's slurm-wlm, munge, nats-server): worker and owner killed, node down, requeue, late and duplicated workers";

const STEPS = Number(Deno.env.get("FFN_STEPS") ?? 3000);
const UNDISTURBED = 3;

export async function run(context: AcceptanceContext): Promise<void> {
  const { check, print, fib25, folder } = context;
  if (!await hasSlurm()) {
    check("SLURM", "not installed", "apt-get install slurm-wlm munge slurm-client", false);
    return;
  }
  const training = await smallTraining(fib25, "slurm_train_faults");
  const kept = join(training.folder, `${STEPS}`);
  const names = Array.from({ length: UNDISTURBED }, (_, i) => `undisturbed_${i}`);
  for (const [i, name] of names.entries()) {
    const trainDir = join(kept, name);
    if (await newestStep(trainDir) === STEPS) continue;
    await using cluster = await slurmCluster(join(folder, `slurm_${i}`), 4);
    await train(context, cluster, flagsOf(training, trainDir, i));
  }
  const disturbed = join(kept, "disturbed");
  if (await newestStep(disturbed) !== STEPS) {
    await Deno.remove(disturbed, { recursive: true }).catch(() => {});
    await using cluster = await slurmCluster(join(folder, "slurm_disturbed"), 4);
    const flags = flagsOf(training, disturbed, UNDISTURBED);
    const faults = new Faults(context, cluster, disturbed, flags);
    await Promise.all([train(context, cluster, flags).finally(() => faults.stop()), faults.run()]);
    await Deno.writeTextFile(join(disturbed, "faults.json"), JSON.stringify(faults.done));
  }
  const done: string[] = JSON.parse(await Deno.readTextFile(join(disturbed, "faults.json")));
  check("faults", done.join(", "), "6", done.length === 6);
  for (const name of [...names, "disturbed"]) {
    const { variables, state } = (await loadNewest(join(kept, name)))!;
    const { counts = {} } = state?.json as { counts?: Record<string, number> };
    const sum = Object.values(counts).reduce((n, updates) => n + updates, 0);
    const step = Number(variables.get("global_step")!.data[0]);
    const what = `${name}: updates by worker ${JSON.stringify(counts)} sum to`;
    check(what, sum, `${step}, the global step`, sum === step && step === STEPS);
  }
  const first = join(kept, names[0], "model.ckpt-0");
  const last = [...names, "disturbed"].map((name) => join(kept, name, `model.ckpt-${STEPS}`));
  const [start, ...losses] = await training.losses([first, ...last]);
  const others = losses.slice(0, -1), own = losses.at(-1)!;
  const mean = others.reduce((a, b) => a + b, 0) / others.length;
  print(`loss on 500 held-out examples: ${start.toFixed(4)} at the start of ${names[0]}`);
  for (const [i, loss] of others.entries()) {
    const share = (loss - LEAST_LOSS) / (start - LEAST_LOSS);
    const what = `${names[i]}: loss ${loss.toFixed(4)}, share of the excess that is left`;
    check(what, share.toFixed(3), "<= 1/3", share <= 1 / 3);
  }
  const isInside = own >= Math.min(...others) && own <= Math.max(...others);
  const difference = Math.abs(own / mean - 1);
  check(
    "disturbed loss",
    `${own.toFixed(4)}, ${(100 * difference).toFixed(1)} % from the mean ${mean.toFixed(4)}`,
    "within 5 %, or inside the spread of the others",
    difference <= 0.05 || isInside,
  );
}

/** Saves often: what an owner held since the last checkpoint is lost with it. */
function flagsOf(training: SmallTraining, trainDir: string, seed: number): string[] {
  return [
    ...training.flags(trainDir, STEPS, seed),
    ...["--checkpoint-every-secs=15", "--summary-rate-secs=30"],
  ];
}

function start(cluster: SlurmCluster, root: string, args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, "cli.ts"), ...args],
    ...{ env: cluster.env, stdout: "piped", stderr: "piped" },
  }).spawn();
}

/** Trains by `ffn slurm-train` until all steps are done. */
async function train(
  { root, check, print }: AcceptanceContext,
  cluster: SlurmCluster,
  flags: readonly string[],
): Promise<void> {
  const begun = performance.now();
  const { code, stdout, stderr } = await start(cluster, root, [
    ...["slurm-train", ...flags, "--num-nodes=4", "--poll-seconds=0.5", "--lost-seconds=10"],
    ...["--t=30", "--max-resubmits=6"],
  ]).output();
  const text = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  for (const line of text.trim().split("\n")) print(line);
  print(`${((performance.now() - begun) / 1000).toFixed(0)} s`);
  check("exit code", code, "0", code === 0);
}

/** What happens to the disturbed run, each at its share of the steps. */
class Faults {
  readonly done: string[] = [];
  readonly #context: AcceptanceContext;
  readonly #cluster: SlurmCluster;
  readonly #trainDir: string;
  readonly #flags: readonly string[];
  readonly #guests: Deno.ChildProcess[] = [];
  #isOver = false;

  constructor(
    context: AcceptanceContext,
    cluster: SlurmCluster,
    trainDir: string,
    flags: readonly string[],
  ) {
    this.#context = context;
    this.#cluster = cluster;
    this.#trainDir = trainDir;
    this.#flags = flags;
  }

  stop(): void {
    this.#isOver = true;
  }

  async run(): Promise<void> {
    const { slurm } = this.#cluster;
    const own = `--train-dir=${this.#trainDir}`;
    const faults: [share: number, name: string, cause: () => unknown][] = [
      [0.1, "worker killed", () => killProcesses("--task=2", "--job-name=worker", own)],
      [0.2, "owner killed", () => killProcesses("--task=0", "--job-name=ps", own)],
      [0.35, "worker duplicated", () => this.#join(1)],
      [0.45, "late worker", () => this.#join(7)],
      [
        0.6,
        "node down",
        () => slurm("scontrol", "update", "NodeName=n4", "State=DOWN", "Reason=test"),
      ],
      [0.75, "requeue", async () => {
        const [job] = (await slurm("squeue", "-h", "-t", "RUNNING", "-o", "%A")).split("\n");
        await slurm("scontrol", "requeue", job);
      }],
    ];
    for (const [share, name, cause] of faults) {
      while (!this.#isOver && await this.#step() < share * STEPS) {
        await setTimeout(300);
        await this.#hurry();
      }
      if (this.#isOver) break;
      const said = await cause();
      const text = typeof said === "number" ? `${name} (${said})` : name;
      this.#context.print(`at ${await this.#step()}: ${text}`);
      if (said !== 0) this.done.push(text);
    }
    while (!this.#isOver) {
      await setTimeout(300);
      await this.#hurry();
    }
    for (const guest of this.#guests) {
      // Those of before the requeue wait for a server that is gone.
      try {
        guest.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      const { stderr, code } = await guest.output();
      const last = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
      this.#context.print(`worker by hand ended with ${code}: ${last}`);
    }
  }

  /** Steps that the launcher told of last; a run that begins again may be behind. */
  async #step(): Promise<number> {
    return (await readTrainingStatus(this.#trainDir).catch(() => null))?.step ?? 0;
  }

  /** Starts a worker by hand. */
  #join(task: number): void {
    const exchange = join(this.#trainDir, ".exchange", "exchange.json");
    this.#guests.push(start(this.#cluster, this.#context.root, [
      ...["train", ...this.#flags, `--exchange=${exchange}`],
      ...["--job-name=worker", `--task=${task}`],
    ]));
  }

  /** What was requeued waits two minutes by default; in a test it starts now. */
  async #hurry(): Promise<void> {
    const text = await this.#cluster.slurm("squeue", "-h", "-r", "-t", "PENDING", "-o", "%i %r");
    for (const line of text.split("\n")) {
      const [id, reason] = line.split(" ");
      if (reason !== "BeginTime") continue;
      // It may have started in the meantime.
      await this.#cluster.slurm("scontrol", "update", `JobId=${id}`, "StartTime=now")
        .catch(() => {});
    }
  }
}
