/** One run of `ffn slurm-train`: the script, and the job until the training is done. */
import { join, resolve } from "node:path";
import { followArray } from "../cluster/follow_array.ts";
import { slurmScript } from "../cluster/slurm_script.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { type Context, flagOf } from "./command.ts";
import { SERVICE_OPTIONS } from "./launch_options.ts";
import type { LaunchedTraining } from "./launch_training.ts";
import { programOf, type SiteFlags, siteOf } from "./slurm_site.ts";
import { TRAIN_OPTIONS } from "./train_options.ts";
import { withConfig } from "./training_config.ts";
import { readSettings } from "./training_settings.ts";
import { logFolder, newestUpdate } from "./training_status.ts";

/** The flags of the command beside those of `ffn train`. */
export interface SlurmTrainFlags extends SiteFlags {
  readonly numNodes: number;
  readonly numPs?: number;
  readonly psPort?: number;
  readonly workerPortMin?: number;
  readonly natsPort?: number;
  readonly exclude?: string;
  readonly slurmLogDir?: string;
  readonly signalSeconds: number;
  readonly maxResubmits: number;
  readonly pollSeconds: number;
  readonly scriptOnly: boolean;
}

/** Flags of `ffn train` that are handed on beside those of the training itself. */
const HANDED_ON = [
  ...Object.keys(SERVICE_OPTIONS),
  ...["workersPerNode", "gpuEnv", "live", "threads", "backend", "kernelProcess"],
];

/** A training that becomes a job. */
export interface SubmittedTraining extends Omit<LaunchedTraining, "variables"> {
  /** Flags of the training by option name; those of `names` are handed on. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly names: readonly string[];
}

/** `ffn slurm-train`. */
export async function slurmTrain(flags: SlurmTrainFlags, context: Context): Promise<void> {
  const values = await withConfig(flags as unknown as Record<string, unknown>);
  // What can be wrong with the training shows here and not in a queue.
  const { trainDir, maxSteps } = readSettings(values);
  const names = Object.keys(TRAIN_OPTIONS).filter((name) => name !== "config");
  const training = { command: "train", values, names, trainDir, maxSteps, stepsPerUpdate: 1 };
  await submitTraining(training, flags, context);
}

/** Submits the job, or follows the one that an earlier call submitted, until all steps are done. */
export async function submitTraining(
  { command, values, names, trainDir, maxSteps, stepsPerUpdate }: SubmittedTraining,
  flags: SlurmTrainFlags,
  context: Context,
): Promise<void> {
  for (const line of mapped(flags)) context.note(line);
  const site = await siteOf(flags);
  const script = resolve(trainDir, "slurm", "train.sh");
  const text = slurmScript({
    name: `ffn-${command}`,
    program: programOf(flags),
    tasks: [
      taskOf(command, names, {
        ...values,
        trainDir: resolve(trainDir),
        natsPort: portOf(flags),
      }),
    ],
    log: join(resolve(flags.slurmLogDir ?? logFolder(trainDir)), "slurm_%A.log"),
    signalSeconds: flags.signalSeconds,
    site: {
      ...site,
      sbatch: [
        ...[`--nodes=${flags.numNodes}`, "--ntasks-per-node=1"],
        // The loss of a node is the loss of its workers only.
        "--no-kill",
        ...flags.exclude === undefined ? [] : [`--exclude=${flags.exclude}`],
        ...site.sbatch,
      ],
    },
  });
  await writeFileAtomically(script, new TextEncoder().encode(text));
  if (flags.scriptOnly) return context.print(script);
  // Without its folder SLURM writes no log, and fails the job.
  await Deno.mkdir(resolve(flags.slurmLogDir ?? logFolder(trainDir)), { recursive: true });
  const jobFile = resolve(trainDir, "slurm", "job");
  await followArray({
    job: await Deno.readTextFile(jobFile).then((id) => id.trim(), () => undefined),
    ...{ script, note: context.note, signal: context.signal },
    maxResubmits: flags.maxResubmits,
    pollMs: 1000 * flags.pollSeconds,
    unfinished: async () =>
      (await newestUpdate(trainDir, stepsPerUpdate) ?? 0) < maxSteps ? [0] : [],
    onSubmit: (id) => writeFileAtomically(jobFile, new TextEncoder().encode(`${id}\n`)),
  });
  context.print(`${await newestUpdate(trainDir, stepsPerUpdate)} steps in ${trainDir}`);
}

/** What flags of the reference mean here that are called something else. */
function mapped({ psPort, workerPortMin, numPs }: SlurmTrainFlags): string[] {
  return [
    ...psPort === undefined ? [] : [`--ps-port ${psPort} is taken as --nats-port ${psPort}`],
    ...workerPortMin === undefined
      ? []
      : ["--worker-port-min has no effect: workers listen on no port"],
    ...numPs === undefined || numPs === 1
      ? []
      : [`--num-ps ${numPs}: each of ${numPs} processes holds a part of the variables`],
  ];
}

function portOf({ natsPort, psPort }: SlurmTrainFlags): number | undefined {
  return natsPort ?? psPort;
}

/** The command line of the job. */
function taskOf(
  command: string,
  names: readonly string[],
  values: Readonly<Record<string, unknown>>,
): string[] {
  const flags = [...names, ...HANDED_ON].flatMap((name) => {
    const value = values[name];
    if (value === undefined || value === false) return [];
    return [value === true ? flagOf(name) : `${flagOf(name)}=${value}`];
  });
  return [command, "--launch=slurm", ...flags];
}
