/** `ffn train-secgan` with several processes. */
import { STEPS_PER_ITERATION } from "../training/secgan/shared_variables.ts";
import type { COMPUTE_OPTIONS, Context, Values } from "./command.ts";
import { rateScale } from "./exchange_settings.ts";
import type { LAUNCH_OPTIONS } from "./launch_options.ts";
import { launch, type LaunchedTraining, runNode } from "./launch_training.ts";
import { frozenNetwork } from "./run_train_secgan.ts";
import { sharedVariables } from "./secgan_run.ts";
import { needed, secganModel, type SecganValues, volumeSpecs } from "./train_secgan_settings.ts";

type LaunchValues =
  & SecganValues
  & Values<Record<never, never>, typeof LAUNCH_OPTIONS>
  & Values<Record<never, never>, typeof COMPUTE_OPTIONS>;

/** Starts what the flags ask for, and watches it until the training is done. */
export async function launchSecgan(values: LaunchValues, context: Context): Promise<void> {
  if (values.ranks !== undefined) return await runNode("train-secgan", values, context);
  await launch(await checkedSecgan(values, context), values, context);
}

/** Everything that can be wrong with flags shows here, once, and not in the log of a process. */
export async function checkedSecgan(
  values: SecganValues,
  context: Context,
): Promise<LaunchedTraining> {
  const trainDir = needed(values, "trainDir");
  volumeSpecs(values);
  const model = secganModel(values, await frozenNetwork(values, context));
  rateScale({ ...values, syncNReplicas: 1 });
  return {
    command: "train-secgan",
    variables: sharedVariables(model),
    trainDir,
    maxSteps: values.maxSteps,
    stepsPerUpdate: STEPS_PER_ITERATION,
  };
}
