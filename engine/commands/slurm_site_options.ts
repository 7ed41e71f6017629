/** What SLURM is told about every job of a site. */
import type { Options } from "./command.ts";

/** Flags, and keys of the file that `--site` names. */
export const SLURM_SITE_OPTIONS = {
  site: {
    type: "text",
    hint: "FILE.yaml",
    description: "partition, account, qos, constraint, gres, time, mem, cpus_per_task, sbatch " +
      "and setup for all jobs of a site; flags win",
  },
  partition: { type: "text", hint: "NAME", description: "of sbatch" },
  account: { type: "text", hint: "NAME", description: "of sbatch" },
  qos: { type: "text", hint: "NAME", description: "of sbatch" },
  constraint: { type: "text", hint: "TEXT", description: "of sbatch" },
  gres: { type: "text", hint: "TEXT", description: "of sbatch, gpu:1 for example" },
  t: {
    type: "text",
    hint: "TIME",
    description: "time limit of a task, as sbatch --time takes it",
  },
  mem: { type: "text", hint: "SIZE", description: "of sbatch" },
  cpusPerTask: { type: "integer", hint: "N", min: 1, description: "of sbatch" },
  sbatch: { type: "texts", hint: "ARG", description: "further arguments of sbatch" },
  setup: { type: "texts", hint: "LINE", description: "lines of shell before the work" },
  program: {
    type: "text",
    hint: "WORDS",
    description: "what runs on a node in place of this program, separated by spaces",
  },
} as const satisfies Options;

/** How a submitted job is followed, or that it is only written. */
export const SLURM_FOLLOW_OPTIONS = {
  pollSeconds: {
    type: "number",
    hint: "S",
    min: 0.1,
    default: 15,
    description: "time between two looks at the queue",
  },
  scriptOnly: { type: "flag", description: "write the script and print its path" },
} as const satisfies Options;
