/**
 * Flags of `ffn train` that start a run of several processes; none of them is handed to those. Without defaults, so that a
 * run of one process does not write them down as its own.
 */
import type { Options } from "./command.ts";

/** Shows a process one card, with the drivers of NVIDIA's CUDA and of Mesa. */
export const GPU_ENV = "CUDA_VISIBLE_DEVICES={i} DRI_PRIME={pci}";

/** Of the processes themselves. */
const PROCESS_OPTIONS = {
  workers: {
    type: "integer",
    hint: "N",
    min: 1,
    max: 1024,
    description: "processes that train together, or per GPU; this one starts and watches them",
  },
  gpus: {
    type: "integer",
    hint: "N",
    min: 1,
    max: 64,
    description: "start processes for the GPUs 0 to N - 1, each of which sees one",
  },
  gpuEnv: {
    type: "text",
    hint: "ENV",
    description: "variables that show a process its GPU, {i} its number, {pci} its address " +
      `(default: ${GPU_ENV})`,
  },
} as const satisfies Options;

/** Of what holds parameters and carries gradients. */
export const SERVICE_OPTIONS = {
  numPs: {
    type: "integer",
    hint: "N",
    min: 1,
    max: 64,
    description: "processes that hold the parameters, each a part of them (default: 1)",
  },
  natsServer: {
    type: "text",
    hint: "PATH",
    description: "the program nats-server (default: the one on PATH)",
  },
  natsHost: {
    type: "text",
    hint: "HOST",
    description: "the one address it listens on (default: loopback; in SLURM that of the node)",
  },
  natsPort: {
    type: "integer",
    hint: "N",
    min: 1,
    max: 65_535,
    description: "its port (default: a free one)",
  },
  lostSeconds: {
    type: "number",
    hint: "S",
    min: 1,
    description: "silence after which a worker or owner counts as lost (default: 60)",
  },
} as const satisfies Options;

/** Set by those who start processes on several machines. */
const PLACE_OPTIONS = {
  launch: {
    type: "text",
    hint: "WHERE",
    choices: ["local", "slurm"],
    description: "where processes run: here (default), or on all nodes of this SLURM job",
  },
  workersPerNode: {
    type: "text",
    hint: "N,…",
    description: "with --launch slurm: one number, or one for each node (default: one per GPU)",
  },
  ranks: {
    type: "text",
    hint: "A-B",
    description: "start the workers A to B of a run that --exchange names, and nothing else",
  },
} as const satisfies Options;

/** All of them. */
export const LAUNCH_OPTIONS = {
  ...PROCESS_OPTIONS,
  ...SERVICE_OPTIONS,
  ...PLACE_OPTIONS,
} as const satisfies Options;

/** Whether a command line asks for several processes. */
export function wantsLaunch(values: Readonly<Record<string, unknown>>): boolean {
  return ["workers", "gpus", "ranks"].some((name) => values[name] !== undefined) ||
    values.launch === "slurm";
}
