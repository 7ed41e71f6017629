/** What the processes of a run of `ffn train-secgan` have to know of it. */
import { type SecganModel, secganVariables } from "../models/secgan/secgan.ts";
import { STEPS_PER_ITERATION } from "../training/secgan/shared_variables.ts";
import { type ExchangeSettings, exchangeSettings, runIdentity } from "./exchange_settings.ts";
import type { OwnedRun } from "./run_owner.ts";
import { needed, secganOptimizer, type SecganValues } from "./train_secgan_settings.ts";

/** The reference's warm-up, in units of `global_step`: worker k begins after k times so many. */
const REPLICA_STEP_DELAY = 100;

/** Flags that decide what parameters mean and how they change; they must be alike in all processes. */
const SHARED_FLAGS = [
  ...["segEnhanced", "ffnFovSize", "ffnFeaturesLayer", "ffnImageMean", "ffnImageStddev"],
  ...["seedLogit", "generatorDepth", "generatorChannels", "generatorNorm", "generatorDropout"],
  ...["discriminator", "discriminatorNorm", "discEarlyMaxpool", "convdiscDepth", "discHead"],
  ...["cycleLLambda", "cycleULambda", "generatorLambda", "generatorSegLambda"],
  ...["uDiscriminatorLambda", "lDiscriminatorLambda", "labelNoise", "fakepoolSz"],
  ...["volumeScale", "batchSize", "maxSteps", "optimizer", "learningRate", "momentum"],
  ...["rmspropDecay", "adamBeta1", "adamBeta2", "epsilon", "synchronous", "syncSgd"],
  ...["syncNReplicas", "replicasToAggregate", "scaleLr", "maxStaleness", "stalenessRate", "wire"],
];

/** What is trained, in the order in which it is shared. */
export function sharedVariables(model: SecganModel) {
  return secganVariables(model).filter(({ trained }) => trained);
}

/** Part of this process in a run of several; null where it trains alone. */
export function secganExchange(values: SecganValues): ExchangeSettings | null {
  const delay = values.replicaStepDelay ?? REPLICA_STEP_DELAY;
  return exchangeSettings({
    ...values,
    replicaStepDelay: Math.ceil(delay / STEPS_PER_ITERATION),
  });
}

/** What an owner and a worker need; an update of all four networks is one. */
export function secganRun(
  values: SecganValues & { readonly threads?: number },
  model: SecganModel,
  start: OwnedRun["start"],
): OwnedRun {
  return {
    variables: sharedVariables(model),
    maxSteps: values.maxSteps,
    identity: runIdentity(values, SHARED_FLAGS),
    trainDir: needed(values, "trainDir"),
    optimizer: secganOptimizer(values),
    threads: values.threads,
    stepsPerUpdate: STEPS_PER_ITERATION,
    start,
  };
}
