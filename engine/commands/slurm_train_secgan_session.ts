import { join } from "node:path";
import { UsageError } from "../errors/errors.ts";
import type { Context } from "./command.ts";
import { checkedSecgan } from "./launch_secgan.ts";
import { type SlurmTrainFlags, submitTraining } from "./slurm_train_session.ts";
import { TRAIN_SECGAN_OPTIONS } from "./train_secgan_options.ts";
import type { SecganValues } from "./train_secgan_settings.ts";

/** What the command line gives. */
export type SlurmTrainSecganValues = SecganValues & SlurmTrainFlags & {
  readonly runName?: string;
  readonly baseFolder?: string;
  readonly role: "launcher" | "node";
};

/** Submits the job, or follows the one that an earlier call submitted, until all iterations are done. */
export async function slurmTrainSecgan(
  given: SlurmTrainSecganValues,
  context: Context,
): Promise<void> {
  if (given.role !== "launcher") {
    throw new UsageError(
      `Cannot use --role ${given.role}: nodes are told by SLURM what to do; leave the flag out`,
    );
  }
  const values = { ...given, trainDir: trainDirOf(given) };
  // What can be wrong with the training shows here and not in a queue.
  const { command, trainDir, maxSteps, stepsPerUpdate } = await checkedSecgan(values, context);
  const names = Object.keys(TRAIN_SECGAN_OPTIONS);
  const training = { command, values, names, trainDir, maxSteps, stepsPerUpdate };
  await submitTraining(training, values, context);
}

/** `--train_dir`, or the folder that the reference makes of two other flags. */
function trainDirOf({ trainDir, runName, baseFolder }: SlurmTrainSecganValues): string | undefined {
  if (runName === undefined && baseFolder === undefined) return trainDir;
  if (trainDir === undefined && runName && baseFolder) return join(baseFolder, runName);
  throw new UsageError(
    "Cannot choose a folder: give either --train_dir, or --run_name and --base_folder",
  );
}
