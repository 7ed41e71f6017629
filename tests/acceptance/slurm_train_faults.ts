/**
 * Distributed training on real SLURM with four simulated nodes: three undisturbed runs, and one to which everything happens
 * that can. Runs that are finished stay in the cache folder, so that a stopped program goes on. `FFN_RUNS` makes some of
 * them only (`undisturbed_0,disturbed`): they are compared when all are there. `FFN_STEPS` shortens them.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  logFolder,
  newestStep,
  readTrainingStatus,
  type TrainingStatus,
} from "../../engine/commands/training_status.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import { LEAST_LOSS } from "../support/held_out_loss.ts";
import { hasSlurm, type SlurmCluster, slurmCluster } from "../support/slurm_cluster.ts";
import { type SmallTraining, smallTraining } from "../support/small_training.ts";
import { killProcesses } from "../support/training_processes.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "train on real SLURM with 4 nodes (Debian's slurm-wlm, munge, nats-server): worker and owner killed, node down, requeue, late and duplicated workers";

const STEPS = Number(Deno.env.get("FFN_STEPS") ?? 3000);
const UNDISTURBED = ["undisturbed_0", "undisturbed_1", "undisturbed_2"];
const DISTURBED = "disturbed";
const ALL = [...UNDISTURBED, DISTURBED];
/** Number of the worker that joins late, above those that the launcher starts. */
const LATE = 7;

/** What is written down about the disturbed run. */
interface Disturbance {
  readonly faults: readonly string[];
  /** Step that was told of last before the requeue, and the one that the run went on from. */
  readonly requeuedAt: number;
  readonly wentOnAt: number;
}

export async function run(context: AcceptanceContext): Promise<void> {
  const { check, print, fib25, folder } = context;
  if (!await hasSlurm()) {
    check("SLURM", "not installed", "apt-get install slurm-wlm munge slurm-client", false);
    return;
  }
  const training = await smallTraining(fib25, "slurm_train_faults");
  const kept = join(training.folder, `${STEPS}`);
  const wanted = Deno.env.get("FFN_RUNS")?.split(",") ?? ALL;
  const unknown = wanted.find((name) => !ALL.includes(name));
  if (unknown !== undefined) throw new RangeError(`Cannot run "${unknown}": runs are ${ALL}`);
  for (const [seed, name] of ALL.entries()) {
    const trainDir = join(kept, name);
    if (!wanted.includes(name) || await newestStep(trainDir) === STEPS) continue;
    const flags = flagsOf(training, trainDir, seed);
    if (name === DISTURBED) await Deno.remove(trainDir, { recursive: true }).catch(() => {});
    await using cluster = await slurmCluster(join(folder, name), 4);
    if (name !== DISTURBED) {
      await train(context, cluster, flags);
      continue;
    }
    const faults = new Faults(context, cluster, trainDir, flags);
    await Promise.all([train(context, cluster, flags).finally(() => faults.stop()), faults.run()]);
    await Deno.writeTextFile(join(trainDir, "record.json"), JSON.stringify(await faults.record()));
  }
  const made: string[] = [];
  for (const name of ALL) if (await newestStep(join(kept, name)) === STEPS) made.push(name);
  for (const name of made) await checkCounts(context, join(kept, name), name);
  if (made.includes(DISTURBED)) await checkRecord(context, join(kept, DISTURBED));
  if (made.length < ALL.length) {
    return print(`not compared: only ${made.join(", ")} of ${ALL.join(", ")} are there`);
  }
  await compare(context, training, kept);
}

/** The updates of all workers are those of the run. */
async function checkCounts(
  { check }: AcceptanceContext,
  trainDir: string,
  name: string,
): Promise<void> {
  const { variables, state } = (await loadNewest(trainDir))!;
  const { counts = {} } = state?.json as { counts?: { [worker: string]: number } };
  const sum = Object.values(counts).reduce((n, updates) => n + updates, 0);
  const step = Number(variables.get("global_step")!.data[0]);
  const what = `${name}: updates by worker ${JSON.stringify(counts)} sum to`;
  check(what, sum, `${step}, the global step`, sum === step && step === STEPS);
  if (name !== DISTURBED) return;
  const late = counts[LATE] ?? 0;
  check(`updates of the late worker ${LATE}`, late, "> 0", late > 0);
}

async function checkRecord({ check }: AcceptanceContext, trainDir: string): Promise<void> {
  const { faults, requeuedAt, wentOnAt }: Disturbance = JSON.parse(
    await Deno.readTextFile(join(trainDir, "record.json")),
  );
  check("faults", faults.join(", "), "6", faults.length === 6);
  const what = "step that the requeued job went on from";
  check(what, wentOnAt, `>= ${requeuedAt}, seen before`, wentOnAt >= requeuedAt);
}

async function compare(
  { check, print }: AcceptanceContext,
  training: SmallTraining,
  kept: string,
): Promise<void> {
  const first = join(kept, UNDISTURBED[0], "model.ckpt-0");
  const last = ALL.map((name) => join(kept, name, `model.ckpt-${STEPS}`));
  const [start, ...losses] = await training.losses([first, ...last]);
  const others = losses.slice(0, -1), own = losses.at(-1)!;
  const mean = others.reduce((a, b) => a + b, 0) / others.length;
  print(`loss on 500 held-out examples: ${start.toFixed(4)} at the start of ${UNDISTURBED[0]}`);
  for (const [i, loss] of others.entries()) {
    const share = (loss - LEAST_LOSS) / (start - LEAST_LOSS);
    const what = `${UNDISTURBED[i]}: loss ${loss.toFixed(4)}, share of the excess that is left`;
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
    // The first one is compared with.
    "--max-checkpoints-to-keep=1000",
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

/** Something that happens to a run. */
interface Fault {
  /** Of the steps, from which on it happens. */
  readonly share: number;
  readonly name: string;
  /** Causes it; 0 where there was nothing to do it to. */
  cause(): unknown;
  /** Whether it shows; what comes next waits for it. */
  shows?(status: TrainingStatus): boolean;
}

/** What happens to the disturbed run, one after the other. */
class Faults {
  readonly #done: string[] = [];
  readonly #context: AcceptanceContext;
  readonly #cluster: SlurmCluster;
  readonly #trainDir: string;
  readonly #flags: readonly string[];
  readonly #guests: Deno.ChildProcess[] = [];
  #requeuedAt = 0;
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

  async record(): Promise<Disturbance> {
    const log = await Deno.readTextFile(join(logFolder(this.#trainDir), "owner_0.log"));
    const wentOnAt = Number([...log.matchAll(/^owner 0 begins at step (\d+)$/gm)].at(-1)?.[1] ?? 0);
    return { faults: this.#done, requeuedAt: this.#requeuedAt, wentOnAt };
  }

  async run(): Promise<void> {
    for (const { share, name, cause, shows = () => true } of this.#faults()) {
      await this.#until(({ step }) => step >= share * STEPS);
      if (this.#isOver) break;
      const said = await cause();
      const text = typeof said === "number" ? `${name} (${said})` : name;
      this.#context.print(`at ${(await this.#status())?.step}: ${text}`);
      await this.#until(shows);
      if (said !== 0 && !this.#isOver) this.#done.push(text);
    }
    await this.#until(() => false);
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

  #faults(): Fault[] {
    const { slurm } = this.#cluster;
    const own = `--train-dir=${this.#trainDir}`;
    const of = (status: TrainingStatus, task: number) =>
      status.workers.find(({ worker }) => worker === task);
    return [
      {
        ...{ share: 0.1, name: "worker killed" },
        cause: () => killProcesses("--task=2", "--job-name=worker", own),
      },
      {
        ...{ share: 0.2, name: "owner killed" },
        cause: () => killProcesses("--task=0", "--job-name=ps", own),
      },
      {
        ...{ share: 0.3, name: "late worker" },
        cause: () => this.#join(LATE),
        shows: (status) => (of(status, LATE)?.applied ?? 0) > 0,
      },
      {
        ...{ share: 0.4, name: "worker duplicated" },
        cause: () => this.#join(1),
        shows: (status) => of(status, 1)?.name.endsWith(`:${this.#guests[1].pid}`) ?? false,
      },
      {
        ...{ share: 0.55, name: "node down" },
        cause: () => slurm("scontrol", "update", "NodeName=n4", "State=DOWN", "Reason=test"),
      },
      {
        ...{ share: 0.7, name: "requeue" },
        cause: async () => {
          this.#requeuedAt = (await this.#status())!.step;
          const [job] = (await slurm("squeue", "-h", "-t", "RUNNING", "-o", "%A")).split("\n");
          await slurm("scontrol", "requeue", job);
        },
      },
    ];
  }

  /** What the launcher told last; a run that begins again may be behind. */
  async #status(): Promise<TrainingStatus | null> {
    return await readTrainingStatus(this.#trainDir).catch(() => null);
  }

  /** Waits until the run is so far, or over. */
  async #until(isThere: (status: TrainingStatus) => boolean): Promise<void> {
    for (;;) {
      const status = await this.#status();
      if (this.#isOver || status !== null && isThere(status)) return;
      await setTimeout(300);
      await this.#hurry();
    }
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
