/** Flags of runs in which several processes train one network. */
import deno from "../../deno.json" with { type: "json" };
import type { Wire } from "../cluster/exchange_frames.ts";
import type { RunIdentity } from "../cluster/owner_connection.ts";
import type { UpdateRule } from "../cluster/parameter_owner.ts";
import { UsageError } from "../errors/errors.ts";
import { flagOf } from "./command.ts";
import { wantsLaunch } from "./launch_options.ts";
import type { TrainValues } from "./training_config.ts";

/** What this process is in such a run. */
export interface ExchangeSettings {
  /** Path of the exchange configuration. */
  readonly path: string;
  /** Whether it holds parameters; otherwise it computes gradients. */
  readonly isOwner: boolean;
  /** Among the owners or the workers; worker 0 is the chief. */
  readonly index: number;
  readonly rule: UpdateRule;
  readonly wire: Wire;
  readonly prefetch: boolean;
  /** Updates of the run before which this worker does not begin. */
  readonly startStep: number;
}

/** The reference's warm-up: worker k begins after k times so many updates. */
const REPLICA_STEP_DELAY = 300;

/** Flags that decide what parameters mean and how they change; they must be alike in all processes. */
const SHARED_FLAGS = [
  ...["modelName", "modelArgs", "batchSize", "maxSteps", "fovPolicy", "fovMoves", "seedPad"],
  ...["threshold", "imageMean", "imageStddev", "imageOffsetScaleMap", "optimizer"],
  ...["learningRate", "momentum", "learningRateDecayFactor", "decaySteps", "rmspropDecay"],
  ...["adamBeta1", "adamBeta2", "epsilon", "gradientClip", "synchronous", "syncSgd"],
  ...["syncNReplicas", "replicasToAggregate", "scaleLr", "maxStaleness", "stalenessRate", "wire"],
];

/** What has become of flags of the reference that have no effect any more. */
const REPLACED: Readonly<Record<string, string>> = {
  master: "processes meet at the server that --exchange names",
  psHosts: "owners of parameters are reached over the server that --exchange names",
  workerHosts: "workers join when they come, over the server that --exchange names",
  psTasks: "the exchange configuration says how many owners there are (--num-ps of the launcher)",
  totalReplicas: "any number of workers may join, spare ones too",
};

/** Whether the flags are those of a run of several processes, or of its launcher. */
export function sharesParameters(values: TrainValues): boolean {
  return values.exchange !== undefined || values.numNodes !== undefined || wantsLaunch(values);
}

/** @returns null where the process trains alone. */
export function exchangeSettings(values: TrainValues): ExchangeSettings | null {
  if (values.exchange === undefined) return null;
  const isOwner = values.jobName === "ps";
  if (!isOwner && values.jobName !== undefined && values.jobName !== "worker") {
    throw new UsageError(
      `Cannot train with --job-name "${values.jobName}": it must be ps or worker`,
    );
  }
  const rule = updateRule(values);
  const prefetch = values.prefetch === true;
  if (prefetch && rule.replicas !== undefined) {
    throw new UsageError(
      "Cannot use --prefetch with --synchronous true: a synchronous step waits for newer parameters",
    );
  }
  const index = Number(values.task ?? 0);
  const delay = rule.replicas === undefined
    ? Number(values.replicaStepDelay ?? REPLICA_STEP_DELAY)
    : 0;
  return {
    ...{ path: String(values.exchange), isOwner, index, rule, prefetch },
    wire: (values.wire ?? "float32") as Wire,
    startStep: isOwner ? 0 : index * delay,
  };
}

/** When owners apply gradients. */
export function updateRule(values: TrainValues): UpdateRule {
  if (values.synchronous !== "true" && values.syncSgd !== "true") {
    return {
      maxStaleness: values.maxStaleness === undefined ? undefined : Number(values.maxStaleness),
      stalenessRate: values.stalenessRate === true,
    };
  }
  const replicas = Number(values.syncNReplicas ?? values.replicasToAggregate ?? 0);
  if (replicas > 0) return { replicas };
  throw new UsageError(
    "Cannot train with --synchronous true without --sync-n-replicas: it must be the number of workers whose gradients make one update",
  );
}

/** What the learning rate of a synchronous run is multiplied by. */
export function rateScale(values: TrainValues): number {
  const { replicas } = updateRule(values);
  if (replicas === undefined) return 1;
  const scales: Readonly<Record<string, number>> = {
    noscale: 1,
    sqrt: Math.sqrt(replicas),
    linear: replicas,
  };
  const scale = scales[String(values.scaleLr ?? "noscale")];
  if (scale !== undefined) return scale;
  throw new UsageError(
    `Cannot use --scale-lr "${values.scaleLr}": it must be noscale, sqrt or linear`,
  );
}

/**
 * What must be alike in all processes of a run.
 *
 * @param names Of the flags that decide it.
 */
export function runIdentity(
  values: TrainValues,
  names: readonly string[] = SHARED_FLAGS,
): RunIdentity {
  const flags = names.map((name) => [flagOf(name), String(values[name] ?? "default")]);
  return { "version of ffn": deno.version, ...Object.fromEntries(flags) };
}

/** A line for each flag of the reference that was given and has no effect. */
export function replacedFlags(values: TrainValues): string[] {
  return Object.entries(REPLACED).flatMap(([name, instead]) => {
    const value = values[name];
    if (value === undefined || value === "" || value === 0) return [];
    return [`${flagOf(name)} has no effect: ${instead}`];
  });
}
