/** What a site wants to know about a job; an empty value leaves the line out. */
export interface SlurmSite {
  readonly partition?: string;
  readonly account?: string;
  readonly qos?: string;
  readonly constraint?: string;
  readonly gres?: string;
  /** As `sbatch --time` takes it. */
  readonly time?: string;
  readonly mem?: string;
  readonly cpusPerTask?: number;
  /** Further arguments of sbatch, one each: `--exclude=node7`. */
  readonly sbatch: readonly string[];
  /** Lines of shell before the work, `module load …` for example. */
  readonly setup: readonly string[];
}

/** A job array: task I runs the I-th command line. */
export interface SlurmArray {
  readonly name: string;
  /** Words of the program that runs, before the arguments of a task. */
  readonly program: readonly string[];
  /** Arguments of each task. */
  readonly tasks: readonly (readonly string[])[];
  /** Tasks that run at once at most; all of them unless given. */
  readonly maxRunning?: number;
  /** Pattern for logs: `%A` is the job, `%a` the task. */
  readonly log: string;
  /** Time before the limit at which a task is asked to save and leave. */
  readonly signalSeconds: number;
  readonly site: SlurmSite;
}

/**
 * Text of the sbatch script of an array. Shortly before its time limit a task gets SIGUSR1, has its worker save a
 * checkpoint, and puts itself back into the queue. On preemption or requeueing SLURM sends SIGTERM to the worker itself; the
 * shell only waits for it.
 */
export function slurmScript(array: SlurmArray): string {
  const { name, tasks, program, site, maxRunning } = array;
  const limit = maxRunning === undefined ? "" : `%${maxRunning}`;
  const options: [string, string | number | undefined][] = [
    ["job-name", name],
    ["array", `0-${tasks.length - 1}${limit}`],
    ["output", array.log],
    ["open-mode", "append"],
    ["signal", `B:USR1@${array.signalSeconds}`],
    ["partition", site.partition],
    ["account", site.account],
    ["qos", site.qos],
    ["constraint", site.constraint],
    ["gres", site.gres],
    ["time", site.time],
    ["mem", site.mem],
    ["cpus-per-task", site.cpusPerTask],
  ];
  const given = options.filter(([, value]) => value !== undefined && value !== "");
  return [
    "#!/bin/bash",
    ...given.map(([option, value]) => `#SBATCH --${option}=${value}`),
    "#SBATCH --requeue",
    ...site.sbatch.map((argument) => `#SBATCH ${argument}`),
    "",
    ...site.setup,
    "",
    'case "$SLURM_ARRAY_TASK_ID" in',
    ...tasks.map((words, i) => `  ${i}) set -- ${words.map(quoted).join(" ")} ;;`),
    "esac",
    "",
    "requeue=",
    `${program.map(quoted).join(" ")} "$@" &`,
    "worker=$!",
    `trap 'requeue=1; kill -TERM "$worker"' USR1`,
    "trap : TERM",
    "# A signal ends wait before the worker has ended.",
    'while wait "$worker"; status=$?; kill -0 "$worker" 2>/dev/null; do :; done',
    'if [ -n "$requeue" ] && [ "$status" -ne 0 ]; then',
    "  # Not $SLURM_JOB_ID: one task's is the number of the array, and asks for all of it.",
    '  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"',
    "fi",
    'exit "$status"',
    "",
  ].join("\n");
}

/** A word for the shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
