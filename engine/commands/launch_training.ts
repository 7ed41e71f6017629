/** `ffn train` with several processes: where each of them runs and what it is told. */
import { dirname, join, resolve } from "node:path";
import { gpuEnvironment, graphicsCards } from "../cluster/gpu_environment.ts";
import { DEFAULT_LOST_SECONDS, DEFAULT_MAX_PAYLOAD } from "../cluster/exchange_config.ts";
import { findNatsServer, randomToken } from "../cluster/nats_server.ts";
import { execute } from "../cluster/slurm.ts";
import {
  type AllocatedNode,
  allocatedNodes,
  ranksOf,
  srunOn,
} from "../cluster/slurm_allocation.ts";
import { exchangePath, isRunning, runTrainingCluster } from "../cluster/training_cluster.ts";
import {
  superviseWorkers,
  untilStarterIsGone,
  type WorkerProcess,
} from "../cluster/worker_processes.ts";
import { UsageError } from "../errors/errors.ts";
import { elementCount } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";
import { type Context, flagOf } from "./command.ts";
import { GPU_ENV, LAUNCH_OPTIONS } from "./launch_options.ts";
import { showProgress } from "./progress.ts";
import { type TrainValues, withConfig } from "./training_config.ts";
import { readSettings } from "./training_settings.ts";
import { exchangeFolder, logFolder, TrainingStatusFile } from "./training_status.ts";

/** What a process of a run is told about it. */
type Process = Pick<LaunchedTraining, "command" | "trainDir">;

/** Workers of one machine, by rank. */
interface Place {
  readonly first: number;
  readonly count: number;
}

/** What is trained by several processes. */
export interface LaunchedTraining {
  /** Name of the command that is one of them. */
  readonly command: string;
  /** Of everything that is trained. */
  readonly variables: readonly Variable[];
  readonly trainDir: string;
  /** Updates of the whole run. */
  readonly maxSteps: number;
  /** By which the names of checkpoints grow with each update. */
  readonly stepsPerUpdate: number;
}

/** `ffn train` with several processes. */
export async function launchTraining(given: TrainValues, context: Context): Promise<void> {
  const values = await withConfig(given);
  if (values.ranks !== undefined) return await runNode("train", values, context);
  // Everything that can be wrong with flags shows here, once.
  const { model: { variables }, trainDir, maxSteps } = readSettings(values);
  const training = { command: "train", variables, trainDir, maxSteps, stepsPerUpdate: 1 };
  await launch(training, values, context);
}

/** Starts what the flags ask for, and watches it until the training is done. */
export async function launch(
  training: LaunchedTraining,
  values: TrainValues,
  context: Context,
): Promise<void> {
  const { variables, trainDir, maxSteps, stepsPerUpdate } = training;
  const program = await findNatsServer(values.natsServer as string | undefined);
  const folder = exchangeFolder(trainDir);
  if (await isRunning(folder)) {
    throw new UsageError(
      `Cannot train in "${trainDir}": a run is under way there; see ffn status ${trainDir}`,
    );
  }
  const { owners, workers, host } = values.launch === "slurm"
    ? await overNodes(training, values)
    : await onThisMachine(training, values);
  const exchange = {
    ...{ run: crypto.randomUUID(), token: randomToken(), owners: owners.length },
    ...{
      maxPayload: DEFAULT_MAX_PAYLOAD,
      lostSeconds: Number(values.lostSeconds ?? DEFAULT_LOST_SECONDS),
    },
  };
  using display = showProgress(context, "training");
  const status = new TrainingStatusFile(trainDir, maxSteps, stepsPerUpdate);
  await runTrainingCluster({
    folder,
    server: { program, host, port: values.natsPort as number | undefined },
    exchange,
    gradientBytes: 4 * variables.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    ...{ owners, workers },
    signal: untilStarterIsGone(context.signal),
    ...{ print: context.print, note: context.note },
    onStatus(found) {
      const { step } = status.take(found);
      display.update({ fraction: step / maxSteps, counts: { steps: step } });
    },
  }).finally(() => status.close());
  context.print(await status.conclusion());
}

/**
 * The flags of the training itself, for the command line of a process.
 *
 * @param workers Those of the run: as many gradients as these make one synchronous update unless the flags say how many.
 */
function trainingFlags(values: TrainValues, workers?: number): string[] {
  const ours = [
    ...Object.keys(LAUNCH_OPTIONS),
    ...["threads", "config", "live", "exchange", "jobName", "task"],
  ];
  // One seed for all; a worker's own is made from it and its rank.
  const seed = values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const isSynchronous = values.synchronous === "true" || values.syncSgd === "true";
  const given = values.syncNReplicas || values.replicasToAggregate;
  const replicas = isSynchronous && !given ? { syncNReplicas: workers } : {};
  return Object.entries({ ...values, seed, ...replicas }).flatMap(([name, value]) => {
    if (value === undefined || value === false || ours.includes(name)) return [];
    return [value === true ? flagOf(name) : `${flagOf(name)}=${value}`];
  });
}

/** All processes here. */
async function onThisMachine(training: LaunchedTraining, values: TrainValues) {
  const count = Number(values.workers ?? 1) * Number(values.gpus ?? 1);
  const flags = trainingFlags(values, count);
  const place = { first: 0, count };
  return {
    host: String(values.natsHost ?? "127.0.0.1"),
    owners: ownersOf(training, values, flags, () => undefined),
    workers: await workersOf(place, values, flags, training, values.gpus as number | undefined),
  };
}

/**
 * Processes on all nodes of the job. Those of this node are children of this process and not of srun, which kills its step
 * at the SIGTERM that SLURM sends before it takes a job off its nodes: the chief would have no time to save.
 */
async function overNodes(training: LaunchedTraining, values: TrainValues) {
  const nodes = await allocatedNodes(execute, (name) => Deno.env.get(name));
  const places = ranksOf(nodes, values.workersPerNode as string | undefined);
  const flags = trainingFlags(values, places.reduce((sum, { count }) => sum + count, 0));
  const workersHere = await workersOf(places[0], values, flags, training, nodes[0].gpus);
  const elsewhere = nodes.slice(1).flatMap((node, i) =>
    places[i + 1].count === 0 ? [] : [agentOf(node, places[i + 1], values, flags, training)]
  );
  return {
    host: String(values.natsHost ?? nodes[0].address),
    // One after the other over the nodes. One that died begins again on this node: its own may be gone.
    owners: ownersOf(training, values, flags, (index, starts) => {
      const at = starts === 0 ? index % nodes.length : 0;
      return at === 0 ? [] : srunOn(nodes[at]);
    }),
    workers: [...workersHere, ...elsewhere],
  };
}

function ownersOf(
  training: Process,
  values: TrainValues,
  flags: readonly string[],
  starter: (index: number, starts: number) => readonly string[] | undefined,
): WorkerProcess[] {
  return Array.from({ length: Number(values.numPs ?? 1) }, (_, i): WorkerProcess => ({
    name: `owner ${i}`,
    args: roleArguments("ps", i, [...flags, "--threads=1"], training),
    env: {},
    starter: (starts) => starter(i, starts) ?? [],
    followsInput: true,
    log: join(logFolder(training.trainDir), `owner_${i}.log`),
  }));
}

function roleArguments(
  role: string,
  task: number,
  flags: readonly string[],
  { command, trainDir }: Process,
) {
  const exchange = exchangePath(exchangeFolder(trainDir));
  return [command, ...flags, `--exchange=${exchange}`, `--job-name=${role}`, `--task=${task}`];
}

/** Workers of this machine; each sees one of its graphics cards where there are any. */
async function workersOf(
  { first, count }: Place,
  values: TrainValues,
  flags: readonly string[],
  training: Process,
  gpus?: number,
): Promise<WorkerProcess[]> {
  const cards = gpus ? await graphicsCards() : [];
  // Those that the scheduler gave, where it says so.
  const given = Deno.env.get("CUDA_VISIBLE_DEVICES")?.split(",") ?? [];
  const threads = Number(
    values.threads ?? Math.max(1, Math.floor(navigator.hardwareConcurrency / count)),
  );
  return Array.from({ length: count }, (_, i): WorkerProcess => {
    const rank = first + i;
    const card = gpus ? i % gpus : 0;
    const number = /^\d+$/.test(given[card] ?? "") ? Number(given[card]) : card;
    return {
      name: `worker ${rank}`,
      // The chief's page shows the run.
      args: roleArguments("worker", rank, [
        ...[...flags, `--threads=${threads}`],
        ...(rank === 0 && values.live !== undefined ? [`--live=${values.live}`] : []),
      ], training),
      env: gpus ? gpuEnvironment(String(values.gpuEnv ?? GPU_ENV), number, cards) : {},
      followsInput: true,
      log: join(logFolder(training.trainDir), `worker_${rank}.log`),
    };
  });
}

/** A process on another node that starts its workers and watches them. */
function agentOf(
  node: AllocatedNode,
  { first, count }: Place,
  values: TrainValues,
  flags: readonly string[],
  { command, trainDir }: Process,
): WorkerProcess {
  const more = ["gpuEnv", "threads"].flatMap((name) =>
    values[name] === undefined ? [] : [`${flagOf(name)}=${values[name]}`]
  );
  return {
    name: `node ${node.name}`,
    args: [
      ...[command, ...flags, ...more, `--exchange=${exchangePath(exchangeFolder(trainDir))}`],
      ...[`--ranks=${first}-${first + count - 1}`, ...node.gpus > 0 ? [`--gpus=${node.gpus}`] : []],
    ],
    env: {},
    starter: () => srunOn(node),
    followsInput: true,
    log: join(logFolder(trainDir), `node_${node.name}.log`),
  };
}

/** Starts the workers of one node of a run that others began. */
export async function runNode(
  command: string,
  values: TrainValues,
  context: Context,
): Promise<void> {
  const { exchange, ranks } = values;
  const [, from, to] = /^(\d{1,6})-(\d{1,6})$/.exec(String(ranks)) ?? [];
  if (from === undefined || Number(from) > Number(to)) {
    throw new UsageError(`Cannot use --ranks "${ranks}": it must be A-B with A up to B`);
  }
  if (exchange === undefined) throw new UsageError("Cannot use --ranks without --exchange FILE");
  const place = { first: Number(from), count: Number(to) - Number(from) + 1 };
  const trainDir = dirname(dirname(resolve(String(exchange))));
  const flags = trainingFlags(values);
  const workers = await workersOf(
    ...[place, values, flags, { command, trainDir }, values.gpus as number | undefined] as const,
  );
  const gaveUp = await superviseWorkers(workers, {
    signal: untilStarterIsGone(context.signal),
    ...{ print: context.print, note: context.note, longLifeMs: 30_000 },
  });
  if (gaveUp.length < workers.length) return;
  throw new Error(`Cannot go on: all of ${gaveUp.join(", ")} gave up, see their logs`);
}
